"""What the pipelines share that learn from logs: reading, splits, evaluation."""
