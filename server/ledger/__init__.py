"""Savings: tokens and money that Claude saved, minus the cost of the calls."""
