"""A Kubernetes cluster: its API, rollouts, ports and training jobs."""
