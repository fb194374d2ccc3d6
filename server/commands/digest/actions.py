"""``token-saver digest`` and ``run``: digests of files, standard input and command output."""

import contextlib
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from server.commands.digest.paths import open_allowed, project_folder, require_allowed
from server.commands.terminal.output import echo
from server.common.errors import BadArguments, NotFound
from server.common.processes import find_program
from server.config.folders import find_folders
from server.digests.engine import make_digest
from server.digests.kept import KeptTexts, Reference, handle_line, lines_of, reference_of
from server.digests.kept_writer import KeptWriter
from server.policy.secrets.redact import redact

MOST_LITERAL = 100_000
"""Maximum characters of literal lines printed per call."""
MOST_OUTPUT = 400_000_000
"""Maximum bytes of a command's output to keep; further output is discarded."""
_CHUNK = 1 << 16
_LINES = re.compile(r"(\d+)(?:-(\d+))?")


def print_digest(file: str, focus: str, most: int) -> None:
    """Print the digest of a file, of standard input (``-``) or of a kept text. With ``lines``, print those
    lines of a kept text instead.

    Raises:
        TokenSaverError: the file or the kept text is not available.
    """
    reference = reference_of(file)
    if reference is not None and reference.last:
        echo(_literal(file, reference, reference.first, reference.last))
        return
    with _source(file, reference) as (source, handle, size):
        name = "" if file == "-" or reference else file
        made = make_digest(source, most, focus=focus, name=name)
    echo(redact(made.text).text)
    if handle and size > most:
        echo(handle_line(handle, made.lines))


def print_lines(file: str, lines: str) -> None:
    """Print lines of a file, of standard input or of a kept text, unchanged.

    Raises:
        TokenSaverError: ``lines`` is malformed, or the file or its lines are not available.
    """
    first, last = _line_numbers(lines)
    echo(_literal(file, reference_of(file), first, last))


def run_and_print(command: Sequence[str], focus: str, most: int) -> int:
    """Run a command, keep its output, print a digest of it, and return the command's exit status.

    Raises:
        NotFound: the command does not exist.
    """
    program = find_program(command[0])
    if program is None:
        raise NotFound(f"Command not found: {command[0]!r}.", "Check its name and the PATH variable.")
    with _kept().writing(project_folder(), shlex.join(command)) as text:
        status, size, dropped = _run([program, *command[1:]], text)
        made = make_digest(text.whole(), most, command=shlex.join(command), exit_status=status, focus=focus)
    echo(redact(made.text).text)
    if dropped:
        echo(f"(only the first {MOST_OUTPUT:,} bytes of the output were kept; {dropped:,} more were dropped)")
    if size > most:
        echo(handle_line(text.handle, made.lines))
    return status


def _run(command: Sequence[str], text: KeptWriter) -> tuple[int, int, int]:
    """Run a command, writing both streams to ``text``. Return exit status, bytes kept and bytes dropped."""
    size = dropped = 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with process, _ignoring_interrupts():
        output = process.stdout
        while output is not None and (chunk := os.read(output.fileno(), _CHUNK)):
            room = max(0, MOST_OUTPUT - size)
            text.write(chunk[:room])
            size += len(chunk)
            dropped += max(0, len(chunk) - room)
        status = process.wait()
    return (status if status >= 0 else 128 - status), size, dropped


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to the command, which receives the signal too and whose last output matters."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _source(file: str, reference: Reference | None) -> Iterator[tuple[BinaryIO, str, int]]:
    """Open the source of a digest. Yield it with the handle of its kept text and its size in bytes."""
    if reference is not None:
        with _opened(reference) as source:
            yield source, "", 0
    elif file == "-":
        with _kept().writing(project_folder()) as text:
            while chunk := sys.stdin.buffer.read(_CHUNK):
                text.write(chunk)
            source = text.whole()
            size = source.seek(0, os.SEEK_END)
            source.seek(0)
            yield source, text.handle, size
    else:
        with open_allowed(file) as source:
            yield source, "", 0


def _opened(reference: Reference) -> BinaryIO:
    kept = _kept().find(reference.handle, project_folder())
    if kept.source:
        require_allowed(kept.source)
    return _kept().open(reference.handle, project_folder())


def _literal(file: str, reference: Reference | None, first: int, last: int) -> str:
    if reference is not None:
        with _opened(reference) as source:
            found = lines_of(source, first, last, MOST_LITERAL)
    elif file == "-":
        found = lines_of(io.BytesIO(sys.stdin.buffer.read()), first, last, MOST_LITERAL)
    else:
        with open_allowed(file) as source:
            found = lines_of(source, first, last, MOST_LITERAL)
    if not found:
        raise NotFound(f"{file} has no line {first}.", "Give line numbers that exist.")
    return redact("\n".join(found)).text


def _line_numbers(text: str) -> tuple[int, int]:
    found = _LINES.fullmatch(text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last:
        raise BadArguments(f"--lines {text!r} is not a range of lines.", "Write --lines 12 or --lines 10-20.")
    return first, last


def _kept() -> KeptTexts:
    return KeptTexts(find_folders().kept_texts)
