"""Tests of the optional advice to Claude Code: the block in CLAUDE.md and the hook."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.clients import advice, config_change
from server.clients.advice import BEGIN, END, KINDS, Kind
from server.clients.config_change import ConfigChange
from server.clients.config_files import Scope, Surroundings
from server.clients.hooks import hook_entries
from server.common.errors import BadArguments
from server.config.folders import Folders, find_folders
from server.config.textedit.jsonc import parse

pytestmark = pytest.mark.fast

OTHER_HOOK = '{"matcher": "Bash", "hooks": [{"type": "command", "command": "./check.sh"}]}'

FILES: dict[Kind, dict[str, str | None]] = {
    "claude-md": {
        "none": None,
        "empty": "",
        "usual": "# Project\n\nUse uv.\n",
        "no line end": "Use uv.",
        "blank lines at the end": "Use uv.\n\n\n",
        "Windows": "# Größe\r\n\r\nUse uv.\r\n",
        "byte order mark": "\ufeff# Project\n\nUse uv.\n",
    },
    "hook": {
        "none": None,
        "empty": "",
        "empty object": "{}\n",
        "no hooks": '{\n  "model": "opus",\n  "unknown": {"a": [1, 2]}\n}\n',
        "empty hooks": '{\n  "hooks": {}\n}',
        "other events": '{\n\t"hooks": {\n\t\t"Stop": [\n\t\t\t' + OTHER_HOOK + "\n\t\t]\n\t}\n}\n",
        "another hook": '{\n  "hooks": {\n    "PreToolUse": [\n      '
        + OTHER_HOOK
        + '\n    ]\n  },\n  "z": 1\n}\n',
        "one line": '{"hooks": {"PreToolUse": [' + OTHER_HOOK + "]}}",
        "an empty list": '{"hooks": {"PreToolUse": []}}\n',
        "Windows": '{\r\n  "hooks": {\r\n    "PreToolUse": [\r\n      '
        + OTHER_HOOK
        + "\r\n    ]\r\n  }\r\n}\r\n",
        "byte order mark": '\ufeff{\n  "hooks": {\n    "PreToolUse": [' + OTHER_HOOK + "]\n  }\n}\n",
        "tabs, comments, Windows, no line end": '/* mine */\r\n{\r\n\t"model": "opus", // why\r\n'
        '\t"hooks": {\r\n\t\t// lint\r\n\t\t"PreToolUse": [\r\n\t\t\t' + OTHER_HOOK + "\r\n\t\t]\r\n\t}\r\n}",
        "comments": '// mine\n{\n  "hooks": {\n    "PreToolUse": [\n      // lint\n      '
        + OTHER_HOOK
        + ", // last\n    ],\n  },\n}\n",
    },
}
FILES["digest"] = {
    name: text and text.replace("PreToolUse", "PostToolUse") for name, text in FILES["hook"].items()
}
FILES["statusline"] = {
    **FILES["hook"],
    "own line": '{\n  "statusLine": {\n    "type": "command",\n    "command": "mine.sh"\n  }\n}\n',
}
CASES = [(kind, name) for kind in KINDS for name in FILES[kind]]
SCOPES: tuple[Scope, ...] = ("user", "project")


@pytest.fixture
def folders() -> Folders:
    found = find_folders()
    found.create()
    return found


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    (tmp_path / "größer home" / ".claude").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    return Surroundings(
        home=tmp_path / "größer home", project=tmp_path / "project", platform="linux", environ={}
    )


def one(changes: list[ConfigChange]) -> ConfigChange:
    [change] = changes
    return change


def reminder() -> dict[str, Any]:
    [(_, entry)] = hook_entries("hook")
    return entry


def write(kind: Kind, name: str, scope: Scope, around: Surroundings) -> tuple[Path, bytes | None]:
    path = one(advice.plan_on([kind], scope, around)).place.path
    text = FILES[kind][name]
    if text is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    return path, None if text is None else text.encode()


def turn_on(kind: Kind, around: Surroundings, folders: Folders, scope: Scope = "user") -> ConfigChange:
    change = one(advice.plan_on([kind], scope, around))
    config_change.connect(change, folders)
    return change


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_turning_on_twice_and_off_restores_every_byte(
    kind: Kind, name: str, scope: Scope, around: Surroundings, folders: Folders
) -> None:
    path, before = write(kind, name, scope, around)
    assert not one(advice.plan_off([kind], scope, folders, around)).needed, (
        "it is off where nobody asked for it"
    )
    change = turn_on(kind, around, folders, scope)
    assert change.needed
    written = path.read_bytes()
    text = written.decode()
    if kind == "claude-md":
        assert text.count(BEGIN) == text.count(END) == 1
    elif kind == "statusline":
        assert "server.statusline" in parse(text).value["statusLine"]["command"]
    else:
        hooks = parse(text).value["hooks"]
        for event, entry in hook_entries(kind):
            assert entry in hooks[event]
        ours = len(hook_entries(kind))
        assert sum(map(len, hooks.values())) == ours + (before or b"").count(b"./check.sh")
    # The previous content is still there, in order, with the file's own line ends.
    rest = iter(text)
    assert all(character in rest for character in (before or b"").decode())
    assert text.count("\r\n") in (0, text.count("\n"))

    assert not one(advice.plan_on([kind], scope, around)).needed
    assert not turn_on(kind, around, folders, scope).diff()
    assert path.read_bytes() == written

    config_change.disconnect(one(advice.plan_off([kind], scope, folders, around)), folders)
    assert read(path) == before
    assert not one(advice.plan_off([kind], scope, folders, around)).needed


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_after_an_edit_only_our_part_is_removed(
    kind: Kind, name: str, around: Surroundings, folders: Folders
) -> None:
    path, before = write(kind, name, "user", around)
    turn_on(kind, around, folders)
    text = path.read_bytes().decode()
    edited = f"{text}Later.\n" if kind == "claude-md" else text.replace("{", '{"later": true,', 1)
    path.write_bytes(edited.encode())
    config_change.disconnect(one(advice.plan_off([kind], "user", folders, around)), folders)
    left = path.read_bytes().decode()
    if kind == "claude-md":
        assert "token-saver" not in left
        assert left.endswith("Later.\n")
        assert (before or b"").decode().rstrip() in left
    else:
        value = parse(left).value
        assert value.pop("later") is True
        was = parse((before or b"{}").decode() or "{}").value
        # A list that contained only our entry may be removed.
        hooks = {event: items for event, items in was.pop("hooks", {}).items() if items}
        assert {event: items for event, items in value.pop("hooks", {}).items() if items} == hooks
        assert value == was


@pytest.mark.parametrize("name", [name for name, text in FILES["claude-md"].items() if text])
def test_changes_around_the_block_stay_to_the_byte(name: str, around: Surroundings, folders: Folders) -> None:
    path, before = write("claude-md", name, "user", around)
    assert before is not None
    turn_on("claude-md", around, folders)
    end = b"\r\n" if b"\r\n" in before else b"\n"
    written = path.read_bytes()
    path.write_bytes(written.replace(b"Use uv.", b"Use uv, please.") + b"Later." + end)
    config_change.disconnect(one(advice.plan_off(["claude-md"], "user", folders, around)), folders)
    kept = before.replace(b"Use uv.", b"Use uv, please.")
    kept += b"" if kept.endswith(b"\n") else end
    left = path.read_bytes()
    assert left.startswith(kept)
    assert left.removeprefix(kept).lstrip(b"\r\n") == b"Later." + end


def test_an_older_block_or_a_moved_program_is_replaced(around: Surroundings, folders: Folders) -> None:
    path = turn_on("claude-md", around, folders).place.path
    path.write_text(path.read_text().replace("Pass paths", "Pass older words"))
    turn_on("claude-md", around, folders)
    assert path.read_text().count(BEGIN) == 1
    assert "older words" not in path.read_text()

    path = turn_on("hook", around, folders).place.path
    assert advice.hook_command("hook", "user", around) == reminder()["hooks"][0]["command"]
    settings = json.loads(path.read_text())
    settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"] = "/gone/python"
    path.write_text(json.dumps(settings))
    assert advice.hook_command("hook", "user", around) == "/gone/python"
    turn_on("hook", around, folders)
    assert json.loads(path.read_text())["hooks"]["PreToolUse"] == [reminder()]


def test_all_advice_is_removed_at_once(
    around: Surroundings, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Like the tray, which knows only this process's home.
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(around.home / ".claude"))
    for kind in KINDS:
        turn_on(kind, Surroundings(), folders)
    assert len(list((around.home / ".claude").iterdir())) == 2
    advice.take_out(KINDS, "user", folders)
    advice.take_out(KINDS, "user", folders)
    assert not list((around.home / ".claude").iterdir())


def test_hooks_of_one_file_come_and_go_together_and_alone(around: Surroundings, folders: Folders) -> None:
    path = around.home / ".claude" / "settings.json"
    before = b'{\n  "model": "opus"\n}\n'
    path.write_bytes(before)
    both: list[Kind] = ["hook", "digest"]
    config_change.connect(one(advice.plan_on(both, "user", around)), folders)
    assert all(advice.is_on(kind, "user", around) for kind in both)
    for first, second in (both, both[::-1]):
        config_change.disconnect(one(advice.plan_off([first], "user", folders, around)), folders)
        assert (advice.is_on(first, "user", around), advice.is_on(second, "user", around)) == (False, True)
        config_change.disconnect(one(advice.plan_off([second], "user", folders, around)), folders)
        assert path.read_bytes() == before
        turn_on(second, around, folders)
        turn_on(first, around, folders)
    config_change.disconnect(one(advice.plan_off(both, "user", folders, around)), folders)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ['{"hooks": [', '{"hooks": {"PreToolUse": {}}}', '{"hooks": 3}'])
def test_a_broken_file_is_refused_and_unchanged(text: str, around: Surroundings) -> None:
    path = around.home / ".claude" / "settings.json"
    path.write_text(text)
    with pytest.raises(BadArguments, match="cannot be edited"):
        advice.plan_on(["hook"], "user", around)
    assert path.read_text() == text
    assert advice.hook_command("hook", "user", around) is None


def test_the_block_is_short() -> None:
    # Claude Code adds it to every session: about 130 tokens.
    assert len("\n".join(advice.BLOCK)) < 850


@pytest.mark.parametrize("kind", KINDS)
def test_no_advice_allows_commands(kind: Kind, tmp_path: Path) -> None:
    """A permission for the command token-saver would allow every command, by ``token-saver run``."""
    around = Surroundings(home=tmp_path, project=tmp_path, environ={})
    change = one(advice.plan_on([kind], "project", around))
    assert change.after is not None
    assert b"Bash(" not in change.after
    assert b"permissions" not in change.after


@pytest.mark.parametrize("together", [True, False], ids=["together", "one-by-one"])
def test_extras_come_off_after_the_client_has_written_its_settings_anew(
    together: bool, around: Surroundings, folders: Folders
) -> None:
    kinds: tuple[Kind, ...] = ("hook", "digest", "statusline")
    path, before = write("statusline", "own line", "user", around)
    for kind in kinds:
        turn_on(kind, around, folders)
    path.write_text(json.dumps(parse(path.read_text()).value, indent=4))
    for some in [kinds] if together else [(kind,) for kind in kinds]:
        config_change.disconnect(one(advice.plan_off(some, "user", folders, around)), folders)
    assert before is not None
    assert parse(path.read_text()).value == json.loads(before)
    assert path.read_bytes() == before or not together, "the file has its first form again"
