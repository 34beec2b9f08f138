"""Deploy a release on this machine or on Kubernetes, and test it before and after."""
