"""The embedded engine: llama.cpp in a child process, and its model weights."""
