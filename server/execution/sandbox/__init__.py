"""Sandboxes for untrusted code.

``run``         starts jobs in a sandbox and returns their results (start here)
``find``        picks the first sandbox that the probe proves to work on this machine
``probe``       runs a hostile script in a sandbox and trusts it only if every attack is blocked
``values``      limits, jobs and results

Inside the child process, using only the standard library:

``supervisor``  forks one restricted worker per job and ends every process it started
``worker``      restricts itself, then evaluates Python code or executes a command
``evaluator``   loads a module, evaluates expressions, writes the results
``leftovers``, ``process_limit``  limits on what a job leaves behind and on its processes
``landlock``, ``seccomp``, ``syscalls``, ``privileges``, ``bubblewrap``  the barriers
"""
