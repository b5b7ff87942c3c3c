"""The domain: conventional commits, plans, junk."""
