"""Ollama, using its native protocol."""
