"""Checks of new Python code by running it.

``check``     loads a module once, runs facts, and says passed, failed or not run (start here)
``facts``     one-line facts: ``f([3, 1]) == [1, 3]``, ``raises ValueError: f(-1)``
``examples``  facts in the text of a task
``judge``     compares what the sandbox reported with what a fact expects, outside of the sandbox
``causes``    causes outside of the code: a missing package, a file, the network
``names``     names that a module uses and does not bind
"""
