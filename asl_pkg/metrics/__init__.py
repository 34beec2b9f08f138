"""Figures of classification, used by data, models and validation."""
