"""The bundle: what is served, sealed by digests, signed and stored as a release."""
