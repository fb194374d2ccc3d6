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
    "a file by the process's folder": "open('/proc/self/cwd/.claude/settings.json', 'w').write('{marker}')",
    "a file by the process's root": "open('/proc/self/root{project}/.git/config', 'a').write('{marker}')",
    "an agent's settings by a link": (
        "import os; os.symlink('.claude/settings.json', 's'); open('s', 'w').write('{marker}')"
    ),
    "a replaced settings file": "import os; open('n', 'w').close(); os.replace('n', '.claude/settings.json')",
    "a second git folder": (
        "import os; os.makedirs('sub/.git/hooks'); open('sub/.git/hooks/pre-commit', 'w').write('{marker}')"
    ),
    "a git file": "import os; os.mkdir('w'); open('w/.git', 'w').write('gitdir: /{marker}')",
    "other processes' variables": (
        "import glob; t = b''.join(open(f, 'rb').read() for f in glob.glob('/proc/[0-9]*/environ')); "
        "assert b'{marker}' in t"
    ),
    "any setting of the kernel": (
        "import os\n"
        "for d, _, files in os.walk('/proc/sys'):\n"
        " for f in files:\n"
        "  try: open(os.path.join(d, f), 'r+').close()\n"
        "  except OSError: continue\n"
        "  raise SystemExit(print('escaped: ' + d + f))\n"
        "raise OSError"
    ),
    "own variables": "import os; assert '{marker}' in str(os.environ)",
    "an inherited descriptor": (
        "import os; assert len([f for f in os.listdir('/proc/self/fd') if int(f) > 2]) > 1"
    ),
    "a socket of a virtual machine": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "a socket of the kernel": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "a raw socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "an asynchronous system call": (
        "import ctypes; assert ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120)) >= 0"
    ),
    "a namespace": "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "an unmounted folder": "import ctypes; assert ctypes.CDLL(None).umount2(b'{project}/.git', 2) == 0",
    "another root": "import os; os.mkdir('r'); os.chroot('r')",
    "a device": "import os; os.mknod('m', 0o020666, os.makedev(1, 1)); print(open('m', 'rb').read(1))",
    "the machine's memory": "open('/dev/mem', 'rb').read(1)",
    "a setting of the kernel": "open('/proc/sys/kernel/core_pattern', 'r+').close()",
    "the interpreter's own files": "import os; open(os.__file__, 'a').close()",
    "keys of the kernel": "import ctypes; assert ctypes.CDLL(None).syscall(250, 0, -3, 0) > 0",
    "a process by its descriptor": "import os; os.pidfd_open({pid})",
    "shared memory": "open('/dev/shm/token-saver-escape', 'w').write('{marker}')",
    "the common temporary folder": "open('/tmp/token-saver-escape', 'w').write('{marker}')",
    "a process that ignores signals": (
        "import os, signal, sys\n"
        "for s in (1, 2, 3, 15): signal.signal(s, signal.SIG_IGN)\n"
        "if os.fork(): raise OSError\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "os.closerange(0, 256); "
        "os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])"
    ),
    "a child for each end": (
        "import os, sys\n"
        "for _ in range(8): os.fork()\n"
        "os.setsid() if os.getpid() % 2 else None\n"
        "os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])"
    ),
    "memory without end": "x = bytearray(6 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1",
    "processes without end": "import os\nfor _ in range(100000): os.fork()",
}
"""The code of each way. It prints or leaves a trace if it succeeds, and fails otherwise.

``{project}`` is the project, next to which a folder ``other`` has a secret; ``{state}`` is the hub's folder,
``{home}`` the user's; ``{pid}`` is a process outside, ``{port}`` and ``{socket}`` belong to it; ``{marker}``
is what the code leaves."""

PRIVATE = frozenset(
    {
        "a file next to the project",
        "a second git folder",
        "a git file",
        "shared memory",
        "the common temporary folder",
    }
)
"""Ways that may seem to succeed: in a folder that exists in the sandbox alone, or with a file that is moved
away when the check ends.
"""


def script_of(way: str, **places: object) -> str:
    """Return a script that prints ``escaped`` if the way out works, and that never exits with status 0."""
    code = ESCAPES[way].format(**places).replace("\n", "\n ")
    return f"try:\n {code}\n print('escaped')\nfinally:\n print('ended')\nraise SystemExit(3)\n"
