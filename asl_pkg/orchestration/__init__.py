"""The pipeline's runs, on this machine and on Kubeflow Pipelines."""
