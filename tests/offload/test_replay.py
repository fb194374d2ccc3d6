"""A short replay of commits: right answers are delivered byte for byte, unrelated losses are found."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.bench.replay import RIGHT, Edited, edited_files, replay
from tests.bench.support.mutations import mutate

STATES = {
    "shop.py": (
        "#!/usr/bin/env python3\n# Licence: MIT\n\nimport os\n\nRATE = 2\n\n\n"
        "def price(x):\n    return x\n\n\n"
        "@property\ndef tax(x):\n    return x * RATE\n",
        ("return x\n", "return round(x, 2)\n"),
        "Round the price",
    ),
    "Calc.java": (
        "class Calc {\n    @Override\n    public int add(int a, int b) {\n        return a + b;\n    }\n\n"
        "    int sub(int a, int b) {\n        return a - b;\n    }\n}\n",
        ("return a - b;", "return a - b - 0;"),
        "Let sub subtract zero, too",
    ),
    "conf.yml": (
        "name: build\njobs:\n  test:\n    node: 18\n    cache: npm\n",
        ("node: 18", "node: 20"),
        "Use Node 20",
    ),
    "package.json": (
        '{\n  "name": "a",\n  "version": "1.0.0",\n  "license": "MIT"\n}\n',
        ("1.0.0", "1.1.0"),
        "Version 1.1.0",
    ),
    "GUIDE.md": (
        "# Guide\n\nPort 8080.\n\n```sh\nrun\n```\n\n## More\n\nText.\n",
        ("8080", "9090"),
        "Move to port 9090",
    ),
    "Makefile": (
        "CC = gcc\n\nall: app\n\napp: main.o\n\t$(CC) -o app main.o\n",
        ("gcc", "clang"),
        "Use clang",
    ),
}


def test_right_answers_of_a_small_repository_are_delivered(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    for name, (text, _, _) in STATES.items():
        (tmp_path / name).write_text(text)
    _commit(tmp_path, "Begin")
    for name, (text, change, message) in STATES.items():
        (tmp_path / name).write_text(text.replace(*change, 1))
        _commit(tmp_path, message)
    results = list(replay("small", edited_files(tmp_path, 50), seed=1))
    forms = Counter(each.form for each in results)
    assert forms["whole"] == len(STATES)
    assert forms["blocks"] >= len(STATES) - 1
    assert forms["selection"] == 2
    assert forms["lost"] >= 3
    assert forms["altered"] >= 2
    assert [each for each in results if each.form in RIGHT and each.outcome != "delivered"] == []
    assert [each for each in results if each.outcome == "missed"] == []


def test_kept_results_are_not_posed_again(tmp_path: Path) -> None:
    repository, kept = tmp_path / "small", tmp_path / "results"
    repository.mkdir()
    _git(repository, "init", "-q")
    for text in ("a = 1\n", "a = 2\n", "a = 3\n"):
        (repository / "a.py").write_text(text)
        _commit(repository, "Set a")
    command = [sys.executable, "-m", "tests.bench.replay", str(repository), "--json", str(kept)]
    first = subprocess.run([*command, "--commits", "1"], capture_output=True, text=True, check=True).stdout
    lines = kept.read_text()
    assert "| small | 1 |" in first
    subprocess.run([*command, "--commits", "1"], capture_output=True, check=True)
    assert kept.read_text() == lines
    second = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| small | 2 |" in second
    assert kept.read_text().startswith(lines)


def test_mutations_leave_what_the_commit_touches() -> None:
    text, change, _ = STATES["shop.py"]
    after = text.replace(*change, 1)
    kinds = set()
    for seed in range(40):
        mutation = mutate(text, after, "shop.py", random.Random(seed))
        assert mutation is not None
        assert change[1] in mutation.text
        kinds.add(mutation.what.partition(":")[0])
    assert kinds == {"definition", "decorator", "top comment"}


def test_an_empty_merge_is_not_a_task(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("a\n")
    _commit(tmp_path, "Begin")
    (tmp_path / "a.txt").write_text("a \n")
    _commit(tmp_path, "Blanks")
    assert list(edited_files(tmp_path, 10)) == []
    same = Edited("0", "m", "a.txt", b"a\n", b"a\n")
    assert list(replay("small", [same], seed=1)) == []


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", message)
