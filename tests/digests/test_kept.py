"""Kept texts: who may open them, which lines, how long they stay."""

import stat
import sys
from pathlib import Path

import pytest

from server.common.errors import BadArguments, NotFound
from server.digests.kept import KeptTexts, Reference, reference_of


def keep(texts: KeptTexts, project: Path, text: str) -> str:
    with texts.writing(project, "make") as kept:
        kept.write(text.encode())
    return kept.handle


def test_lines_come_back_as_they_stood(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "texts")
    handle = keep(texts, tmp_path, "one\n\x1b[31mtwo\x1b[0m\nthree\n")
    assert texts.lines(Reference(handle, 2, 3), tmp_path, 1_000) == ["two", "three"]
    assert texts.lines(Reference(handle), tmp_path, 1_000) == ["one", "two", "three"]
    with pytest.raises(NotFound, match="no line 9"):
        texts.lines(Reference(handle, 9, 9), tmp_path, 1_000)


def test_a_handle_opens_within_its_project_alone(tmp_path: Path) -> None:
    project, other = tmp_path / "a", tmp_path / "b"
    (project / "sub").mkdir(parents=True)
    other.mkdir()
    texts = KeptTexts(tmp_path / "texts")
    handle = keep(texts, project, "text\n")
    assert texts.find(handle, project / "sub").command == "make"
    for place in (other, tmp_path):
        with pytest.raises(NotFound, match="This project has no kept text"):
            texts.find(handle, place)
    with pytest.raises(NotFound, match="This project has no kept text"):
        texts.find("0" * 16, project)


def test_another_user_opens_nothing(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "texts")
    handle = keep(texts, tmp_path, "text\n")
    info = tmp_path / "texts" / f"{handle}.json"
    info.write_text(info.read_text(encoding="utf-8").replace('"user": "', '"user": "9'), encoding="utf-8")
    with pytest.raises(NotFound):
        texts.find(handle, tmp_path)


def test_the_oldest_go_first_and_are_remembered(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "texts", most_bytes=2_500)
    first, second, third = (keep(texts, tmp_path, "x" * 1_000) for _ in range(3))
    with pytest.raises(NotFound, match="was removed: kept text stays for 7 days"):
        texts.find(first, tmp_path)
    assert texts.find(second, tmp_path).size == 1_000
    assert texts.find(third, tmp_path).size == 1_000


def test_old_texts_are_removed(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "texts", most_days=-1)
    handle = keep(texts, tmp_path, "text\n")
    with pytest.raises(NotFound, match="was removed"):
        texts.find(handle, tmp_path)
    assert not (tmp_path / "texts" / f"{handle}.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "texts")
    handle = keep(texts, tmp_path, "text\n")
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "texts").iterdir()}
    assert modes == {".txt": 0o600, ".json": 0o600}
    assert stat.S_IMODE((tmp_path / "texts").stat().st_mode) == 0o700
    assert len(handle) == 16


def test_the_text_of_a_file_names_its_source(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "texts")
    with texts.writing(tmp_path, source="/srv/app.log") as kept:
        kept.write(b"text\n")
    assert texts.find(kept.handle, tmp_path).source == "/srv/app.log"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "cp1252"])
def test_secrets_never_reach_the_disk(tmp_path: Path, encoding: str) -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA3bC6"
    body = "\n".join("MIIEpAIBAAKCAQEA7bq0vJwzmT4S9dXhZbC5uY1rQkLmN2pO3sT6xWyVfGhJkLzX" for _ in range(20))
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    lines = [f"café {number}: \x1b[31m{token}\x1b[0m" for number in range(3_000)]
    data = "\n".join([*lines, key, "the app's own secret-of-this-run", "last"]).encode(encoding)
    texts = KeptTexts(tmp_path / "texts", known=["secret-of-this-run"])
    with texts.writing(tmp_path) as kept:
        for start in range(0, len(data), 1_000):
            kept.write(data[start : start + 1_000])
    stored = (tmp_path / "texts" / f"{kept.handle}.txt").read_bytes()
    for secret in (token, "MIIEpAIB", "secret-of-this-run"):
        assert secret.encode() not in stored
        assert secret.encode("utf-16-le") not in stored
    assert len(stored.split(b"\n")) == 3_000 + 22 + 2
    found = texts.lines(Reference(kept.handle, 3_000, 3_000), tmp_path, 1_000)
    assert found == ["café 2999: [removed: GitHub Token]"]
    assert texts.lines(Reference(kept.handle, 3_024, 3_024), tmp_path, 1_000) == ["last"]


def test_a_text_without_line_ends_is_searched_as_well(tmp_path: Path) -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA3bC6"
    texts = KeptTexts(tmp_path / "texts")
    with texts.writing(tmp_path) as kept:
        for _ in range(20):
            kept.write(b"x" * 30_000 + b" " + token.encode() + b" ")
    stored = (tmp_path / "texts" / f"{kept.handle}.txt").read_bytes()
    assert token.encode() not in stored
    assert stored.count(b"[removed: GitHub Token]") == 20


def test_a_text_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "texts")

    def break_off() -> None:
        with texts.writing(tmp_path) as kept:
            kept.write(b"half a text")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert list((tmp_path / "texts").iterdir()) == []


def test_references_are_read() -> None:
    handle = "0123456789abcdef"
    assert reference_of("src/main.py") is None
    assert reference_of(f"kept:{handle}") == Reference(handle)
    assert reference_of(f"kept:{handle}:7") == Reference(handle, 7, 7)
    assert reference_of(f"kept:{handle}:7-12") == Reference(handle, 7, 12)
    for wrong in ("kept:", "kept:123", f"kept:{handle}:0", f"kept:{handle}:9-3", f"kept:../{handle}"):
        with pytest.raises(BadArguments):
            reference_of(wrong)
