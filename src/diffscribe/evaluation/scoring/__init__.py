"""One answer to its scores: a family of measures a module, all in `all`."""
