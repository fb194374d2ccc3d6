"""Calls that outlast the client's time limit: the call returns and a job or task goes on.

``job_wait``         waits for a batch until the client's time limit nears, then returns the job's id
``task_handoff``     hands the batch of such a call over to a task
``tasks_extension``  turns any long call into a task, for clients with the extension
"""
