"""Checks run on an answer before it is delivered."""
