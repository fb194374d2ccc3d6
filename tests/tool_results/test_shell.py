"""Tests of the kinds of commands."""

import pytest

from server.tool_results.shell import commands_of, kind_of

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("pytest -v", "pytest"),
        ("cd /p && FOO=1 timeout 60 pytest -x 2>&1", "pytest"),
        ("uv run --quiet pytest tests", "pytest"),
        (".venv/bin/python -m pytest", "python -m pytest"),
        ("npm run build", "npm run build"),
        ("npm test", "npm test"),
        ("cargo build --release", "cargo build"),
        ("git -c a=b log --stat", "git"),
        ("docker logs web", "docker logs"),
        ("make", "make"),
        ("make -j4 all; echo done", "make all"),
        ("./gradlew test", "gradlew test"),
        ("python3 run.py > out.txt; cat out.txt", "cat"),
        ("npx jest", "jest"),
        ("cd /p", "shell"),
    ],
    ids=lambda value: None,
)
def test_the_kind_is_the_command_that_prints(line: str, kind: str) -> None:
    commands = commands_of(line)
    assert commands is not None
    assert kind_of(commands) == kind


def test_commands_are_found_inside_others() -> None:
    assert commands_of('for f in *.log; do cat "$f" | grep -c x; done; echo $(head -1 a)') == [
        ("cat", "$f"),
        ("grep", "-c", "x"),
        ("echo", "$(head -1 a)"),
        ("head", "-1", "a"),
    ]


@pytest.mark.parametrize("line", ["if true; then", "echo 'open", "a | | b"], ids=["if", "quote", "pipe"])
def test_a_line_that_does_not_parse_has_no_commands(line: str) -> None:
    assert commands_of(line) is None
