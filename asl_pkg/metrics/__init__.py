"""Metrics of classification, used by data, models and validation."""
