"""Images: where they come from, how they are prepared, split, stored and read."""
