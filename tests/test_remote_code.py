"""The check for unpinned remote code in workflow, bundle and plugin files."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
HASH = "0123456789abcdef0123456789abcdef01234567"
DIGEST = f"sha256:{HASH}{HASH[:24]}"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("remote_code", ROOT / ".ci" / "remote_code.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


CHECK = _load()


def test_the_repository_has_none() -> None:
    assert CHECK.findings(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "curl -LsSf https://example.org/install.sh | sh",
        "wget -qO- https://example.org/x | sudo bash -s -- --yes",
        "bash <(curl -s https://example.org/x)",
        'eval "$(curl -s https://example.org/x)"',
        "curl -s https://example.org/x.py | python3 -",
        "irm https://example.org/install.ps1 | iex",
        "uvx ruff check",
        "uvx ruff@latest check",
        "uvx --from ruff>=0.9 ruff",
        "pip install -q uv && uv run pytest",
        "python -m pip install build==1.2.0 twine",
        "uv tool install --python 3.12 ruff",
        "uv run --with rich python x.py",
        "npx -y @modelcontextprotocol/inspector",
        "npm install -g pnpm@9",
        "go install example.org/tool@latest",
        "pip install git+https://example.org/x.git@main",
        "docker run --rm -v .:/src python:3.12 pytest",
        "      - uses: actions/checkout@v5",
        "    container: python:3.12",
    ],
    ids=[
        "shell-pipe", "sudo-pipe", "process-substitution", "eval", "python-pipe", "powershell", "uvx",
        "uvx-latest",
        "uvx-range", "pip", "pip-second-package", "uv-tool", "uv-run-with", "npx", "npm-major", "go-latest",
        "git-branch", "docker-tag", "action-tag", "container-tag",
    ],
)  # fmt: skip
def test_unpinned_code_in_a_script_or_workflow_is_found(line: str, tmp_path: Path) -> None:
    for name in (".ci/step", ".github/workflows/test.yml", "skills/offload/SKILL.md"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f"first\n{line}\n", encoding="utf-8")
    found = CHECK.findings(tmp_path)
    assert {finding.path for finding in found} == {
        ".ci/step",
        ".github/workflows/test.yml",
        "skills/offload/SKILL.md",
    }
    assert {finding.line for finding in found} == {2}


@pytest.mark.parametrize(
    "line",
    [
        "pip install -q uv==0.13.9",
        "uvx ruff@0.9.1 check",
        "uv run --quiet --no-dev --project ${CLAUDE_PLUGIN_ROOT} token-saver-mcp",
        "uv run --with rich==14.0.0 pytest",
        "uv tool install .",
        "npx -y @modelcontextprotocol/inspector@0.14.0",
        f"docker run --rm -e CI=1 python@{DIGEST} pytest",
        f"      - uses: actions/checkout@{HASH} # v5",
        "      - uses: ./.github/actions/setup",
        "curl -fsS http://127.0.0.1:7283/health",
        "# pip install anything",
        f"pip install git+https://example.org/x.git@{HASH}",
    ],
    ids=[
        "pip", "uvx", "own-command", "uv-run-with", "own-folder", "npx", "docker-digest", "action-hash",
        "own-action", "request", "comment", "git-commit",
    ],
)  # fmt: skip
def test_pinned_code_and_own_code_pass(line: str) -> None:
    assert list(CHECK.in_line(line)) == []


def test_a_command_over_several_lines_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text("set -e\npip install \\\n  --quiet \\\n  build\n", encoding="utf-8")
    assert [(found.line, found.text) for found in CHECK.findings(tmp_path)] == [
        (2, "has no exact version: build")
    ]


@pytest.mark.parametrize(
    "manifest",
    [
        {"mcpServers": {"x": {"command": "npx", "args": ["-y", "some-server"]}}},
        {"server": {"mcp_config": {"command": "uvx", "args": ["some-server"]}}},
        {"hooks": {"PreToolUse": [{"hooks": [{"command": "curl https://example.org/x | sh"}]}]}},
        {"plugins": [{"name": "x", "source": {"source": "github", "repo": "example/x"}}]},
        {"plugins": [{"name": "x", "source": {"source": "github", "repo": "example/x", "ref": "main"}}]},
    ],
    ids=["plugin-server", "bundle-server", "hook", "marketplace-repository", "marketplace-branch"],
)
def test_unpinned_code_in_a_manifest_is_found(manifest: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / ".claude-plugin").mkdir()
    (tmp_path / ".claude-plugin" / "x.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert len(CHECK.findings(tmp_path)) == 1
