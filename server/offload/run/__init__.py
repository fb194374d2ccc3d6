"""State, recording, progress and reply of one offload."""
