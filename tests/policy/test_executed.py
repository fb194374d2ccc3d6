"""Tests of configuration that other programs run: it is written only with the user's approval."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp.client.client import Client

from server.commands.policy.rules import check
from server.common.events import ApprovalRequested, Event
from server.config.folders import find_folders
from server.config.sections import BackendSettings, PathsSettings
from server.config.settings import Settings
from server.hub import Hub
from server.policy.approvals import ApprovalAnswer
from server.policy.files.executed import executed_files, executed_outputs
from server.tools.mcp_server import build_mcp
from tests.mcp_clients import text_of

PROJECT = Path("/home/me/project")
FILES = [
    ".claude/settings.json", ".claude/settings.local.json", ".claude/agents/a.md",
    "sub/.claude/commands/x.md", "CLAUDE.md", "sub/CLAUDE.md", "AGENTS.md", "GEMINI.md", ".mcp.json",
    ".cursor/mcp.json", ".gemini/settings.json", ".codex/config.toml", ".opencode/plugin/a.js",
    ".vscode/tasks.json", ".idea/runConfigurations/a.xml", ".devcontainer/devcontainer.json",
    ".husky/pre-commit", ".githooks/pre-push", ".pre-commit-config.yaml", ".gitattributes",
    "sub/.gitattributes", ".gitmodules", ".gitconfig", ".envrc", ".bazelrc", ".yarnrc.yml", ".yarnrc",
    ".pnpmfile.cjs", "sitecustomize.py", "lib/usercustomize.py", "a.pth", ".github/workflows/ci.yml",
    ".github/actions/x/action.yml", ".gitlab-ci.yml", ".gitlab-ci-jobs.yml", ".gitlab/ci/a.yml",
    ".travis.yml", "bitbucket-pipelines.yml", ".drone.yml", ".woodpecker.yml", ".woodpecker/a.yml",
    ".buildkite/pipeline.yml", "cloudbuild.yaml", "appveyor.yml", ".circleci/config.yml", "Jenkinsfile",
    "Jenkinsfile.release", "azure-pipelines.yml", ".tekton/a.yaml", ".ci/run", ".ci/deep/run",
    ".devin/hooks.v1.json", ".devin/rules/a.md", ".windsurf/workflows/a.md", "AGENTS.override.md",
    ".agents/skills/a/SKILL.md", "lefthook.yml", ".lefthook.yaml", ".config/lefthook.jsonc",
    "lefthook-local.toml", ".clinerules/hooks/a.sh", ".roo/mcp.json", ".continue/config.yaml",
    ".kiro/hooks/a.kiro.hook", ".junie/mcp/mcp.json", ".aider.conf.yml", ".goosehints", ".exrc",
    ".nvim.lua", "src/.dir-locals.el", ".cargo/config.toml", ".mvn/extensions.xml",
    "gradle/wrapper/gradle-wrapper.properties", ".python-version", ".cirrus.yml",
    ".teamcity/settings.kts", ".semaphore/semaphore.yml", ".builds/a.yml", "buildspec.yml", ".zuul.d/a.yaml",
    "codemagic.yaml", ".lefthook/pre-commit/a.sh", "mise.local.toml", ".config/mise/config.toml",
]  # fmt: skip
SPELLINGS = [
    ".Claude/settings.json", ".CLAUDE/SETTINGS.JSON", "./.claude//settings.json",
    "src/../.claude/settings.json", ".claude/worktrees/a/../../settings.json", ".claude\\settings.json",
    ".claude./settings.json", "link/settings.json", ".cl\u200daude/settings.json",
    ".claude/settings.json::x", ".claude/settings.json:1-2",
    ".claude/worktrees/fix/.claude/settings.json", ".cla\u034fude/settings.json",
    ".claude\ufe0f/settings.json", "\uff0eclaude/settings.json", ".claude /settings.json",
    ".claude/./settings.json", "./a/b/../../.claude/settings.json", ".claude:x/settings.json",
    ".claude/worktrees/x\\../../settings.json", "link/worktrees/../settings.json", "renamed.json",
    "chain/settings.json", "renamed.json:1-2",
]  # fmt: skip
DISGUISED = [
    ".hu\u017fky/pre-commit", ".\uff27\uff29\uff34\uff28\uff35\uff22/workflows/a.yml", "AGENTS.md.",
    "Agents.MD::section", "lib/SITECUSTOMIZE.PY", "x/.vscode./tasks.json", "CLAUDE.md\u200b", "a.PTH ",
    ".mcp.json::$DATA", "sub\\.idea\\x.xml", ".\u24d6ithub/a.yml", ".envrc\ufeff",
]  # fmt: skip
FREE = [
    "src/a.py", "claude.py", "docs/claude.txt", "Makefile", "package.json", "setup.py", "Dockerfile",
    ".gitignore", ".editorconfig", "vscode/a.json", ".claude/worktrees/fix/src/a.py", "conftest.py",
    ".gitlab/issue_templates/bug.md", "src/lefthook.ts", "docs/mise.md",
]  # fmt: skip


def asks(output: str, project: Path = PROJECT, allow: tuple[str, ...] = (), *, checks: bool = False) -> bool:
    return bool(executed_outputs([output], project, allow, checks=checks)[0])


@pytest.mark.parametrize("output", FILES)
def test_each_file_needs_approval(output: str) -> None:
    assert asks(output)
    assert asks(str(PROJECT / output))


@pytest.mark.parametrize("output", DISGUISED)
def test_another_systems_spellings_need_approval_as_well(output: str) -> None:
    assert asks(output)
    assert asks(f"src/../{output}")


@pytest.mark.parametrize("output", FREE)
def test_other_files_do_not(output: str) -> None:
    assert not asks(output)


def test_a_projects_own_folders_count() -> None:
    assert asks("settings.json", Path("/home/me/.claude"))
    assert not asks("src/a.py", Path("/home/me/project/.claude/worktrees/fix"))
    assert asks(".claude/settings.json", Path("/home/me/project/.claude/worktrees/fix"))


def test_a_conftest_needs_approval_if_checks_are_configured() -> None:
    assert asks("tests/conftest.py", checks=True)


def test_exceptions_are_configured() -> None:
    assert not asks("AGENTS.md", allow=("agents.md",))
    assert not asks("docs/.github/a.md", allow=("docs/.github/*",))
    assert asks(".github/a.md", allow=("docs/.github/*",))


def test_each_entry_names_its_source() -> None:
    for entry in executed_files():
        assert entry.patterns
        assert entry.runs
        assert entry.source.startswith(("https://", "a convention, "))


class User:
    """A user who answers every question, and remembers it."""

    def __init__(self, hub: Hub) -> None:
        self.asked: list[str] = []
        self._hub = hub
        hub.events.subscribe(self._answer)

    def _answer(self, event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            self.asked.append(event.reason)
            self._hub.answer_approval(event.approval_id, ApprovalAnswer(approved=False, by="tray"))


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    (project / ".claude" / "settings.json").write_text("{}")
    (project / "link").symlink_to(".claude")
    (project / "chain").symlink_to("link")
    (project / "renamed.json").symlink_to(project / "chain" / "settings.json")
    for name in ("a.py", "b.py"):
        (project / name).write_text("x = 1\n")
    folders = find_folders()
    folders.create()
    settings = Settings(
        backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"),
        # As an old config.toml may have it.
        paths=PathsSettings(protect=()),
        roots=(project,),
    )
    hub = await Hub.start(settings, folders)
    yield hub
    await hub.close()


@pytest.mark.anyio
@pytest.mark.parametrize("output", SPELLINGS)
async def test_every_spelling_asks(hub: Hub, output: str) -> None:
    user = User(hub)
    async with Client(build_mcp(hub), mode="2026-07-28") as client:
        result = await client.call_tool("offload_work", {"task": "t", "files": ["a.py"], "output": output})
    assert text_of(result).startswith("denied: The user did not approve the call"), text_of(result)
    [reason] = user.asked
    assert "Claude Code" in reason


@pytest.mark.anyio
async def test_a_batch_asks_once(hub: Hub) -> None:
    user = User(hub)
    tasks = [{"task": "t", "output": name} for name in (".claude/a.json", ".vscode/tasks.json", "c.py")]
    async with Client(build_mcp(hub), mode="2026-07-28") as client:
        for arguments in (
            {"tasks": tasks},
            {"task": "t", "each": ["*.py"], "output": ".husky/{stem}"},
        ):
            result = await client.call_tool("batch_offload", arguments)
            assert text_of(result).startswith("denied: The user did not approve the call"), text_of(result)
    assert len(user.asked) == 2
    assert ".claude/a.json, .vscode/tasks.json" in user.asked[0]


CATALOGUE = "tools: {offload_work: {rules: [{action: allow, rate_limit: {max: 30, window: 60}}]}}\n"


def test_a_policy_without_a_version_is_read_with_a_remark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(CATALOGUE)
    check(file, as_json=False)
    said = capsys.readouterr().out
    assert "valid (intercept short form, 1 tools, 1 rules)" in said
    assert 'policy.yaml has no version; it is read as version: "1".' in said
    check(file, as_json=True)
    assert "no version" in json.loads(capsys.readouterr().out)["remark"]
    file.write_text('version: "1"\n' + CATALOGUE)
    check(file, as_json=False)
    assert "no version" not in capsys.readouterr().out
