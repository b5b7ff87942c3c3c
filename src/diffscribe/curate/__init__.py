"""Stage curate: keep what is worth learning from."""
