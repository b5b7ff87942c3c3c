"""Base model, fine-tuning, merging; the only place that imports torch."""
