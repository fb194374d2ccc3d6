"""Execution of generated code and of a project's own checks.

``sandbox``  runs untrusted code behind kernel barriers and reports what it did
``python``   checks of new Python code: load it, run one-line facts, judge the results outside
"""
