"""Settings: what every one means, and how they are read from YAML and the command line."""
