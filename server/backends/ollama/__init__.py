"""Ollama, by its own protocol."""
