"""Where a release serves, and how it is tried before and after."""
