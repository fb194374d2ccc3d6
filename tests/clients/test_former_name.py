"""Tests of entries of an installation under the app's former name."""

import sys
from pathlib import Path
from typing import Any

import pytest

from server.clients import config_change
from server.clients.config_files import ClientName, Surroundings, find_place
from server.clients.former_name import former_entries, in_former_environment, is_former
from server.common.distribution import FORMER_NAME, NAME
from server.config.folders import Folders

ENVIRONMENTS = {
    "uv-tool": ".local/share/uv/tools/claude-token-saver",
    "pipx": ".local/share/pipx/venvs/claude-token-saver",
    "user-site": ".local",
    "checkout": "claude-token-saver/.venv",
}


def install(folder: Path, distribution: str, *programs: str) -> Path:
    """Create an installed distribution in an environment; return the folder of its programs."""
    version = folder / "lib" / "python3.12" / "site-packages"
    (version / f"{distribution.replace('-', '_')}-0.1.0.dist-info").mkdir(parents=True)
    programs_folder = folder / "bin"
    programs_folder.mkdir(exist_ok=True)
    for program in programs:
        (programs_folder / program).touch(mode=0o755)
    return programs_folder


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS.keys())
def test_a_program_of_the_former_distribution_is_found(tmp_path: Path, environment: str) -> None:
    programs = install(tmp_path / environment, FORMER_NAME, "token-saver-mcp", "python")
    assert is_former({"command": str(programs / "token-saver-mcp"), "args": []})
    assert is_former({"command": str(programs / "python"), "args": ["-P", "-m", "server.bridge"]})
    assert in_former_environment(programs / "python")


def test_an_installation_under_the_present_name_is_not_former(tmp_path: Path) -> None:
    checkout = install(tmp_path / "claude-token-saver" / ".venv", NAME, "token-saver-mcp")
    assert not is_former({"command": str(checkout / "token-saver-mcp"), "args": []})
    both = install(tmp_path / ".local", FORMER_NAME, "token-saver-mcp")
    install(tmp_path / ".local", NAME)
    assert not is_former({"command": str(both / "token-saver-mcp"), "args": []})


@pytest.mark.skipif(sys.platform == "win32", reason="installers make no links on Windows")
def test_a_link_leads_to_the_former_distribution(tmp_path: Path) -> None:
    programs = install(tmp_path / "tools" / FORMER_NAME, FORMER_NAME, "token-saver-mcp")
    link = tmp_path / "bin" / "token-saver-mcp"
    link.parent.mkdir()
    link.symlink_to(programs / "token-saver-mcp")
    assert is_former({"command": str(link)})


@pytest.mark.skipif(sys.platform == "win32", reason="environments have no linked Python on Windows")
def test_the_systems_python_is_not_a_former_environment(tmp_path: Path) -> None:
    system = install(tmp_path / "usr", FORMER_NAME, "python3.12")
    environment = install(tmp_path / "environment", NAME)
    (environment / "python3.12").symlink_to(system / "python3.12")
    assert not in_former_environment(environment / "python3.12")


@pytest.mark.parametrize(
    "entry",
    [
        {"command": "uvx", "args": ["claude-token-saver"]},
        {"command": "/usr/bin/uvx", "args": ["claude-token-saver==0.1.0"]},
        {"command": "uvx.exe", "args": ["--from", "claude-token-saver@latest", "token-saver-mcp"]},
        {"command": "uvx", "args": ["--from=Claude_Token_Saver", "token-saver-mcp"]},
        {"command": "uv", "args": ["tool", "run", "claude-token-saver"]},
        {"command": "pipx", "args": ["run", "claude-token-saver"]},
    ],
    ids=["plain", "pinned", "from-on-windows", "from-in-one-word", "uv-tool-run", "pipx"],
)
def test_a_runner_of_the_former_package_is_found(entry: dict[str, Any]) -> None:
    assert is_former(entry)


@pytest.mark.parametrize(
    "entry",
    [
        {"command": "uvx", "args": ["claude-token-saver-app"]},
        {"command": "uvx", "args": ["--from", "claude-token-saver", "token-saver"]},
        {"command": "uv", "args": ["run", "--project", "/home/me/claude-token-saver", "token-saver-mcp"]},
        {"command": "/opt/tools/claude-token-saver/bin/token-saver", "args": ["serve"]},
        {"command": "npx", "args": ["claude-token-saver"]},
        {"url": "http://127.0.0.1:7283/mcp"},
        {"command": ["uvx"], "args": "claude-token-saver"},
        "uvx claude-token-saver",
    ],
    ids=[
        "present-package",
        "other-product-by-uvx",
        "checkout-of-the-former-name",
        "other-product-installed",
        "npm-package",
        "address",
        "wrong-types",
        "text",
    ],
)
def test_other_entries_are_left_alone(entry: object) -> None:
    assert not is_former(entry)


def test_a_table_of_servers_is_searched() -> None:
    former = {"command": "uvx", "args": ["claude-token-saver"]}
    assert former_entries({"docs": {"command": "npx"}, "local": former, "odd": 3}) == ("local",)
    assert former_entries(None) == former_entries([former]) == ()


FILES: dict[ClientName, tuple[str, str]] = {
    "cursor": (
        ".cursor/mcp.json",
        '{"mcpServers": {"docs": {"command": "npx"},\n'
        '  "io.github.claude-token-saver/it": {"command": "uvx", "args": ["claude-token-saver"]}}}\n',
    ),
    "codex": (
        ".codex/config.toml",
        '[mcp_servers.docs]\ncommand = "npx"\n\n'
        '[mcp_servers.local]\ncommand = "uvx"\nargs = ["claude-token-saver"]\n',
    ),
}


@pytest.mark.parametrize("client", FILES, ids=FILES.keys())
def test_connecting_replaces_former_entries_for_good(client: ClientName, tmp_path: Path) -> None:
    name, text = FILES[client]
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    folders = Folders(*(tmp_path / part for part in ("config", "data", "state", "cache")))
    around = Surroundings(home=tmp_path, project=tmp_path, platform="linux", environ={})
    place = find_place(client, "user", ["/opt/token-saver-mcp"], around)

    change = config_change.plan_connect(place)
    assert "-" in change.diff()
    config_change.connect(change, folders)
    assert config_change.servers(place) == {"docs": {"command": "npx"}, "token-saver": place.entry}
    assert not config_change.plan_connect(place).needed

    config_change.disconnect(config_change.plan_disconnect(place, folders), folders)
    assert config_change.servers(place) == {"docs": {"command": "npx"}}
