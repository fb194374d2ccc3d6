"""The embedded engine: llama.cpp in a child process, with weights that it downloads."""
