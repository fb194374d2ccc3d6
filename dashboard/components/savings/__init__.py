"""Savings: figures, chart, tables, and the check against Claude Code's transcripts."""
