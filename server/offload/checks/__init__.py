"""Checks of an answer before it is delivered."""
