"""Sandboxes for untrusted code.

``run``         starts jobs in a sandbox and returns their results (start here)
``find``        chooses the first sandbox that the probe has proven on this machine
``probe``       runs a hostile script in a sandbox and trusts only blocked attacks
``values``      limits, jobs and results

Inside the child process, standard library only:

``supervisor``  forks one restricted worker per job and ends all processes that it started
``worker``      restricts itself, then evaluates Python code or becomes a command
``evaluator``   loads a module, evaluates expressions, writes the results
``leftovers``, ``process_limit``  limits on a job's remains and processes
``landlock``, ``seccomp``, ``syscalls``, ``privileges``, ``bubblewrap``  the barriers
"""
