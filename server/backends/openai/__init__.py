"""OpenAI-compatible servers, with one module per dialect."""
