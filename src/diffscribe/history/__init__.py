"""Git repositories as a source of changes; the only door to git."""
