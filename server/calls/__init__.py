"""A tool call around the tool: prepared, judged by the policy, entered; secrets removed from its result.

``prepare``, ``enter`` and ``secret_redaction`` are the steps, in this order. ``long_calls`` turns a long call
into a job or task.
"""
