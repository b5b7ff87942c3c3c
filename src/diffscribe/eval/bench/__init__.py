"""Runs of any case file on any model, kept and compared."""
