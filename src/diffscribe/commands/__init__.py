"""What is asked for by name and is no stage."""
