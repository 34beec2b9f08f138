"""Drift of new images from those that the model was measured on."""
