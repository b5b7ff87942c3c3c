"""A change as the text a model is shown."""
