"""Parsing of Python in many threads at once, while garbage with finalizers is collected."""

import ast
import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import server.offload
from server.offload.code.python_tree import nodes_of, own_tree, parse_python, trees_kept


class _Garbage:
    """Cyclic garbage with a finalizer: its collection lets other threads run."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(50))


@pytest.fixture
def busy_collector() -> Iterator[None]:
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("busy_collector")
def test_many_threads_parse_at_once() -> None:
    folder = Path(server.offload.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]

    def parse(source: str) -> int:
        for _ in range(200):
            _Garbage()
        return len(parse_python(source).body)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(parse, sources))
    assert found == [len(ast.parse(source).body) for source in sources]


def test_trees_are_cached_for_one_answer_only() -> None:
    with trees_kept():
        tree = parse_python("x = 1")
        assert parse_python("x = 1") is tree
        assert nodes_of("x = 1").all[0] is tree
        assert parse_python("x = 2") is not tree
        assert own_tree("x = 1") is not tree
    assert parse_python("x = 1") is not tree
