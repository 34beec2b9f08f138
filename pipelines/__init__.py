"""The five steps as one Kubeflow pipeline: asl.py is the list, asl.yaml its compiled form."""
