"""Savings: the tokens and money saved for Claude, minus the cost of the calls."""
