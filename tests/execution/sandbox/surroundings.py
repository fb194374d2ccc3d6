"""A developer's machine in small: files of the hub and of another project, and sockets."""

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONTENT = "CANARY-8f2a"
"""The text of each secret."""


@dataclass
class Surroundings:
    """Files and sockets that an attack aims at."""

    folder: Path
    sockets: dict[str, socket.socket]
    names: dict[str, str]
    port: int

    def unchanged(self) -> bool:
        """Return whether every file is as it was."""
        return self.state() == self.before

    def state(self) -> list[tuple[str, int, int, bytes]]:
        found = []
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found.append((str(path), status.st_mode, int(status.st_mtime), content))
        return found

    def reached(self) -> list[str]:
        names = []
        for name, listener in self.sockets.items():
            listener.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                listener.accept()
                names.append(name)
        return names

    def __post_init__(self) -> None:
        self.before = self.state()


@contextlib.contextmanager
def make_surroundings() -> Iterator[Surroundings]:
    """Make the files and sockets, open to everybody: only the sandbox protects them."""
    with (
        tempfile.TemporaryDirectory(prefix="token-saver-surroundings-") as place,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(place)
        folder.chmod(0o755)  # readable for everybody: only the sandbox protects it
        for name in (
            "hub/token",
            "other/.env",
            "project/.git/config",
            "project/src/code.py",
            ".ssh/id_ed25519",
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(CONTENT)
        for path in folder.rglob("*"):
            path.chmod(0o777 if path.is_dir() else 0o666)
        sockets = {}
        names = {name: str(folder / name) for name in ("bus", "docker.sock", "agent", "X0")}
        names["abstract X11"] = f"\0/tmp/.X11-unix/{folder.name}"
        for name, address in names.items():
            sockets[name] = stack.enter_context(socket.socket(socket.AF_UNIX))
            sockets[name].bind(address)
            sockets[name].listen()
            if address[0] != "\0":
                Path(address).chmod(0o777)
        sockets["tcp"] = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield Surroundings(folder, sockets, names, sockets["tcp"].getsockname()[1])
