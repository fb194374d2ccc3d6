"""Trial runs of a result in the sandbox, before it is delivered.

``trials``         decides what can be run of a result, and adds what that showed to its verdict (start here)
``new_code``       loads new or changed Python code and runs its examples
``demonstrations``  removes what a model adds below new code to show it
``written_tests``  runs generated tests on the code, and on mutants of it
``agreement``      compares the behaviour of several samples if no example decides
"""
