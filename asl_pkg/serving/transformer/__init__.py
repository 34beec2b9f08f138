"""The KServe transformer: images in, letters out."""
