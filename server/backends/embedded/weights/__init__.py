"""Download and verification of the weights of the embedded engine."""
