"""Claude Code's transcripts: reading, sessions, follow-ups, missed chances, the transcript check."""
