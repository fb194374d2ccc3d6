"""From a task to a model request: plan, targets, prompt, generation."""
