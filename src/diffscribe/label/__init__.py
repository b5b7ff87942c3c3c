"""Stage label: a commit plan for each change."""
