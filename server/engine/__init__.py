"""The active engine: discovery, monitoring, queue, model selection, pausing."""
