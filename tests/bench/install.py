"""Benchmark of the installation's time and size: ``uv run python -m tests.bench.install``, about a minute.

Builds the wheel with uv, installs it into an empty environment with this environment's versions, and prints
the seconds and the MB on disk: in total, for the part that only the embedded engine needs, and for the
largest packages. The packages come from uv's cache (filled by a first, uncounted installation) and are
copied, not linked, so that the size is that of a normal installation. Model weights are not included; they
are downloaded on first use.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MB = 1_000_000
EMBEDDED = ("xllamacpp",)
"""Packages needed only for the embedded engine and its weights."""
LARGEST = 8
RESULT = Path(__file__).parent / "results" / "install.json"


def main() -> None:
    """Build, install twice, measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_seconds = _timed("build", "--quiet", "--wheel", "--out-dir", folder)
        [wheel] = folder.glob("*.whl")
        constraints = folder / "constraints.txt"
        freeze = ["uv", "pip", "freeze", "--python", sys.executable, "--exclude-editable"]
        constraints.write_text(subprocess.run(freeze, capture_output=True, text=True, check=True).stdout)
        _install(folder / "first", wheel, constraints)
        seconds = _install(folder / "environment", wheel, constraints)
        sizes = _sizes(folder / "environment")
        wheel_mb = wheel.stat().st_size / MB
    embedded = sum(size for package, size in sizes.items() if package in EMBEDDED)
    figures: dict[str, Any] = {
        "wheel_mb": round(wheel_mb, 2),
        "build_seconds": round(build_seconds, 1),
        "install_seconds": round(seconds, 1),
        "packages": len(sizes),
        "mb": round(sizes.total() / MB, 1),
        "embedded_mb": round(embedded / MB, 1),
        "without_embedded_mb": round((sizes.total() - embedded) / MB, 1),
        "largest_mb": {name: round(size / MB, 1) for name, size in sizes.most_common(LARGEST)},
    }
    print("| what | figure |\n| --- | ---: |")
    print(f"| the wheel | {figures['wheel_mb']:.2f} MB |")
    print(f"| built in | {figures['build_seconds']} s |")
    print(f"| installed in, cache warm | {figures['install_seconds']} s |")
    print(f"| on disk, {figures['packages']} packages | {figures['mb']} MB |")
    print(f"| of it the embedded engine's part | {figures['embedded_mb']} MB |")
    print(f"| without it | {figures['without_embedded_mb']} MB |")
    for package, size in figures["largest_mb"].items():
        print(f"| … {package} | {size} MB |")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _install(environment: Path, wheel: Path, constraints: Path) -> float:
    """Return the seconds to create an environment and install everything into it."""
    seconds = _timed("venv", "--quiet", "--python", sys.executable, environment)
    return seconds + _timed(
        *("pip", "install", "--quiet", "--link-mode", "copy", "--python", environment),
        *("--constraints", constraints, wheel),
    )


def _timed(*arguments: str | Path) -> float:
    began = time.perf_counter()
    subprocess.run(["uv", *arguments], cwd=ROOT, check=True)
    return time.perf_counter() - began


def _sizes(environment: Path) -> Counter[str]:
    """Return the size of each package's files on disk, bytes."""
    [packages] = [path for path in environment.rglob("site-packages") if path.is_dir()]
    return Counter({each.name.lower(): _size(each) for each in distributions(path=[str(packages)])})


def _size(package: Distribution) -> int:
    paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())


if __name__ == "__main__":
    main()
