"""Learn from an agent's memory of successes, and from its attempts."""
