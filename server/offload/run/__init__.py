"""State, recording, progress and reply for one offload."""
