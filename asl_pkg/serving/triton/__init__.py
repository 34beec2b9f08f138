"""Run a real Triton on this machine."""
