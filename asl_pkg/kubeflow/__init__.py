"""Kubeflow Pipelines: what a run needs there, and what becomes of it."""
