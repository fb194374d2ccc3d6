"""OpenAI-compatible servers, one module per dialect."""
