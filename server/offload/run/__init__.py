"""One running offload: its state and history rows (``recorder``), its progress, and the reply to Claude."""
