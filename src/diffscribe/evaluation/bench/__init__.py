"""Runs of any model over any cases: asked once, kept, scored again and compared."""
