"""Runs generated code and a project's own checks.

``sandbox``         runs untrusted code behind kernel barriers and reports its actions
``runtime``         interface of a language whose code can be run (``findings``: the results)
``python``          Python: load a module, run one-line facts, judge the results outside
``scripts``         the same for JavaScript, TypeScript and Bash
``candidates``      agreement of several samples in their behaviour on ``inputs``
``mutants``         small automatic faults in a Python module
``test_trim``       generated tests reduced to the assertions that hold, run by ``inner_test_runner``
``reaper``          ends all processes that a command outside the sandbox started
``project_checks``  the project's own checks, found in its files
"""
