"""Download and verification of the embedded engine's weights."""
