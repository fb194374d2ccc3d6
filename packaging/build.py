"""Build a release: ``uv run python packaging/build.py [FOLDER]`` (default: ``dist``).

The folder gets the wheel, the source archive, the bundle for Claude Desktop, the Claude Code plugin, an SBOM
and the checksums of all. The same source gives the same bytes in any folder and at any time.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from build_mcpb import FILES, PACKAGES, build, sources, write_zip

ROOT = Path(__file__).parent.parent
DATE = "1767225600"
"""The time of the files in the archives, 2026-01-01 (``SOURCE_DATE_EPOCH``)."""
PLUGIN_FOLDERS = (".claude-plugin", "skills", *PACKAGES)
KEPT = ("type", "name", "version", "purl")
"""Fields of a component in the SBOM. The others are addresses of one index, or differ between runs."""


def build_release(target: Path) -> list[Path]:
    """Write all parts of a release to ``target``, and return their paths."""
    target.mkdir(parents=True, exist_ok=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    with tempfile.TemporaryDirectory() as folder:
        source = copy_source(Path(folder) / "source")
        built = Path(folder) / "built"
        run("uv", "build", "--quiet", "--sdist", "--wheel", "--out-dir", str(built), str(source))
        made = [
            Path(shutil.copyfile(path, target / path.name))
            for path in sorted(built.iterdir())
            if path.suffix in (".whl", ".gz")
        ]
        made.append(build(target / f"token-saver-{version}.mcpb", source))
        plugin = list(sources(source, FILES, PLUGIN_FOLDERS))
        made.append(write_zip(target / f"token-saver-plugin-{version}.zip", plugin))
    bill = target / f"token-saver-{version}.cdx.json"
    bill.write_text(json.dumps(bill_of_materials(), indent=2) + "\n", encoding="utf-8")
    made.append(bill)
    sums = target / "SHA256SUMS"
    sums.write_text(
        "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made),
        encoding="utf-8",
    )
    return [*made, sums]


def copy_source(target: Path) -> Path:
    """Copy the files under version control with the same modes everywhere; without Git, all files."""
    if (ROOT / ".git").exists():
        names = [name for name in run("git", "ls-files", "-z").split("\0") if name]
    else:
        names = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.rglob("*")) if path.is_file()]
    for name in names:
        path = ROOT / name
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    return target


def bill_of_materials() -> dict[str, Any]:
    """Return the dependencies with their versions as CycloneDX 1.5, without what differs between runs."""
    options = ("--quiet", "--no-dev", "--all-extras", "--preview-features", "sbom-export")
    table = json.loads(run("uv", "export", *options, "--format", "cyclonedx1.5"))
    app = table["metadata"]["component"]
    parts = sorted(table["components"], key=lambda each: str(each["name"]))
    names = {each["bom-ref"]: _reference(each) for each in (app, *parts)}
    needs = {
        names[each["ref"]]: sorted(names[part] for part in each.get("dependsOn", ()))
        for each in table["dependencies"]
    }
    return {
        "bomFormat": table["bomFormat"],
        "specVersion": table["specVersion"],
        "version": 1,
        "metadata": {"component": {**_component(app), "type": "application"}},
        "components": [_component(each) for each in parts],
        "dependencies": [{"ref": name, "dependsOn": needs[name]} for name in sorted(needs)],
    }


def _component(each: dict[str, Any]) -> dict[str, str]:
    return {**{key: each[key] for key in KEPT if key in each}, "bom-ref": _reference(each)}


def _reference(each: dict[str, Any]) -> str:
    return f"pkg:pypi/{each['name']}@{each['version']}"


def run(*command: str) -> str:
    """Run a command in the checkout, and return its output."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", DATE)}
    done = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8")


if __name__ == "__main__":
    for path in build_release(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"):
        print(path)  # noqa: T201 - a command's output
