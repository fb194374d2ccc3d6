"""Savings: figures, chart, tables, and the comparison with Claude Code's transcripts."""
