"""Claude Code's transcripts: reader, sessions, follow-ups, missed savings, transcript check."""
