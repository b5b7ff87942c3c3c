"""Stage render: changes to prompts and completions."""
