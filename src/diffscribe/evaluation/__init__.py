"""Samples to scores to metrics to a report."""
