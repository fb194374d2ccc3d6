"""Claude Code's transcripts: reader, sessions, follow-ups, missed savings and the transcript check."""
