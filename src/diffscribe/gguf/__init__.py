"""The only place that knows llama.cpp: convert, quantize, serve."""
