"""Engine of the campaign: a stand-in for Ollama in its own process, which can be killed, stopped or broken.

``python -m tests.faults.engine PORT FOLDER`` serves at that port until its standard input ends; each input
line sets its mode. Its answers depend only on the prompt (see ``answer_to``); ``FOLDER`` has the texts of
attacks.
"""

import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.standins.serving import Exchange, Reply, json_reply

NOTES = "# Notes\n\nThis module holds one function that returns a number.\n"
SLOTS = 4
CROWD = "Crowd:"
"""The first word of a task whose answer takes long, so that a flood occupies the engine."""
START_SECONDS = 120.0
WELL = "well"
MOODS: dict[str, dict[str, object]] = {
    WELL: {},
    "slow": {"delay": 0.06},
    "silent": {"first_delay": 120.0},
    "garbage": {"ends": "garbage"},
    "breaking off": {"ends": "broken"},
    "broken inside": {"ends": "error"},
    "out of memory": {},
}
"""How the answers differ from those of a healthy engine."""
NO_MEMORY = "model requires more system memory (5.6 GiB) than is available (1.2 GiB)"


class EngineProcess:
    """Handle of the engine's process, which keeps its address across kills."""

    def __init__(self, attacks: Path) -> None:
        self._attacks = attacks
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            self.port: int = reserved.getsockname()[1]
        self.process = self._start()

    def restart(self) -> None:
        """Kill the engine (SIGKILL) and restart it in the healthy mode."""
        self.kill()
        self.process = self._start()

    def kill(self) -> None:
        """Kill the engine."""
        self.process.kill()
        self.process.communicate()

    def be(self, mood: str) -> None:
        """Switch to this mode."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{mood}\n".encode())
        self.process.stdin.flush()

    def _start(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.engine", str(self.port), str(self._attacks)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except OSError:
                assert process.poll() is None, "the engine ended"
                assert time.monotonic() < deadline, "the engine did not start"
                time.sleep(0.02)
            else:
                return process


def value_file(number: int) -> str:
    """Return the right content of the file with this number."""
    return f"VALUE = {number}\n"


def answer_to(prompt: str, attacks: Path) -> Answer:
    """Return the requested content, at a few milliseconds a token, so that faults occur during answers."""
    if attack := re.search(r"attack number (\d+)", prompt):
        return Answer((attacks / f"{attack[1]}.txt").read_text())
    number = re.search(r"the value (\d+)", prompt)
    if CROWD in prompt:
        text = f"```python\n{value_file(int(number[1]))}```" if number else "It holds a value."
        return Answer(text, first_delay=0.15)
    text = f"```python\n{value_file(int(number[1]))}```" if number else NOTES
    return Answer(text, delay=0.004)


class _MoodyEngine(OllamaStandIn):
    mood = WELL

    async def _handle(self, exchange: Exchange) -> Reply:
        if exchange.path == "/api/chat" and self.mood == "out of memory":
            return json_reply({"error": NO_MEMORY}, 500)
        return await super()._handle(exchange)


def _serve(port: int, attacks: Path) -> None:
    engine = _MoodyEngine(SLOTS, port)
    engine.answers.choose(lambda prompt, _: replace(answer_to(prompt, attacks), **MOODS[engine.mood]))  # type: ignore[arg-type] # by name
    with engine:
        for line in sys.stdin:
            engine.mood = line.strip()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
