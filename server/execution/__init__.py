"""Execution of generated code and of a project's own checks.

``sandbox``  runs untrusted code behind kernel barriers and reports what it did
"""
