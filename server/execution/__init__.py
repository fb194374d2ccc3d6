"""Runs generated code and a project's own checks.

``sandbox``         runs untrusted code behind kernel barriers and reports what it did
``runtime``         the interface for languages whose code can be run (``findings``: the results)
``python``          Python: loads a module, runs one-line facts, judges the results outside the sandbox
``scripts``         the same for JavaScript, TypeScript and Bash
``candidates``      picks the sample whose behaviour on ``inputs`` most others share
``mutants``         small faults generated in a Python module
``test_trim``       reduces generated tests to the assertions that hold (run by ``inner_test_runner``)
``reaper``          ends every process started by a command outside the sandbox
``project_checks``  the project's own checks, found in its files
"""
