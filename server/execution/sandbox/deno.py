"""JavaScript and TypeScript in Deno, which is started without any permission.

Deno denies files, network, programs and the environment by itself. On Linux it also runs behind a proven
barrier for commands, which bounds its memory and ends it with all that it started.
"""

import json
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from server.execution.sandbox.values import CommandJob, JobResult, Limits

_EVALUATOR = Path(__file__).with_name("evaluator.js")
_OPTIONS = ("--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock", "--no-check", "--quiet")
_MARK = b"\x1e"
_HEAP_MEGABYTES = 256
LIMITS = Limits(
    seconds=10,
    cpu_seconds=20,
    memory_bytes=1 << 30,
    file_bytes=8 << 20,
    disk_bytes=32 << 20,
    processes=64,
    open_files=256,
)


def deno_program() -> Path | None:
    """Return Deno's program: the one installed with the app (the extra ``deno``), else one on PATH."""
    name = "deno.exe" if sysconfig.get_platform().startswith("win") else "deno"
    own = Path(sysconfig.get_path("scripts")) / name
    if own.is_file():
        return own.resolve()
    return Path(found).resolve() if (found := shutil.which("deno")) else None


def javascript_job(
    deno: Path,
    source: str,
    expressions: Sequence[str] = (),
    *,
    language: Literal["js", "ts", "jsx", "tsx"] = "js",
    limits: Limits = LIMITS,
) -> CommandJob:
    """Return the job that loads a module and evaluates expressions in its scope, exported or not."""
    module = f"answer.{language}"
    start = (
        'import { evaluate } from "./evaluator.js";\n'
        f'await evaluate(() => import("./{module}"), {json.dumps(list(expressions))});\n'
    )
    files = {
        "main.js": start,
        "evaluator.js": _EVALUATOR.read_text(encoding="utf-8"),
        module: f"{source}\n;globalThis.__scope((text) => eval(text));\n",
    }
    flags = f"--v8-flags=--max-old-space-size={_HEAP_MEGABYTES}"
    return CommandJob(
        (str(deno), "run", *_OPTIONS, flags, "main.js"),
        env={"NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"},
        readable=(deno,),
        files=files,
        limits=limits,
    )


def javascript_records(result: JobResult) -> tuple[Mapping[str, Any], ...]:
    """Return the records among what a job printed, up to the first line that is none."""
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
    return tuple(records)
