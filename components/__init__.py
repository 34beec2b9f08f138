"""One file a step: a signature, a docstring, one call into asl_pkg."""
