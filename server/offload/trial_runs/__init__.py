"""Trial runs of a result in the sandbox before it is delivered.

``trials``         decides which results can be run, and adds the findings to their verdicts (start here)
``runtimes``       finds the runtime for the language of a result on this machine
``new_code``       loads new or changed code and runs its examples
``unconcerned``    compares functions unrelated to an edit before and after the edit
``written_tests``  runs generated tests on the code, and on mutants of the code
``agreement``      compares the behaviour of several samples if no example decides
"""
