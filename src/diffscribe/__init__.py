"""Train your own small model to write commits."""
