"""Models on this machine: hardware, memory, recommendation, measurement."""
