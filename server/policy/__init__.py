"""What an agent may do: rules, limits, approvals, the audit trail, secrets and paths.

Start in ``gate.py``, the one place that every tool call passes; ``values.py`` has the words.
"""
