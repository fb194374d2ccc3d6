"""Answers that give members of the selected class without the class around them."""

from pathlib import Path

import pytest

from server.offload.answers.edits import apply
from server.offload.answers.merge import members_alone
from server.offload.code.languages import language_of
from server.offload.values import Source

pytestmark = pytest.mark.fast

PYTHON = """import os


class Stack:
    \"\"\"A stack.\"\"\"

    def push(self, value):
        self.items.append(value)

    def pop(self):
        return self.items.pop()


LIMIT = 3
"""
TYPESCRIPT = (
    "export class Stack {\n  items: number[] = [];\n\n  push(v: number) {\n    this.items.push(v);\n  }\n}\n"
)
JAVA = "class Stack {\n    int size() { return 0; }\n}\n"


def _read(name: str, text: str, code: str) -> str | None:
    language = language_of(Path(name))
    assert language is not None
    start = text.index("class Stack") if "export" not in text else 0
    end = text.index("\n\n\nLIMIT") if "LIMIT" in text else text.rindex("}") + 1
    source = Source(Path(f"/{name}"), name, text, "", start, end)
    edits = members_alone(source, code, language)
    return apply(text, edits) if edits else None


def test_new_members_follow_the_last_one_and_known_ones_are_replaced() -> None:
    given = (
        "    def pop(self):\n        return self.items.pop(0)\n\n    def __len__(self):\n        return 1\n"
    )
    assert _read("a.py", PYTHON, given) == PYTHON.replace("pop()", "pop(0)").replace(
        "pop(0)\n\n\nLIMIT", "pop(0)\n\n    def __len__(self):\n        return 1\n\n\nLIMIT"
    )


def test_members_in_braces_go_into_the_class() -> None:
    size = "  size() {\n    return this.items.length;\n  }\n"
    assert _read("a.ts", TYPESCRIPT, size) == TYPESCRIPT.replace("  }\n}", f"  }}\n\n{size}}}")
    method = "    int first() { return 1; }\n"
    assert _read("A.java", JAVA, method) == JAVA.replace("0; }\n", f"0; }}\n\n{method}")


@pytest.mark.parametrize(
    "code",
    [
        "def size(self):\n    return 1\n",
        "class Stack:\n    def size(self):\n        return 1\n",
        "    LIMIT = 4\n\n    def size(self):\n        return 1\n",
        "    def size(self):\n        return 1\n\n    print(1)\n",
        "    def size(self):\n        return 1\n\n    def size(self):\n        return 2\n",
        "    def size(self:\n",
        "    return 1\n",
    ],
    ids=["not indented", "class", "field", "statement", "twice", "broken", "no member"],
)
def test_other_answers_are_not_read_this_way(code: str) -> None:
    assert _read("a.py", PYTHON, code) is None
