"""Where a release serves: on this machine, or on Kubernetes."""
