"""Parameters that a new function never reads."""

import pytest

from server.offload.checks.parameters import unread_parameters

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def allow(key, now):\n    return now > 1\n", "allow never reads its parameter key"),
        ("def f(a, *, limit=3):\n    limit = 4\n    return a\n", "f never reads its parameter limit"),
        ("class A:\n    def f(self, x):\n        return self\n", "f never reads its parameter x"),
    ],
    ids=["positional", "only assigned", "method"],
)
def test_unread_parameters(code: str, found: str) -> None:
    assert [slip for _, slip in unread_parameters(code)] == [found]


@pytest.mark.parametrize(
    "code",
    [
        "def f(a, b):\n    return a + b\n",
        "def f(a):\n    def g():\n        return a\n    return g\n",
        "def f(a):\n    raise NotImplementedError\n",
        "def f(a):\n    return None\n",
        "def f(a):\n    return locals().copy()\n",
        "@app.get('/')\ndef f(request):\n    return 1 + 1\n",
        "class A(Base):\n    def handle(self, event):\n        return self.x + 1\n",
        "def f(_a, *args, **options):\n    return 1 + 1\n",
        "def f(a:\n",
    ],
    ids=["read", "closure", "stub", "constant", "locals", "decorated", "subclass", "ignored", "broken"],
)
def test_no_false_alarm(code: str) -> None:
    assert unread_parameters(code) == ()
