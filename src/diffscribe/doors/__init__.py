"""The outside world: git, endpoints, llama.cpp, torch; nothing else reaches it."""
