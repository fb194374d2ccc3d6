"""Servers with OpenAI-compatible routes, one module for each dialect."""
