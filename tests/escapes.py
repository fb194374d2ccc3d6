"""Ways out of the sandbox that a check may try, as Python code with places to fill in."""

ESCAPES = {
    "the hub's token": "print(open('{state}/token').read())",
    "another project's secret": "print(open('{project}/../other/.env').read())",
    "a secret by a link": "import os; os.symlink('{project}/../other/.env', 'l'); print(open('l').read())",
    "a secret by a hard link": "import os; os.link('{project}/../other/.env', 'h'); print(open('h').read())",
    "a secret by /proc": "print(open('/proc/{pid}/cwd/{project}/../other/.env').read())",
    "a file of the home folder": "open('{home}/token-saver-escape', 'w').write('{marker}')",
    "a file next to the project": "open('{project}/../escape', 'w').write('{marker}')",
    "a git hook": "open('.git/hooks/pre-commit', 'w').write('{marker}')",
    "git's own configuration": "open('.git/config', 'a').write('{marker}')",
    "a moved git folder": "import os; os.rename('.git', 'moved')",
    "an agent's settings": "open('.claude/settings.json', 'w').write('{marker}')",
    "the network": "import socket; socket.create_connection(('127.0.0.1', {port}), 2).send(b'{marker}')",
    "another network": "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
    "a datagram": (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
        ".sendto(b'{marker}', ('127.0.0.1', {port}))"
    ),
    "a unix socket": "import socket; socket.socket(socket.AF_UNIX).connect('{socket}')",
    "another process": "import os; os.kill({pid}, 0)",
    "ptrace": ("import ctypes; c = ctypes.CDLL(None, use_errno=True); assert c.ptrace(16, {pid}, 0, 0) == 0"),
    "the memory of another process": "open('/proc/{pid}/mem', 'rb').read(1)",
    "the clock": "import time; time.clock_settime(time.CLOCK_REALTIME, 0)",
    "a mount": ("import ctypes; assert ctypes.CDLL(None).mount(b'none', b'{project}', b'tmpfs', 0, 0) == 0"),
    "a folder swapped for a link": (
        "import os, tempfile; d = tempfile.mkdtemp(dir='.'); os.rename(d, d + '_'); "
        "os.symlink('{project}/../other', d); print(open(d + '/.env').read())"
    ),
    "a process left behind": (
        "import os, sys; os.fork() or (os.setsid(), os.execv(sys.executable, "
        "[sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])); raise OSError"
    ),
    "memory without end": "x = bytearray(6 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1",
    "processes without end": "import os\nfor _ in range(100000): os.fork()",
}
"""The code of each way. It prints or leaves a trace if it succeeds, and fails otherwise.

``{project}`` is the project, next to which a folder ``other`` has a secret; ``{state}`` is the hub's folder,
``{home}`` the user's; ``{pid}`` is a process outside, ``{port}`` and ``{socket}`` belong to it; ``{marker}``
is what the code leaves."""

PRIVATE = frozenset({"a file next to the project"})
"""Ways that may seem to succeed, in a folder that exists in the sandbox alone."""


def script_of(way: str, **places: object) -> str:
    """Return a script that prints ``escaped`` if the way out works, and that never exits with status 0."""
    code = ESCAPES[way].format(**places).replace("\n", "\n ")
    return f"try:\n {code}\n print('escaped')\nfinally:\n print('ended')\nraise SystemExit(3)\n"
