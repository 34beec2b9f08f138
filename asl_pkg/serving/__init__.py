"""Model servers: the local Triton, the transformer, and KServe's server."""
