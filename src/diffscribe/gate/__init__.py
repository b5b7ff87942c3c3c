"""A person judges a few labels before all are bought: draw, show, record, compare."""
