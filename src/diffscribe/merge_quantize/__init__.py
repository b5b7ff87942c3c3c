"""Stage merge-quantize: adapter and base to GGUF."""
