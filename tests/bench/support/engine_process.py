"""Stand-in engine in a separate process, so that its cost does not count as the hub's.

``python -m tests.bench.support.engine_process SLOTS SECONDS TEXT`` behaves like llama-server with that many
slots and that time for each answer; further requests wait. It prints its address. After a line on its
standard input, it prints the seconds of each answer so far as JSON; the end of the input ends it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from tests.standins.answers import Answer
from tests.standins.openai import MODEL, OpenAIStandIn

PIECES = 10
"""Largest number of pieces of a streamed answer; small, because the stand-in shares the machine."""


@dataclass(frozen=True)
class EngineProcess:
    """Handle of the engine's process."""

    url: str
    process: "subprocess.Popen[str]"

    def times(self) -> list[tuple[float, float]]:
        """Return the start and end of each answer so far, in seconds of the engine's own clock."""
        self._pipe(self.process.stdin).write("\n")
        self._pipe(self.process.stdin).flush()
        return [(began, ended) for began, ended in json.loads(self._pipe(self.process.stdout).readline())]

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@contextmanager
def start_engine(slots: int, seconds: float, text: str) -> Iterator[EngineProcess]:
    """Run the engine within the ``with`` block."""
    command = [sys.executable, "-m", "tests.bench.support.engine_process", str(slots), str(seconds), text]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield EngineProcess(process.stdout.readline().strip(), process)
        assert process.stdin is not None
        process.stdin.close()


def _serve(slots: int, seconds: float, text: str) -> None:
    words = text.split(" ")
    size = max(1, -(-len(words) // PIECES))
    pieces = tuple(" ".join(words[at : at + size]) + " " for at in range(0, len(words), size))
    with OpenAIStandIn("llama-server", slots=slots, queues=True) as engine:
        engine.models[MODEL].num_ctx = 8192
        engine.answers.default = Answer(tokens=pieces, delay=seconds / len(pieces))
        print(engine.url, flush=True)
        for _ in sys.stdin:
            chats = [each for each in engine.requests if each.path == "/v1/chat/completions"]
            print(json.dumps([(each.began_at, each.ended_at) for each in chats]), flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
