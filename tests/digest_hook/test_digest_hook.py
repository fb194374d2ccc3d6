"""Tests of the digest hook's program: it fails open, in time, and looks at the size first."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from server.bridge.hub_identity import make_proof
from server.clients.hooks import hook_entries
from server.digest_hook.main import LEAST_CHARACTERS, MOST_BYTES

TOKEN = "the-token"
LONG = "line\n" * LEAST_CHARACTERS


def event(response: Any, tool: str = "Bash", **arguments: Any) -> bytes:
    return json.dumps(
        {"tool_name": tool, "tool_input": arguments, "tool_response": response, "session_id": "s"}
    ).encode()


def stdout(text: str, **more: Any) -> dict[str, Any]:
    return {"stdout": text, "stderr": "", "interrupted": False, "isImage": False, **more}


def run(given: bytes, number: int = 0) -> tuple[bytes, float]:
    """Run the command of the hook's entry; return its output and the seconds it took."""
    command = hook_entries("digest")[number][1]["hooks"][0]
    started = time.monotonic()
    done = subprocess.run(
        [command["command"], *command["args"]], input=given, capture_output=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout, time.monotonic() - started


@contextmanager
def listening(home: Path, *, proves: bool, answer: bytes = b"", pause: float = 0.0) -> Iterator[list[bytes]]:
    """Listen as a hub that answers the event with ``answer``, or never; yields what it received. With
    ``pause``, each byte of the answer comes that many seconds after the one before it.
    """
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        home.mkdir(parents=True, exist_ok=True)
        (home / "token").write_text(TOKEN)
        (home / "hub.json").write_text(
            json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid(), "version": "1", "started": 1})
        )

        ended = threading.Event()
        server.settimeout(0.05)

        def serve() -> None:
            while True:
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    break
                if ended.is_set():
                    return
            connection.settimeout(10)
            with connection, contextlib.suppress(OSError):
                nonce = connection.recv(65_536).split(b"nonce=")[1].split(b" ")[0].decode()
                proof = make_proof(TOKEN, nonce, connection.getpeername(), connection.getsockname())
                body = json.dumps({"proofs": [proof if proves else "wrong"]}).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                while data := connection.recv(65_536):
                    received.append(data)
                    if answer and received[0].count(b"\r\n\r\n"):
                        for byte in [answer[at : at + 1] for at in range(len(answer))] if pause else [answer]:
                            connection.sendall(byte)
                            time.sleep(pause)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield received
        ended.set()
        thread.join(20)


@pytest.mark.fast
@pytest.mark.parametrize(
    "given",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"x" * LEAST_CHARACTERS, id="no-json"),
        pytest.param(b"[" * LEAST_CHARACTERS, id="deep"),
        pytest.param(b"[]" + b" " * LEAST_CHARACTERS, id="list"),
        pytest.param(event(stdout("small"), command="x" * LEAST_CHARACTERS), id="small-result"),
        pytest.param(event(stdout(LONG, isImage=True)), id="image"),
        pytest.param(event(stdout(LONG, interrupted=True)), id="interrupted"),
        pytest.param(event([{"type": "image", "data": LONG}], "mcp__a__b"), id="image-block"),
        pytest.param(event({"type": "pdf", "file": {"content": LONG}}, "Read"), id="pdf"),
        pytest.param(
            event({"type": "text", "file": {"content": LONG}}, "Read", offset=10), id="part-of-a-file"
        ),
        pytest.param(event(stdout("x" * MOST_BYTES)), id="huge"),
        pytest.param(event({"result": 5, "x": LONG}, "WebFetch"), id="unknown-shape"),
        pytest.param(event(None, x=LONG), id="no-response"),
    ],
)
def test_these_events_pass_before_anybody_is_asked(given: bytes, token_saver_home: Path) -> None:
    with listening(token_saver_home, proves=True) as received:
        assert run(given)[0] == b""
    assert received == []


@pytest.mark.fast
@pytest.mark.parametrize(
    "given",
    [
        pytest.param(event(stdout(LONG)), id="bash"),
        pytest.param(event([{"type": "text", "text": LONG}], "mcp__a__b"), id="mcp"),
        pytest.param(event({"type": "text", "file": {"content": LONG}}, "Read"), id="read"),
        pytest.param(event({"result": LONG}, "WebFetch"), id="webfetch"),
    ],
)
def test_the_hubs_answer_is_printed_as_it_is(given: bytes, token_saver_home: Path) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 1}\n'
    with listening(token_saver_home, proves=True, answer=answer) as received:
        assert run(given)[0] == b'{"a": 1}\n'
    sent = b"".join(received)
    assert sent.startswith(b"POST /api/tool-result ")
    assert given in sent


@pytest.mark.fast
def test_without_a_hub_or_after_its_death_the_result_passes(token_saver_home: Path) -> None:
    assert run(event(stdout(LONG)))[0] == b""
    with listening(token_saver_home, proves=False):
        pass
    assert run(event(stdout(LONG)))[0] == b""


@pytest.mark.fast
def test_an_error_of_the_hub_is_no_output(token_saver_home: Path) -> None:
    with listening(token_saver_home, proves=True, answer=b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"):
        assert run(event(stdout(LONG)))[0] == b""


def test_a_slow_hub_is_left_in_time(token_saver_home: Path) -> None:
    with listening(token_saver_home, proves=True) as received:
        output, seconds = run(event(stdout(LONG)))
    assert output == b""
    assert received, "the event was sent"
    assert seconds < 2.0


def test_a_hub_that_answers_byte_by_byte_is_left(token_saver_home: Path) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 1}\n'
    with listening(token_saver_home, proves=True, answer=answer, pause=0.1) as received:
        assert run(event(stdout(LONG)))[0] == b""
    assert received, "the event was sent"


@pytest.mark.fast
def test_another_program_at_the_hubs_address_gets_nothing(token_saver_home: Path) -> None:
    with listening(token_saver_home, proves=False) as received:
        assert run(event(stdout(LONG)))[0] == b""
    assert received == []


@pytest.mark.fast
def test_of_an_edit_the_hub_gets_the_session_alone(token_saver_home: Path) -> None:
    edit = event({"filePath": "a.py"}, "Edit", new_string="secret text")
    with listening(token_saver_home, proves=True, answer=b"HTTP/1.1 204 No Content\r\n\r\n") as received:
        assert run(edit, number=1)[0] == b""
    sent = b"".join(received)
    assert json.loads(sent.partition(b"\r\n\r\n")[2]) == {"tool_name": "edited", "session_id": "s"}


@pytest.mark.fast
def test_a_missing_app_ends_with_a_status_that_claude_code_ignores() -> None:
    [*options, program] = hook_entries("digest")[0][1]["hooks"][0]["args"]
    gone = program.replace("server.digest_hook", "server.gone")
    done = subprocess.run([sys.executable, *options, gone], capture_output=True, check=False)
    assert done.returncode == 1
