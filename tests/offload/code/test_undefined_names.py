"""Undefined names in Python: found if certain, silent otherwise."""

import pytest

from server.offload.checks.undefined_names import (
    missing_imports,
    own_imports,
    undefined_attributes,
    undefined_names,
)

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("re.findall('a', 'b')", ["re"]),
        ("import re\nre.findall('a', 'b')", []),
        ("import os.path as p\np.join(os, 'a')", ["os"]),
        ("def f(a, *b, c=1, **d):\n    return a, b, c, d, e", ["e"]),
        ("x = [y for y in range(3) if (z := y)]\nprint(x, z)", []),
        ("try:\n    pass\nexcept ValueError as error:\n    print(error)", []),
        ("def f():\n    global g\n    return g", []),
        (
            "match 1:\n    case {'a': b, **rest}:\n        print(b, rest)\n    case [*c]:\n        print(c)",
            [],
        ),
        ("from x import *\nprint(anything)", []),
        ("class A:\n    def f(self) -> 'A':\n        return __class__, __name__", []),
        ("not python at all", []),
        ("for i in items: pass", ["items"]),
    ],
)
def test_undefined_names(text: str, names: list[str]) -> None:
    assert [name for name, _ in undefined_names(text)] == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("class A:\n    def f(self):\n        return self.x", ["x"]),
        ("class A:\n    x = 1\n    def f(self):\n        return self.x", []),
        ("class A:\n    x: int\n    def f(self):\n        return self.x", []),
        (
            "class A:\n    def __init__(self):\n        self.x = 1\n    def f(self):\n        self.x",
            [],
        ),
        ("class A(B):\n    def f(self):\n        return self.x", []),
        ("class A:\n    def f(self):\n        setattr(self, 'x', 1)\n        return self.x", []),
        (
            "class A:\n    def __getattr__(self, n):\n        return 1\n    def f(self):\n        self.x",
            [],
        ),
        ("class A:\n    def f(self):\n        return self.__class__.__name__", []),
    ],
)
def test_undefined_attributes(text: str, names: list[str]) -> None:
    assert [name for name, _ in undefined_attributes(text)] == names


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("from shop import total", []),
        ("from shop import total, tax", [("shop", "tax")]),
        ("from src.shop import tax", []),
        ("from .shop import tax", [("app.shop", "tax")]),
        ("from app.shop import tax", [("app.shop", "tax")]),
        ("from django.db.shop import tax", []),
        ("from numpy import array", []),
        ("from shop import *", []),
    ],
)
def test_missing_imports(text: str, missing: list[tuple[str, str]]) -> None:
    assert missing_imports(text, "app/use.py", {"app/shop.py": "def total(): pass"}) == missing


@pytest.mark.parametrize(
    ("text", "path", "own"),
    [
        ("from shop.utils import x", "shop/utils.py", ["shop.utils"]),
        ("from .utils import x", "shop/utils.py", [".utils"]),
        ("import shop", "shop.py", ["shop"]),
        ("from django.utils import timezone", "shop/utils.py", []),
        ("import logging", "logging.py", []),
        ("from . import other", "shop/utils.py", []),
    ],
)
def test_imports_of_the_module_itself(text: str, path: str, own: list[str]) -> None:
    assert own_imports(text, path) == own
