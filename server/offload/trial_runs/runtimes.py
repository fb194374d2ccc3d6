"""Chooses the runtime that can run a plan's result on this machine."""

import sys
from pathlib import PurePath

from server.execution.python.runtime import PythonRuntime
from server.execution.runtime import Runtime
from server.execution.scripts.bash_runtime import BashRuntime, bash_program
from server.execution.scripts.javascript import find_engine
from server.execution.scripts.javascript_runtime import JavaScriptRuntime
from server.offload.asking.plan import Plan

_RUN_KINDS = ("generate", "edit_file", "edit_selection", "edit_definitions", "edit_blocks")
_PYTHON, _JAVASCRIPT, _TYPESCRIPT = (".py", ".pyw"), (".js", ".mjs", ".cjs"), (".ts", ".mts")


def runtime_of(plan: Plan) -> Runtime | str | None:  # noqa: PLR0911 - one return a language
    """Return the runtime for a plan's result, the reason why none is available, or None if there is nothing
    to run.
    """
    language = plan.language
    if plan.kind not in _RUN_KINDS or language is None or not language.has_definitions:
        return None
    ending, shown = PurePath(plan.file_name).suffix.lower(), _shown(plan)
    if language.name == "Python":
        return PythonRuntime() if ending in ("", *_PYTHON) else None
    if plan.is_test:
        return f"tests in {language.name} are not run"
    if language.name in ("JavaScript", "TypeScript"):
        typescript = language.name == "TypeScript"
        if ending not in ("", *(_TYPESCRIPT if typescript else _JAVASCRIPT)):
            return f"{ending} files are not run"
        engine = find_engine(typescript=typescript)
        return (
            JavaScriptRuntime(engine, typescript, shown) if engine else ("neither Node nor Deno is installed")
        )
    if language.name == "Bash":
        program = bash_program() if sys.platform == "linux" else None
        return BashRuntime(program, shown) if program else "Bash is not run here"
    return f"{language.name} is not run"


def _shown(plan: Plan) -> str:
    source = plan.edited or plan.target
    return source.shown if source is not None else ""
