"""Recorded HTTP answers of engines and gateways (``tests/data/engine_cases``), as replies of a stand-in."""

from pathlib import Path

from tests.standins.serving import Reply

FOLDER = Path(__file__).parents[1] / "data" / "engine_cases"


def recorded(name: str, *headers: tuple[str, str]) -> Reply:
    """Return the answer recorded in ``NAME.http``, with further ``headers``."""
    head, _, body = (FOLDER / f"{name}.http").read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    status, *lines = head.decode().splitlines()
    fields = dict(line.split(": ", 1) for line in lines)
    return Reply(int(status.split()[1]), body, content_type=fields["Content-Type"], headers=headers)
