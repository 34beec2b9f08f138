"""Defects planted into a good model, to see whether the gates refuse each."""
