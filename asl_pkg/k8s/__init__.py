"""Kubernetes: API client, rollouts, port forwarding, pending pods, TrainJobs."""
