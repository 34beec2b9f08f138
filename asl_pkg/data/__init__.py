"""Images: their sources, preparation, splits, storage and loading."""
