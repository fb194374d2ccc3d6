"""Model engines: Ollama, OpenAI-compatible servers, and the embedded engine."""
