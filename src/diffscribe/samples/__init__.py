"""Sample repositories: small synthetic histories that look real."""
