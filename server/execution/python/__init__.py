"""Checks new Python code by running it.

``check``     loads a module once, runs facts, and reports passed, failed or not run (start here)
``runtime``   implements ``execution.runtime`` for Python
``facts``     one-line facts: ``f([3, 1]) == [1, 3]``, ``raises ValueError: f(-1)``
``examples``  facts found in a task's text
``verdicts``  compares the sandbox's report with the expected value, outside the sandbox
``causes``    external causes of failure: a missing package, a file, the network
``generated``  calls to a module's functions with generated arguments
``demonstrations``  removes demonstration code that a model appends to new code
``names``     names a module uses but does not bind
"""
