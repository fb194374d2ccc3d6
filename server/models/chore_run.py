"""Runs Python code that a model wrote for a chore, guarding against accidental damage.

The code is inspected first: it may import only a few modules that just compute, and may not use names that
reach beyond computing. It then runs in an isolated process with an empty environment, in an empty folder,
with limits on time and (on POSIX) memory and files. This is not a sandbox against malicious code, because
Python offers more escapes than a list can name.
"""

import ast
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress

from server.common.processes import NO_WINDOW

SECONDS = 10.0
PURE = {
    *("abc", "bisect", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools"),
    *("heapq", "itertools", "math", "operator", "random", "re", "statistics", "string", "textwrap", "typing"),
    *("unicodedata",),
}
FORBIDDEN = {
    *(
        "breakpoint",
        "compile",
        "delattr",
        "dir",
        "eval",
        "exec",
        "exit",
        "getattr",
        "globals",
        "help",
        "input",
    ),
    *("locals", "memoryview", "object", "open", "quit", "setattr", "type", "vars"),
}
DYNAMIC = {
    *("Formatter", "attrgetter", "get_type_hints", "make_dataclass", "methodcaller", "singledispatch"),
    "singledispatchmethod",
}
"""Names that look up other names given as text, or that evaluate text."""
MODULES = {
    "bltns",
    "builtins",
    "importlib",
    "inspect",
    "io",
    "modules",
    "os",
    "subprocess",
    "sys",
    "types",
    "warnings",
}
"""Attribute names that the allowed modules use for modules that do more than compute."""
FORBIDDEN_ATTRIBUTES = MODULES | DYNAMIC
KNOWN_DUNDERS = {"__init__", "__name__", "__len__", "__iter__", "__next__", "__eq__", "__repr__", "__str__"}

_RUNNER = """
import json, sys
code, verify = json.load(sys.stdin)
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
except (ImportError, ValueError, OSError):
    pass
space = {"__name__": "answer"}
try:
    exec(compile(code, "answer", "exec"), space)
    exec(compile(verify, "check", "exec"), space)
except BaseException as error:
    text, at, line = f"{type(error).__name__}: {error}".strip(": "), error.__traceback__, 0
    checks = verify.splitlines()
    while at:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == "check" else line
        at = at.tb_next
    if 0 < line <= len(checks):
        failed = checks[line - 1].strip()
        text = f"fails: {failed}" if isinstance(error, AssertionError) else f"{text} in: {failed}"
    print(text.replace("\\n", " ")[:200], file=sys.stderr)
    sys.exit(1)
"""


async def run_python(code: str, verify: str) -> str:
    """Run ``code``, then the statements in ``verify``. Return a description of the failure; empty on
    success.
    """
    try:
        forbidden = _forbidden(ast.parse(code))
    except SyntaxError as error:
        return f"does not parse: {error.msg}, line {error.lineno}"[:200]
    except (ValueError, RecursionError, MemoryError) as error:
        return f"does not parse: {error}"[:200]
    if forbidden:
        return f"not run, because it uses {forbidden}"
    return await _run(json.dumps([code, verify]).encode())


async def _run(order: bytes) -> str:
    # ignore_cleanup_errors: on Windows, a killed process holds its folder for a moment.
    with tempfile.TemporaryDirectory(prefix="token-saver-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            "-c",
            _RUNNER,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={},
            creationflags=NO_WINDOW,
        )
        try:
            async with asyncio.timeout(SECONDS):
                _, errors = await process.communicate(order)
        except TimeoutError:
            return f"did not end within {SECONDS:g} s"
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    if process.returncode == 0:
        return ""
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"ended with status {process.returncode}"


def _forbidden(tree: ast.Module) -> str:
    """Return the first forbidden name in the code; empty if there is none."""
    for node in ast.walk(tree):
        if found := next((name for name in _forbidden_names(node) if name), ""):
            return found
    return ""


def _forbidden_names(node: ast.AST) -> Iterator[str]:
    """Yield the forbidden names in one node (possibly empty strings)."""
    match node:
        case ast.Import(names=names):
            yield from (each.name for each in names if each.name.partition(".")[0] not in PURE)
        case ast.ImportFrom(module=module, level=level, names=names):
            if level or (module or "").partition(".")[0] not in PURE:
                yield module or "."
            yield from (
                each.name for each in names if each.name in FORBIDDEN_ATTRIBUTES or each.name.startswith("_")
            )
        case ast.Name(id=name):
            yield name if name in FORBIDDEN | DYNAMIC or _is_private(name, ends="__") else ""
        case ast.Attribute(attr=name, value=value):
            own = isinstance(value, ast.Name) and value.id in ("self", "cls")
            yield name if name in FORBIDDEN_ATTRIBUTES or _is_private(name, ends="__" if own else "") else ""
        case ast.MatchClass(kwd_attrs=names):
            yield from (name for name in names if name in FORBIDDEN_ATTRIBUTES or _is_private(name, ends=""))


def _is_private(name: str, *, ends: str) -> bool:
    return name.startswith("_") and name.endswith(ends) and name not in KNOWN_DUNDERS and name != "_"
