"""Labeling, curation and splitting."""
