"""Savings: totals, charts, tables, and a comparison with Claude Code's transcripts."""
