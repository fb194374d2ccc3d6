"""Tests of the check that a commit message names only what its change holds, with made-up messages."""

import pytest

from server.commands.commit.message import fault_of, foreign_names
from server.commands.commit.repository import StagedFile
from server.commands.commit.style import style_of

pytestmark = pytest.mark.fast

PATCH = """\
diff --git a/src/http/retry_policy.py b/src/http/retry_policy.py
index 45fa30b..8123e5c 100644
--- a/src/http/retry_policy.py
+++ b/src/http/retry_policy.py
@@ -217,5 +219,6 @@ class RetryPolicy:
 def wait_seconds(attempt: int) -> float:
-    return min(2 ** attempt, 30)
+    # See RFC 9110: `Retry-After` wins over our own delay.
+    return min(2 ** attempt, max_delay or 60.5)
"""
FILES = [StagedFile("M", "src/http/retry_policy.py", "", 2, 1, PATCH)]
PLAIN = style_of(["Start the parser", "Handle empty input", "Name the limits"])
CONVENTIONAL = style_of(["fix(http): wait longer", "feat: one", "chore: three"])
GERMAN = style_of(["Füge Prüfung der Eingabe hinzu", "Entferne die Werte", "Benenne die Grenzen"])


@pytest.mark.parametrize(
    "message",
    [
        "Wait longer in retry_policy.py",
        "Let `Retry-After` win over wait_seconds",
        "Raise the longest delay from 30 to 60.5",
        "Follow RFC 9110 in src/http",
        "Add max_delay to RetryPolicy",
        "Follow the RFCs on delays",
        "Change 1 file with 2 added lines",
    ],
)
def test_what_the_change_holds_may_be_named(message: str) -> None:
    assert foreign_names(message, FILES, PLAIN) == []


@pytest.mark.parametrize(
    ("message", "foreign"),
    [
        pytest.param("Wait in backoff_policy.py", "backoff_policy.py", id="another-file"),
        pytest.param("Wait in http/retry.py", "http/retry.py", id="another-path"),
        pytest.param("Fix policy.py", "policy.py", id="the-end-of-a-name"),
        pytest.param("Add wait_sec", "wait_sec", id="the-start-of-a-name"),
        pytest.param("Add retryPolicy2", "retryPolicy2", id="a-longer-name"),
        pytest.param("Raise the limit to 60", "60", id="a-part-of-a-number"),
        pytest.param("Raise the limit to 5 seconds", "5", id="the-end-of-a-number"),
        pytest.param("Raise the limit to 45 seconds", "45", id="a-digit-of-a-hash"),
        pytest.param("Raise the limit to 219 seconds", "219", id="a-line-number"),
        pytest.param("Raise the limit to 100644 seconds", "100644", id="a-file-mode"),
        pytest.param("Use `exponential backoff` for delays", "exponential backoff", id="a-quoted-text"),
        pytest.param("Follow the IETF", "IETF", id="an-abbreviation"),
        pytest.param("Add --max-delay", "--max-delay", id="an-option"),
        pytest.param("Wait as long as Redis does", "Redis", id="a-proper-noun"),
        pytest.param("Wait longer\n\nThis also fixes the queue in main.go.", "main.go", id="in-the-body"),
    ],
)
def test_anything_else_is_found(message: str, foreign: str) -> None:
    assert foreign_names(message, FILES, PLAIN) == [foreign]
    assert foreign in fault_of(message, FILES, PLAIN)


def test_a_conventional_scope_must_occur_in_the_change() -> None:
    assert foreign_names("fix(http): wait longer", FILES, CONVENTIONAL) == []
    assert foreign_names("fix(auth): wait longer", FILES, CONVENTIONAL) == ["auth"]
    assert foreign_names("fix(htt): wait longer", FILES, CONVENTIONAL) == ["htt"]


def test_german_nouns_are_not_taken_for_names() -> None:
    assert foreign_names("Verlängere die Wartezeit", FILES, GERMAN) == []
    assert foreign_names("Verlängere die Wartezeit in client.py", FILES, GERMAN) == ["client.py"]
