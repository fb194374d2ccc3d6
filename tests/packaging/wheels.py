"""Wheels of this tree with another version and other changes, and a package index on loopback."""

import base64
import contextlib
import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from server.common.distribution import NAME

ROOT = Path(__file__).parent.parent.parent
Change = Callable[[Path], None]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each request."""

    def log_request(self, *_: object) -> None:
        """Write nothing."""


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this tree."""
    done = subprocess.run(
        ["uv", "build", "--quiet", "--wheel", "--out-dir", folder],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


def change_wheel(wheel: Path, version: str, *changes: Change) -> Path:
    """Make a wheel of another version beside one, after applying the changes to its unpacked files."""
    name, old, tags = wheel.name.split("-", 2)
    tree = wheel.parent / version
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree)
    metadata = (tree / f"{name}-{old}.dist-info").rename(tree / f"{name}-{version}.dist-info")
    text = (metadata / "METADATA").read_text(encoding="utf-8")
    (metadata / "METADATA").write_text(
        text.replace(f"\nVersion: {old}\n", f"\nVersion: {version}\n", 1), encoding="utf-8"
    )
    for change in changes:
        change(tree)
    made = wheel.with_name(f"{name}-{version}-{tags}")
    record = metadata / "RECORD"
    record.unlink()
    with zipfile.ZipFile(made, "w") as archive:
        lines = []
        for path in sorted(each for each in tree.rglob("*") if each.is_file()):
            inside, content = path.relative_to(tree).as_posix(), path.read_bytes()
            sha = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            lines.append(f"{inside},sha256={sha},{len(content)}\n")
            archive.writestr(inside, content)
        inside = record.relative_to(tree).as_posix()
        archive.writestr(inside, "".join([*lines, f"{inside},,\n"]))
    shutil.rmtree(tree)
    return made


@contextlib.contextmanager
def package_index(folder: Path, wheels: list[Path]) -> Iterator[str]:
    """Serve the wheels as a package index (PEP 503), and yield its address."""
    page = folder / "simple" / NAME
    page.mkdir(parents=True)
    for wheel in wheels:
        shutil.copyfile(wheel, page / wheel.name)
    links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>\n' for wheel in wheels)
    (page / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}</body></html>\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
