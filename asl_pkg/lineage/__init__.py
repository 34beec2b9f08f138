"""Where a result comes from: code, commit, packages and the MLflow run."""
