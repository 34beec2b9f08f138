"""A real Triton on this machine."""
