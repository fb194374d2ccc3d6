"""Runs the real Claude Code CLI in isolation: with a home of its own and no network but loopback."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SECONDS = 120


@dataclass(frozen=True)
class ClaudeCodeRun:
    """The result of one ``claude -p``. ``transcripts`` are its ``.jsonl`` files."""

    result: dict[str, Any]
    transcripts: tuple[Path, ...]


def claude_binary() -> Path:
    """Return the CLI of claude-agent-sdk; skip the test if its wheel has none."""
    import claude_agent_sdk

    name = "claude.exe" if os.name == "nt" else "claude"
    binary = Path(claude_agent_sdk.__file__).parent / "_bundled" / name
    if not binary.exists():
        pytest.skip("claude-agent-sdk has no bundled CLI on this platform")
    return binary


def older_claude(sdk: str) -> Path:
    """Return the CLI of another version of claude-agent-sdk; skip the test if it cannot be installed."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("another version of Claude Code needs uv")
    program = "import claude_agent_sdk; print(claude_agent_sdk.__file__)"
    command = [uv, "run", "--quiet", "--no-project", "--python", sys.executable]
    done = subprocess.run(
        [*command, "--with", f"claude-agent-sdk=={sdk}", "python", "-c", program],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    binary = Path(done.stdout.strip() or "none").parent / "_bundled" / "claude"
    if not binary.exists():
        pytest.skip(f"claude-agent-sdk {sdk} cannot be installed here: {done.stderr[-200:]}")
    return binary


def run_claude_code(
    prompt: str,
    api_url: str,
    *,
    home: Path,
    project: Path,
    servers: dict[str, dict[str, Any]],
    extra: tuple[str, ...] = (),
    binary: Path | None = None,
) -> ClaudeCodeRun:
    """Run ``claude -p`` in ``project`` with these MCP servers against the API at ``api_url``.

    ``home`` takes its HOME and configuration; give the same one again to go on in the same folders.
    """
    home.mkdir(parents=True, exist_ok=True)
    config = home / "mcp.json"
    config.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    allowed = ",".join(f"mcp__{name}" for name in servers)
    command = [
        str(binary or claude_binary()),
        "-p",
        prompt,
        "--mcp-config",
        str(config),
        "--strict-mcp-config",
    ]
    command += ["--allowedTools", allowed, "--output-format", "json", *extra]
    done = subprocess.run(
        command,
        env=shut_off(home, api_url),
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    transcripts = tuple(sorted((home / "config" / "projects").glob("*/*.jsonl")))
    return ClaudeCodeRun(json.loads(done.stdout), transcripts)


def shut_off(home: Path, api_url: str = "http://127.0.0.1:9") -> dict[str, str]:
    """Return the CLI's environment: of this process's environment it contains PATH only."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(home / "config"),
        "ANTHROPIC_BASE_URL": api_url,
        "ANTHROPIC_API_KEY": "dummy",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
