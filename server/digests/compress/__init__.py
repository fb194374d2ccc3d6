"""`compress_context`: digests of files and text, supplemented by the local model's answers."""
