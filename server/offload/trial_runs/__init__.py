"""Trial runs of a result in the sandbox, before it is delivered.

``trials``         decides which results can be run, and adds the findings to their verdicts (start here)
``new_code``       loads new or changed Python code and runs its examples
``demonstrations``  removes demonstration code that a model adds below new code
``written_tests``  runs generated tests on the code, and on mutants of the code
``agreement``      compares the behaviour of several samples if no example decides
"""
