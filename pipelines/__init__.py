"""The Kubeflow pipeline: asl.py defines it, asl.yaml is its compiled form."""
