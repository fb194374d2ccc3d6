"""Evaluates Python expressions in a module under test. Runs inside the sandbox.

Needs only the standard library, because it also runs under Pyodide, without the app. It writes one JSON
record per line: ``load`` once, ``value`` or ``error`` for each expression, then ``done``. The module under
test shares the process and can forge any record. The expected values are not known here.
"""

import ast
import builtins
import enum
import io
import json
import linecache
import os
import sys
import threading
import types
from collections.abc import Callable, Mapping
from typing import Any

# No pathlib here: its import takes 10 ms at every start of a job.

DEEPEST, MOST_NODES, LONGEST_MESSAGE = 40, 20_000, 400
FILE_NAME = "<module>"
_BUILTIN = {id(value): value.__name__ for value in vars(builtins).values() if isinstance(value, type)}
_READ_ONLY_MODES = ("r", "rb", "rt", "")


def evaluate(task: Mapping[str, Any], write: Callable[[str], object]) -> None:
    """Load the module, evaluate each expression in its namespace and write the records.

    Args:
        task: ``source``, ``name``, ``preamble``, ``expressions``.
        write: called with one line at a time, without the line ending.
    """
    dump = json.dumps  # the module may replace attributes of ``json``
    attempts = _watch_attempts()
    module = types.ModuleType(str(task["name"]))
    namespace = vars(module)
    namespace["__file__"] = os.path.abspath(f"{task['name']}.py")
    sys.modules[module.__name__] = module
    source = str(task["source"])
    linecache.cache[FILE_NAME] = (len(source), None, source.splitlines(keepends=True), FILE_NAME)
    before = _entries()
    loaded: dict[str, Any] = {"record": "load"}
    try:
        if task.get("preamble"):
            exec(compile(str(task["preamble"]), "<preamble>", "exec"), namespace)  # noqa: S102 - the purpose
        exec(compile(source, FILE_NAME, "exec"), namespace)  # noqa: S102 - the purpose
    except BaseException as error:  # noqa: BLE001 - everything that the module raises is a result
        loaded["error"] = _describe_error(error)
    loaded |= {
        "printed": _printed(),
        "files": sorted(set(_entries()) - set(before)),
        "threads": threading.active_count() - 1,
        "attempts": sorted(attempts),
        "names": sorted(name for name in namespace if not name.startswith("__"))[:500],
    }
    write(dump(loaded))
    if "error" in loaded:
        return
    for index, expression in enumerate(task["expressions"]):
        attempts.clear()
        record = {"index": index, **_evaluate_one(expression, namespace), "attempts": sorted(attempts)}
        write(dump(record))
    write(dump({"record": "done"}))


def _evaluate_one(expression: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Evaluate an expression. For a plain call, encode the arguments both before and after it."""
    try:
        tree = ast.parse(expression, "<expression>", "eval").body
        if isinstance(tree, ast.Await):
            tree = tree.value
        if not isinstance(tree, ast.Call) or any(isinstance(each, ast.Starred) for each in tree.args):
            return {"record": "value", "value": encode(_awaited(_eval(tree, namespace)))}
        function = _eval(tree.func, namespace)
        arguments = [_eval(each, namespace) for each in tree.args]
        named: dict[str, Any] = {}
        for keyword in tree.keywords:
            value = _eval(keyword.value, namespace)
            named |= {keyword.arg: value} if keyword.arg else value
        passed = [*arguments, *named.values()]
        before = [encode(each) for each in passed]
        result = encode(_awaited(function(*arguments, **named)))
        after = [encode(each) for each in passed]
    except BaseException as error:  # noqa: BLE001 - everything that the code raises is a result
        return {"record": "error", "error": _describe_error(error)}
    changed = [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return {"record": "value", "value": result, "changed": changed}


def _eval(tree: ast.expr, namespace: dict[str, Any]) -> Any:
    code = compile(ast.Expression(tree), "<expression>", "eval")
    return eval(code, namespace)  # noqa: S307 - the purpose


def _awaited(value: Any) -> Any:
    if not isinstance(value, types.CoroutineType):
        return value
    import asyncio  # noqa: PLC0415 - takes 60 ms, and few modules need it

    return asyncio.run(value)


def encode(value: Any) -> Any:
    """Return a JSON form of a value that preserves its exact type and can be compared without running its
    code.

    Beyond ``DEEPEST`` levels or ``MOST_NODES`` parts, the form is ``["large"]``, which never compares equal.
    """
    try:
        return _Encoder().encode(value, 0)
    except (_TooLargeError, RecursionError):
        return ["large"]


class _TooLargeError(Exception):
    pass


class _Encoder:
    def __init__(self) -> None:
        self.nodes = 0

    def encode(self, value: Any, depth: int) -> Any:  # noqa: PLR0911 - one return a kind of value
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            raise _TooLargeError
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, enum.Enum):
            return ["enum", _name_of(type(value)), value.name, self.encode(value.value, depth + 1)]
        if isinstance(value, int):
            return ["int", hex(value)]
        if isinstance(value, float):
            return ["float", float.__repr__(value)]
        if isinstance(value, complex):
            return ["complex", complex.__repr__(value)]
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, bytes | bytearray):
            return ["bytes", bytes(value).hex()]
        if isinstance(value, list | tuple):
            kind = "list" if isinstance(value, list) else "tuple"
            return [kind, [self.encode(each, depth + 1) for each in value]]
        if isinstance(value, set | frozenset):
            return ["set", sorted((self.encode(each, depth + 1) for each in value), key=json.dumps)]
        if isinstance(value, dict):
            items = [
                [self.encode(key, depth + 1), self.encode(each, depth + 1)] for key, each in value.items()
            ]
            return ["dict", items]
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            return ["name", _name_of(value)]
        return ["object", _name_of(type(value)), self._parts(value, depth + 1)]

    def _parts(self, value: Any, depth: int) -> Any:
        """Return an object's parts: its fields, else its state, else its printed form."""
        if isinstance(fields := getattr(type(value), "__dataclass_fields__", None), dict):
            return self.encode({name: getattr(value, name, None) for name in fields}, depth)
        module = type(value).__module__
        if isinstance(value, BaseException):
            return self.encode([list(value.args), str(value)], depth)
        if module in sys.stdlib_module_names and module != "types":
            # For values of the standard library (dates, decimals, paths), the repr is their value.
            text = repr(value)
            if " at 0x" not in text:
                return text[:MOST_NODES]
            return self.encode(list(value), depth) if type(value).__name__ == "deque" else None
        if isinstance(getattr(value, "__dict__", None), dict):
            return self.encode(vars(value), depth)
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        return self.encode({name: getattr(value, name, None) for name in slots}, depth) if slots else None


def _name_of(kind: Any) -> str:
    """Return the qualified class name. Only real built-ins are named ``builtins.…``."""
    if id(kind) in _BUILTIN:
        return f"builtins.{_BUILTIN[id(kind)]}"
    name = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"
    return name if not name.startswith("builtins.") else f"not-{name}"


def _describe_error(error: BaseException) -> dict[str, Any]:
    """Return what a judge needs to know about an exception: its classes, message, location and the missing
    name.
    """
    try:
        message = str(error)[:LONGEST_MESSAGE]
    except Exception:  # noqa: BLE001 - a message that cannot be read is told as such
        message = "(its message cannot be read)"
    trace, line, deepest = error.__traceback__, None, ""
    while trace is not None:
        deepest = trace.tb_frame.f_code.co_filename
        if deepest == FILE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno if error.filename == FILE_NAME else line
    described = {
        "types": [_name_of(kind) for kind in type(error).__mro__],
        "message": message,
        "line": line,
        "outside": deepest not in (FILE_NAME, "<expression>"),
    }
    for attribute in ("name", "filename", "errno"):
        for source in (error, error.__cause__, error.__context__):
            value = getattr(source, attribute, None)
            if isinstance(value, str | int):
                described.setdefault(attribute, value)
    return described


def _watch_attempts() -> set[str]:
    """Return a set that collects the side effects the code attempts, whether or not they succeed."""
    attempts: set[str] = set()

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            mode = arguments[1] if len(arguments) > 1 else ""
            written = isinstance(mode, str) and mode not in _READ_ONLY_MODES
            if written:
                attempts.add("write a file")
        elif event.startswith(("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")):
            attempts.add("use the network")
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
            attempts.add("start a program")
        elif event in ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "shutil.rmtree"):
            attempts.add("change files")
        elif event == "builtins.input":
            attempts.add("read from the terminal")

    sys.addaudithook(note)
    return attempts


def _printed() -> int:
    """Return the number of bytes or characters written to standard output so far."""
    try:
        sys.stdout.flush()
        return os.fstat(sys.stdout.fileno()).st_size
    except (OSError, ValueError, AttributeError, io.UnsupportedOperation):
        return len(sys.stdout.getvalue()) if isinstance(sys.stdout, io.StringIO) else 0


def _entries() -> list[str]:
    try:
        return os.listdir()
    except OSError:
        return []
