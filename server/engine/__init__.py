"""The engine in use: discovery, monitoring, queue, model selection, pausing."""
