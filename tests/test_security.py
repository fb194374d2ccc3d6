"""The tests named in ``SECURITY.md``: one for every threat, each of them existing."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`([\w/]*\.py)?::(test_\w+)`")


def test_every_named_test_exists() -> None:
    file = ""
    missing = []
    names = NAMED.findall((ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    for path, test in names:
        file = path or file
        if not re.search(rf"def {test}\(", (ROOT / "tests" / file).read_text(encoding="utf-8")):
            missing.append(f"{file}::{test}")
    assert missing == []
    assert len(names) > 30


def test_every_threat_has_a_test() -> None:
    lines = (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    rows = [
        line for line in lines if line.startswith("| ") and not line.startswith(("| it ", "| they ", "| ---"))
    ]
    attacks = [row for row in rows if row.count("|") == 4]
    assert attacks == rows
    assert [row for row in attacks if not NAMED.search(row)] == []
    assert len(attacks) > 30
