"""The policy for agents: rules, limits, approvals, the audit trail, secrets and paths.

Start reading in ``gate.py``, which every tool call passes. ``values.py`` defines the terms.
"""
