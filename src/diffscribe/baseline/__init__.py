"""A classical baseline: which files belong together, and of what type they are."""
