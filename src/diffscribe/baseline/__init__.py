"""Stage baseline: what a model has to beat."""
