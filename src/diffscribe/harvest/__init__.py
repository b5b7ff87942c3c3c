"""Stage harvest: histories to working-tree changes."""
