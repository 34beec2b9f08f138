"""The steps as kfp components, one file each: a signature, a docstring, one call into asl_pkg."""
