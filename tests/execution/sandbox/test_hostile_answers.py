"""Answers that attack their sandbox: nothing leaks, nothing is changed, nothing keeps running.

Each runs behind each barrier, as root and as an ordinary user. The attacker's own report does not count: the
tests examine the surroundings.
"""

import psutil
import pytest

from server.execution.sandbox.values import Limits, PythonJob
from tests.execution.sandbox.surroundings import CONTENT, Surroundings
from tests.execution.sandbox.users import Runner

pytestmark = pytest.mark.anyio

LIMITS = Limits(seconds=60, memory_bytes=512 << 20, disk_bytes=16 << 20, files=500)


READ = "def attack():\n    return open({path!r}).read()\n"
CONNECT = """
import socket
def attack():
    client = socket.socket(socket.AF_UNIX)
    client.connect({address!r})
    client.sendall(b"x")
    return "reached"
"""
SYSTEM_CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def attack():
    result = libc.syscall({number})
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "done"
"""
FILES = {
    "token-of-the-hub": READ.replace("{path!r}", "FOLDER + '/hub/token'"),
    "secret-of-another-project": READ.replace("{path!r}", "FOLDER + '/other/.env'"),
    "private-key": READ.replace("{path!r}", "FOLDER + '/.ssh/id_ed25519'"),
    "open-at-import": "text = open(FOLDER + '/hub/token').read()\ndef attack():\n    return text\n",
    "through-proc-self-root": READ.replace("{path!r}", "'/proc/self/root' + FOLDER + '/hub/token'"),
    "through-the-parent's-root": "import os\n"
    + READ.replace("{path!r}", "f'/proc/{os.getppid()}/root{FOLDER}/hub/token'"),
    "git-hook": "def attack():\n    open(FOLDER + '/project/.git/hook', 'w').write('x')\n"
    "    return 'CANARY-8f2a'\n",
    "project-file": "import os\ndef attack():\n    os.truncate(FOLDER + '/project/src/code.py', 0)\n"
    "    return 'CANARY-8f2a'\n",
    "modes": "import os\ndef attack():\n    os.chmod(FOLDER + '/hub/token', 0)\n    return 'CANARY-8f2a'\n",
    "link-in-the-private-folder": "import os\ndef attack():\n    os.symlink(FOLDER + '/hub/token', 'x')\n"
    "    return open('x').read()\n",
    "folder-swapped-for-a-link": "import os\ndef attack():\n    os.mkdir('d')\n    os.rename('d', 'e')\n"
    "    os.symlink(FOLDER + '/project', 'd')\n    open('d/new', 'w').write('x')\n    return 'CANARY-8f2a'\n",
    "environment-of-the-hub": "import os\ndef attack():\n    return os.environ['TOKEN_SAVER_SECRET']\n",
    "environment-through-proc": "import os\ndef attack():\n"
    "    return open(f'/proc/{os.getppid()}/environ').read()\n",
    "memory-of-the-supervisor": "import os\ndef attack():\n"
    "    return open(f'/proc/{os.getppid()}/mem', 'rb').read(1)\n",
}


@pytest.mark.parametrize("answer", FILES.values(), ids=FILES.keys())
async def test_files_and_environments_stay_closed(
    answer: str, surroundings: Surroundings, runner: Runner, barrier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_SAVER_SECRET", CONTENT)
    source = f"FOLDER = {str(surroundings.folder)!r}\n{answer}"
    (result,) = await runner.run([PythonJob(source, expressions=("attack()",), limits=LIMITS)], barrier)
    assert CONTENT not in repr(result)
    assert surroundings.unchanged()
    assert any("error" in record for record in result.records)


@pytest.mark.parametrize("name", ["bus", "docker.sock", "agent", "X0", "abstract X11"])
async def test_unix_sockets_stay_closed(
    name: str, surroundings: Surroundings, runner: Runner, barrier: str
) -> None:
    source = CONNECT.format(address=surroundings.names[name])
    (result,) = await runner.run([PythonJob(source, expressions=("attack()",), limits=LIMITS)], barrier)
    assert surroundings.reached() == []
    assert "Network is unreachable" in result.records[1]["error"]["message"]


NETWORK = {
    "tcp": "def attack():\n    return socket.create_connection(('127.0.0.1', PORT), 2)\n",
    "http": "import urllib.request\ndef attack():\n"
    "    return urllib.request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=2).read()\n",
    "asyncio": "import asyncio\nasync def attack():\n"
    "    return await asyncio.open_connection('127.0.0.1', PORT)\n",
    "names": "def attack():\n    return socket.getaddrinfo('example.org', 80)\n",
    "descriptors-of-the-app": "def attack():\n"
    "    return [socket.socket(fileno=number) for number in range(3, 200)]\n",
}


@pytest.mark.parametrize("answer", NETWORK.values(), ids=NETWORK.keys())
async def test_the_network_stays_closed(
    answer: str, surroundings: Surroundings, runner: Runner, barrier: str
) -> None:
    source = f"import socket\nPORT = {surroundings.port}\n{answer}"
    (result,) = await runner.run([PythonJob(source, expressions=("attack()",), limits=LIMITS)], barrier)
    assert surroundings.reached() == []
    assert result.records[1]["record"] == "error"


GREEDY = {
    "memory": (
        "def attack():\n    x = []\n    while True:\n        x.append(bytearray(1 << 24))\n",
        "exited",
    ),
    "memory-beside-the-heap": (
        "import mmap\ndef attack():\n    return [mmap.mmap(-1, 1 << 28) for _ in range(64)] and 1\n",
        "exited",
    ),
    "disk": (
        "def attack():\n    n = 0\n    while True:\n        n += 1\n"
        "        open(f'{n}', 'wb').write(bytes(4 << 20))\n",
        "disk",
    ),
    "folders": (
        "import os\ndef attack():\n    while True:\n        os.mkdir('d')\n        os.chdir('d')\n",
        "disk",
    ),
    "endless-and-deaf": (
        "import signal\nfor n in range(1, 65):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n"
        "    except Exception:\n        pass\ndef attack():\n    while True:\n        pass\n",
        "timeout",
    ),
    "output": ("def attack():\n    while True:\n        print('x' * 100000)\n", "exited"),
    "threads": (
        "import threading, time\ndef attack():\n    while True:\n"
        "        threading.Thread(target=time.sleep, args=(60,)).start()\n",
        "exited",
    ),
}


@pytest.mark.parametrize(("answer", "ending"), GREEDY.values(), ids=GREEDY.keys())
async def test_resource_use_is_bounded(answer: str, ending: str, runner: Runner, barrier: str) -> None:
    seconds = 2 if ending == "timeout" else 60  # the machine may be busy
    limits = Limits(seconds, cpu_seconds=30, memory_bytes=512 << 20, disk_bytes=16 << 20, files=500)
    (result,) = await runner.run([PythonJob(answer, expressions=("attack()",), limits=limits)], barrier)
    assert result.ending == ending
    assert not any(record["record"] == "value" for record in result.records)
    assert len(result.stdout) <= 200_000
    assert list(runner.temporary.iterdir()) == []


PROCESSES = {
    "fork": "import os\ndef attack():\n    while True:\n        os.fork()\n",
    "setsid": "import os, time\ndef attack():\n    if os.fork() == 0:\n        os.setsid()\n"
    "        time.sleep(60)\n",
    "program": "import subprocess\ndef attack():\n    return subprocess.check_output(['/bin/sleep', '67'])\n",
    "shell": "import os\ndef attack():\n    assert os.system('sleep 67 &') == 0\n",
    "become-another-program": "import os\ndef attack():\n    os.execv('/bin/sleep', ['sleep', '67'])\n",
    "multiprocessing": "import multiprocessing\ndef attack():\n"
    "    multiprocessing.Process(target=print).start()\n",
    "kill-everything": "import os\ndef attack():\n    os.kill(-1, 9)\n",
    "kill-the-supervisor": "import os\ndef attack():\n    os.kill(os.getppid(), 9)\n",
    "trace": SYSTEM_CALL.format(number="{'x86_64': 101, 'aarch64': 117}[os.uname().machine], 0, 0, 0, 0"),
    "clock": "import time\ndef attack():\n    time.clock_settime(time.CLOCK_REALTIME, 0)\n",
    "namespaces": SYSTEM_CALL.format(number="{'x86_64': 272, 'aarch64': 97}[os.uname().machine], 0x10000000"),
    "more-rights": "import os\ndef attack():\n    os.setuid(0)\n    os.setgid(0)\n    os.chroot('/')\n",
    "raise-limits": "import resource\ndef attack():\n"
    "    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)\n",
}


@pytest.mark.parametrize("answer", PROCESSES.values(), ids=PROCESSES.keys())
async def test_no_process_is_started_or_touched(answer: str, runner: Runner, barrier: str) -> None:
    job = PythonJob(answer, expressions=("attack()",), limits=LIMITS)
    (result,) = await runner.run(
        [
            job,
        ],
        barrier,
    )
    assert result.ending == "exited"
    assert result.records[1]["record"] == "error"
    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "67"]]


async def test_one_answer_does_not_change_the_next(runner: Runner, barrier: str) -> None:
    poison = """
import builtins, sys, json, os
class Hook:
    def find_spec(self, name, path=None, target=None):
        raise RuntimeError("hooked")
sys.meta_path.insert(0, Hook())
builtins.sorted = lambda x: "poisoned"
json.dumps = lambda x: "poisoned"
open("shared", "w").write("x")
def attack():
    return "done"
"""
    clean = "import os, colorsys\ndef f(x):\n    return sorted(x), os.listdir('.')\n"
    jobs = [
        PythonJob(poison, expressions=("attack()",), limits=LIMITS),
        PythonJob(clean, expressions=("f([2, 1])",), limits=LIMITS),
    ]
    _, second = await runner.run(jobs, barrier)
    one, two = ["int", "0x1"], ["int", "0x2"]
    assert second.records[1]["value"] == ["tuple", [["list", [one, two]], ["list", []]]]


ENDINGS = {
    "exit": "import os\nos._exit(0)\n",
    "sys.exit": "import sys\nsys.exit(0)\n",
    "crash": "import ctypes\nctypes.string_at(0)\n",
    "closed-channel": "import os\nos.closerange(3, 20)\n",
    "garbage-in-the-channel": "import os\nos.write(3, b'\\xff[[[' * 1000 + b'\\n')\n",
}


@pytest.mark.parametrize("answer", ENDINGS.values(), ids=ENDINGS.keys())
async def test_an_early_end_yields_no_value(answer: str, runner: Runner, barrier: str) -> None:
    (result,) = await runner.run([PythonJob(answer, expressions=("1 + 1",), limits=LIMITS)], barrier)
    assert not any(record["record"] == "value" for record in result.records)
