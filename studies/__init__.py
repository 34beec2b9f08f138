"""Studies of the model and the gates; speed is measured under benchmarks/."""
