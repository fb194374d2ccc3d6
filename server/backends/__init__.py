"""The engines that run a model: Ollama, OpenAI-compatible servers, the embedded one."""
