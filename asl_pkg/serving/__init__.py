"""What is served: the bundle, the store of releases, the local Triton and its clients."""
