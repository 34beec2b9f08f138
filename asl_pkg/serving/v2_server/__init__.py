"""KServe's own v2 server, for the transformer and for `engine=kserve`."""
