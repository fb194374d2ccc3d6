"""A small test runner for the sandbox, with the subset of pytest that generated tests use.

Runs inside the sandbox, where only the standard library is available. Like pytest and
unittest, ``run`` finds and runs functions and methods named ``test…``. Missing pytest features raise
``NotSupported``: the test is not run, which counts neither for nor against it.
"""

import inspect
import math
import re
import sys
import types
import unittest
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class NotSupported(Exception):
    """The test uses a pytest feature that this runner does not support."""


class _Skipped(Exception):
    pass


class _Raises:
    """``pytest.raises``."""

    def __init__(self, expected: Any, match: str | None = None) -> None:
        self.expected, self.match = expected, match
        self.value: BaseException | None = None

    def __enter__(self) -> "_Raises":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> bool:
        if error is None:
            raise AssertionError("did not raise")
        self.value = error
        if not isinstance(error, self.expected):
            return False
        if self.match is not None and not re.search(self.match, str(error)):
            raise AssertionError(f"{error} does not match {self.match}")
        return True


class _Approx:
    """``pytest.approx`` for numbers, and for sequences and dictionaries of numbers."""

    def __init__(self, expected: Any, rel: float = 1e-6, abs: float = 1e-12) -> None:  # noqa: A002
        self.expected, self.rel, self.abs = expected, rel, abs

    def __eq__(self, other: object) -> bool:
        return self._same(self.expected, other)

    __hash__ = None  # type: ignore[assignment]

    def _same(self, expected: Any, actual: Any) -> bool:
        if isinstance(expected, dict):
            return (
                isinstance(actual, dict)
                and expected.keys() == actual.keys()
                and all(self._same(expected[key], actual[key]) for key in expected)
            )
        if isinstance(expected, list | tuple):
            return len(expected) == len(actual) and all(map(self._same, expected, actual))
        return math.isclose(expected, actual, rel_tol=self.rel, abs_tol=self.abs)


class _Mark:
    """``pytest.mark``: supports ``parametrize`` and accepts marks that do not affect a plain run."""

    def __getattr__(self, name: str) -> Any:
        if name in ("skip", "skipif", "xfail", "usefixtures"):
            raise NotSupported(f"pytest.mark.{name}")
        return lambda *_, **__: lambda function: function

    def parametrize(self, names: str | list[str] | tuple[str, ...], values: Any, **_: Any) -> Any:
        listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)

        def mark(function: Any) -> Any:
            cases = [
                dict(zip(listed, value if len(listed) > 1 else (value,), strict=True)) for value in values
            ]
            function.parameters = [*getattr(function, "parameters", []), cases]
            return function

        return mark


def _fixture(function: Any = None, **options: Any) -> Any:
    if options and set(options) - {"scope", "name"}:
        raise NotSupported("this kind of pytest.fixture")
    if function is None:
        return _fixture
    function.is_fixture = True
    return function


def _skip(reason: str = "", **_: Any) -> None:
    raise _Skipped(reason)


def _fail(reason: str = "", **_: Any) -> None:
    raise AssertionError(reason)


failed: dict[int, str] = {}
"""Messages of failed assertions, keyed by assertion number."""


def note(number: int, error: BaseException) -> None:
    """Record a failed assertion and continue. Errors about missing features are re-raised."""
    if isinstance(error, NotSupported | _Skipped | KeyboardInterrupt):
        raise error
    failed.setdefault(number, f"{type(error).__name__}: {error}"[:200])


def install() -> None:
    """Make ``import pytest`` find the subset of pytest implemented here."""
    module = types.ModuleType("pytest")
    parts = {
        "raises": _Raises,
        "approx": _Approx,
        "mark": _Mark(),
        "fixture": _fixture,
        "skip": _skip,
        "fail": _fail,
    }
    vars(module).update(parts)

    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotSupported(f"pytest.{name}")

    module.__getattr__ = missing  # type: ignore[method-assign]
    sys.modules["pytest"] = module


def run(namespace: Mapping[str, Any]) -> dict[str, str]:
    """Run a module's tests. Return the result of each: ``passed``, ``not run: …`` or the error."""
    results: dict[str, str] = {}
    functions = {name: each for name, each in namespace.items() if isinstance(each, types.FunctionType)}
    fixtures = {name: each for name, each in functions.items() if hasattr(each, "is_fixture")}
    for name, test in _tests(namespace):
        results[name] = _outcome(test, fixtures)
    return results


def _tests(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    own = namespace.get("__name__")
    for name, value in list(namespace.items()):
        if isinstance(value, types.FunctionType) and name.startswith("test"):
            yield name, value
        elif isinstance(value, type) and value.__module__ == own:
            if issubclass(value, unittest.TestCase):
                for method in unittest.TestLoader().getTestCaseNames(value):
                    yield f"{name}.{method}", _of_unittest(value, method)
            elif name.startswith("Test"):
                for method in [each for each in vars(value) if each.startswith("test")]:
                    yield f"{name}.{method}", _of_class(value, method)


def _of_unittest(kind: type[unittest.TestCase], method: str) -> Callable[..., Any]:
    def test() -> None:
        result = unittest.TestResult()
        unittest.TestSuite([kind(method)]).run(result)
        if result.skipped:
            raise _Skipped(result.skipped[0][1])
        for _, text in (*result.errors, *result.failures):
            raise AssertionError(text.strip().splitlines()[-1])

    return test


def _of_class(kind: type, method: str) -> Callable[..., Any]:
    function = getattr(kind, method)

    def test(**arguments: Any) -> Any:
        instance = kind()
        if hasattr(instance, "setup_method"):
            instance.setup_method()
        return getattr(instance, method)(**arguments)

    signature = inspect.signature(function)
    test.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    test.parameters = getattr(function, "parameters", [])  # type: ignore[attr-defined]
    return test


def _call_all(test: Callable[..., Any], fixtures: Mapping[str, Any]) -> None:
    """Call a test once for each combination of its parameters."""
    cases: list[dict[str, Any]] = [{}]
    for options in getattr(test, "parameters", []):
        cases = [{**case, **option} for case in cases for option in options]
    for case in cases:
        closing: list[Iterator[Any]] = []
        wanted = {name for name in inspect.signature(test).parameters if name not in case}
        result = test(**case, **{name: _value_of(name, fixtures, closing) for name in wanted})
        if inspect.iscoroutine(result):
            import asyncio  # noqa: PLC0415 - takes 60 ms

            asyncio.run(result)
        for generator in closing:
            next(generator, None)


def _value_of(name: str, fixtures: Mapping[str, Any], closing: list[Iterator[Any]]) -> Any:
    if name not in fixtures:
        raise NotSupported(f"the fixture {name}")
    function = fixtures[name]
    arguments = {each: _value_of(each, fixtures, closing) for each in inspect.signature(function).parameters}
    value = function(**arguments)
    if inspect.isgenerator(value):
        closing.append(value)
        return next(value)
    return value


def _outcome(test: Callable[..., Any], fixtures: Mapping[str, Any]) -> str:
    try:
        _call_all(test, fixtures)
    except NotSupported as error:
        return f"not run: it uses {error}"
    except _Skipped as error:
        return f"not run: skipped {error}"
    except BaseException as error:  # noqa: BLE001 - everything that a test raises is its outcome
        return f"{type(error).__name__}: {error}"[:300]
    return "passed"
