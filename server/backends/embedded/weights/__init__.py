"""Downloads and verifies the embedded engine's weights."""
