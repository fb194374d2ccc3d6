"""Hostile answers in JavaScript and Bash: nothing leaks, nothing is changed, nothing keeps running.

Each runs behind each barrier, as root and as an ordinary user. The tests examine the surroundings.
"""

import psutil
import pytest

from server.execution.sandbox.values import CommandJob
from server.execution.scripts.bash_runtime import BashRuntime, bash_program
from server.execution.scripts.javascript import find_engine, javascript_job
from tests.execution.sandbox.attack_time import brief
from tests.execution.sandbox.surroundings import CONTENT, Surroundings
from tests.execution.sandbox.users import Runner
from tests.system import require

pytestmark = pytest.mark.anyio

BASH = {
    "token of the hub": "cat FOLDER/hub/token",
    "through the parent's root": "cat /proc/$PPID/root/FOLDER/hub/token",
    "environments": "cat /proc/*/environ",
    "link": "ln -s FOLDER/other/.env x && cat x",
    "git hook": "echo x > FOLDER/project/.git/hook",
    "removal": "rm -rf FOLDER/project",
    "modes": "chmod 0 FOLDER/hub/token; touch -d 2000-01-01 FOLDER/hub/token",
    "tcp": "exec 3<>/dev/tcp/127.0.0.1/PORT; echo x >&3",
    "udp": "echo x > /dev/udp/127.0.0.1/PORT",
    "setsid": "setsid sleep 68 & disown",
    "nohup": "nohup sleep 68 > /dev/null 2>&1 &",
    "kill everything": "kill -9 -1; kill -9 $PPID",
    "fork": "f() { f | f & }; f",
    "disk": "while :; do head -c 4000000 /dev/zero >> big; done",
    "forged results": "printf '\\x1eR 0 eA== .\\n' > /proc/$PPID/fd/1",
}
NODE = {
    "token of the hub": "require('fs').readFileSync('FOLDER/hub/token', 'utf8')",
    "through proc": "require('fs').readFileSync('/proc/self/root' + 'FOLDER/hub/token', 'utf8')",
    "environment of the parent": "require('fs').readFileSync(`/proc/${process.ppid}/environ`, 'utf8')",
    "git hook": "require('fs').writeFileSync('FOLDER/project/.git/hook', 'x')",
    "removal": "require('fs').rmSync('FOLDER/project', {recursive: true})",
    "unix socket": "new Promise((_, no) => require('net').connect('FOLDER/docker.sock').on('error', no))",
    "tcp": "new Promise((_, no) => require('net').connect(PORT, '127.0.0.1').on('error', no))",
    "fetch": "fetch('http://127.0.0.1:PORT/')",
    "detached program": "require('child_process').spawn('sleep', ['68'], {detached: true}).unref()",
    "shell": "require('child_process').execSync('cat FOLDER/hub/token; setsid sleep 68 &').toString()",
    "worker": "new Promise((_, no) => new (require('worker_threads').Worker)("
    "`require('fs').writeFileSync('FOLDER/new', 'x')`, {eval: true}).on('error', no))",
    "kill everything": "process.kill(-1, 9)",
    "debugger": "require('inspector').open(PORT, '0.0.0.0')",
    "memory": "(() => { const all = []; for (;;) all.push(Buffer.alloc(1 << 26, 1)); })()",
}


@pytest.mark.parametrize(
    ("language", "attack"),
    [
        *(pytest.param("bash", attack, id=f"bash {name}") for name, attack in BASH.items()),
        *(pytest.param("node", attack, id=f"node {name}") for name, attack in NODE.items()),
    ],
)
async def test_scripts_stay_inside(
    language: str, attack: str, surroundings: Surroundings, runner: Runner, barrier: str
) -> None:
    attack = attack.replace("FOLDER", str(surroundings.folder)).replace("PORT", str(surroundings.port))
    (result,) = await runner.run([brief(_job(language, attack))], barrier)
    assert CONTENT.encode() not in result.stdout + result.stderr
    assert surroundings.unchanged()
    assert surroundings.reached() == []
    assert list(runner.temporary.iterdir()) == []
    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "68"]]


def _job(language: str, attack: str) -> CommandJob:
    require(language)
    if language == "node":
        engine = find_engine(typescript=False)
        assert engine is not None
        return javascript_job(engine, f"function attack() {{ return {attack}; }}\n", ("attack()",))
    program = bash_program()
    assert program is not None
    return BashRuntime(program, "attack.sh")._job(f"{attack}\n", "attack.sh", None)
