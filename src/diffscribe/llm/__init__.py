"""Any OpenAI-compatible endpoint; the only door to one."""
