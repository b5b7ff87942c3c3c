"""Stage base: the model to start from."""
