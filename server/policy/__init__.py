"""The policy for agents: rules, limits, approvals, the audit trail, secrets and paths.

Start reading in ``gate.py``, which every tool call passes. ``rules/evaluate.py`` decides whether a call is
allowed, needs the user's approval or is denied. ``values.py`` defines the terms.
"""
