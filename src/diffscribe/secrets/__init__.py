"""Find secrets and names of people, and replace them."""
