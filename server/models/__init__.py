"""Models on this machine: hardware, memory, recommendations and measurements."""
