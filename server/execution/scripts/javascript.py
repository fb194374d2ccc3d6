"""Runs JavaScript and TypeScript in a command sandbox: in Node, or in Deno without any permissions.

Deno itself denies access to files, the network, programs and the environment. The barrier around Node and
Deno denies the same, limits memory, and ends every process they start.
"""

import json
import re
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from server.common.processes import find_program
from server.execution.sandbox.values import CommandJob, JobResult, Limits
from server.execution.scripts.javascript_facts import call_parts
from server.execution.scripts.javascript_text import is_module

_EVALUATOR = Path(__file__).with_name("evaluator.mjs")
_DENO_OPTIONS = (
    *("run", "--no-prompt", "--no-remote", "--no-npm", "--no-config"),
    *("--no-lock", "--no-check", "--quiet"),
)
_CALLED = re.compile(r"(?<![\w$.])[A-Za-z_$][\w$]*(?=\()")
_MARK = b"\x1e"
_NO_CONFIGURATION = {"OPENSSL_CONF": "/dev/null"}
"""Node does not start if it cannot read the system's OpenSSL configuration, as is the case behind
Landlock.
"""
_HEAP_MEGABYTES = 256
LIMITS = Limits(
    seconds=20,
    cpu_seconds=10,
    memory_bytes=1 << 30,
    file_bytes=8 << 20,
    disk_bytes=32 << 20,
    processes=64,
    open_files=256,
)


@dataclass(frozen=True)
class Engine:
    """A program that can run JavaScript."""

    name: Literal["node", "deno"]
    program: Path


def find_engine(*, typescript: bool) -> Engine | None:
    """Return the engine for a language: preferably Node for JavaScript and Deno for TypeScript.

    Node has better CommonJS support, but only its newest versions run TypeScript.
    """
    found = [Engine("node", path)] if (path := _on_path("node")) is not None else []
    if (deno := deno_program()) is not None:
        found.append(Engine("deno", deno))
    return (found[-1] if typescript else found[0]) if found else None


def deno_program() -> Path | None:
    """Return the path to Deno: the one installed with the app (extra ``deno``), otherwise the one on PATH."""
    own = Path(sysconfig.get_path("scripts")) / ("deno.exe" if _is_windows() else "deno")
    return own.resolve() if own.is_file() else _on_path("deno")


def javascript_job(
    engine: Engine,
    source: str,
    expressions: Sequence[str] = (),
    *,
    typescript: bool = False,
    path: str = "",
    files: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
) -> CommandJob:
    """Return the job that loads a module and evaluates expressions in its scope, exported or not.

    Args:
        engine: the engine to use.
        source: the module's text.
        expressions: evaluated one after another; promises are awaited.
        typescript: whether the module is TypeScript.
        path: path to the module within its project, for resolving relative imports.
        files: project files, keyed by relative path.
        limits: limits for the job.
    """
    modular = typescript or is_module(source)
    ending = "ts" if typescript else "mjs" if modular else "cjs"
    folder = PurePosixPath(path.replace("\\", "/")).parent
    inside = not folder.is_absolute() and ".." not in folder.parts
    module = str((folder if inside else PurePosixPath()) / f"answer__.{ending}")
    asked = json.dumps([call_parts(each) or each for each in expressions])
    called = json.dumps(sorted({name for each in expressions for name in _CALLED.findall(each)}))
    start = (
        'import { evaluate } from "./evaluator__.mjs";\n'
        f"await evaluate(() => import({json.dumps('./' + module)}), {asked}, {called});\n"
    )
    kind = json.dumps({"type": "module" if modular else "commonjs"})
    own = {
        "main__.mjs": start,
        "evaluator__.mjs": _EVALUATOR.read_text(encoding="utf-8"),
        module: f"{source}\n;globalThis.__scope((text) => eval(text));\n",
    }
    return CommandJob(
        (str(engine.program), *_options(engine), "main__.mjs"),
        env={"NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1", "NODE_NO_WARNINGS": "1"} | _NO_CONFIGURATION,
        readable=(engine.program,),
        files={"package.json": kind, **(files or {}), **own},
        limits=limits,
    )


def javascript_records(result: JobResult) -> tuple[Mapping[str, Any], ...]:
    """Return the records about the module from a job's output, up to the first invalid one."""
    return tuple(record for record in _all_records(result) if record["record"] != "start")


def _all_records(result: JobResult) -> list[Mapping[str, Any]]:
    records: list[Mapping[str, Any]] = []
    for line in result.stdout.splitlines():
        if not line.startswith(_MARK):
            continue
        try:
            record = json.loads(line.removeprefix(_MARK))
        except (ValueError, RecursionError):
            break
        if isinstance(record, dict) and isinstance(record.get("record"), str):
            records.append(record)
    return records


def has_started(result: JobResult) -> bool:
    """Return whether the engine got as far as reading the module."""
    return any(record["record"] == "start" for record in _all_records(result))


def _options(engine: Engine) -> tuple[str, ...]:
    heap = f"--max-old-space-size={_HEAP_MEGABYTES}"
    return (*_DENO_OPTIONS, f"--v8-flags={heap}") if engine.name == "deno" else (heap,)


def _on_path(name: str) -> Path | None:
    return Path(found).resolve() if (found := find_program(name)) else None


def _is_windows() -> bool:
    return sysconfig.get_platform().startswith("win")
