"""The answers that were paid for, in one sqlite file."""
