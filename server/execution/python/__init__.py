"""Checks of new Python code by running it.

``check``     loads a module once, runs facts, and says passed, failed or not run (start here)
``runtime``   the language as ``execution.runtime`` asks for it
``facts``     one-line facts: ``f([3, 1]) == [1, 3]``, ``raises ValueError: f(-1)``
``examples``  facts in the text of a task
``judge``     compares what the sandbox reported with what a fact expects, outside of the sandbox
``causes``    causes outside of the code: a missing package, a file, the network
``generated``  calls of a module's functions with generated arguments
``demonstrations``  removes what a model adds below new code to show it
``names``     names that a module uses and does not bind
"""
