"""Splits: which images stay together, and which split they go to."""
