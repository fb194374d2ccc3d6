"""From model response to file contents: extraction, edits, merging."""
