"""Execution of generated code and of a project's own checks.

``sandbox``         runs untrusted code behind kernel barriers and reports what it did
``python``          checks of new Python code: load it, run one-line facts, judge the results outside
``candidates``      the best of several samples: examples decide, else agreement of behaviour on ``inputs``
``mutants``         small automatic faults in a Python module
``test_trim``       generated tests reduced to the assertions that hold, run by ``inner_test_runner``
``reaper``          ends everything that a command outside of the sandbox started
``project_checks``  the checks that a project brings, found in its files
"""
