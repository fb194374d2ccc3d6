"""Trial runs of a result in the sandbox, before it is delivered.

``trials``         decides which results can be run, and adds the findings to their verdicts (start here)
``runtimes``       finds what can run the language of a result on this machine
``new_code``       loads new or changed code and runs its examples
``unconcerned``    compares functions that an edit does not concern before and after it
``written_tests``  runs generated tests on the code, and on mutants of the code
``agreement``      compares the behaviour of several samples if no example decides
"""
