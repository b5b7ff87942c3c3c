"""The domain: messages, plans, diffs, prompts and what is true of them."""
