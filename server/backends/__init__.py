"""Engines that run a model: Ollama, OpenAI-compatible servers, and the embedded engine."""
