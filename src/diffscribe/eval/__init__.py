"""Stage eval: measure student, base and controls on the same cases."""
