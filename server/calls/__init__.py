"""A tool call around the tool: prepared, judged by the policy, entered; secrets removed from its result.

``prepare``, ``enter`` and ``secret_redaction`` are the steps, in this order. ``job_wait``, ``task_handoff``
and ``tasks_extension`` turn a long call into a job.
"""
