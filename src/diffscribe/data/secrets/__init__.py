"""Find secrets and personal data in a row and replace them."""
