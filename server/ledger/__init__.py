"""Savings: tokens and money that Claude saved, less what the calls cost."""
