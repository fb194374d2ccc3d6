"""Runs generated code and a project's own checks.

``sandbox``         runs untrusted code behind kernel barriers and reports what it did
``runtime``         what a language needs so that its code can be run (``findings``: what that showed)
``python``          Python: load a module, run one-line facts, judge the results outside
``scripts``         the same for JavaScript, TypeScript and Bash
``candidates``      agreement of several samples in their behaviour on ``inputs``
``mutants``         small automatic faults in a Python module
``test_trim``       generated tests reduced to the assertions that hold, run by ``inner_test_runner``
``reaper``          ends everything that a command outside of the sandbox started
``project_checks``  the checks that a project brings, found in its files
"""
