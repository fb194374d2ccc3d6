"""A set-up of Claude Code for tests: three MCP servers, twenty skills, five agents, two plugins.

Beside them it has two CLAUDE.md files and two hooks.

Parts of each kind are the user's and the project's. The plugin ``alpha`` brings an MCP server and a hook.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.standins.claude_code import claude_binary, shut_off
from tests.standins.messages import MessagesStandIn

SERVERS = ("docs", "issues", "weather")
IN_PROJECT = "weather"
"""The server of the project's ``.mcp.json``; the others are the user's."""
PLUGIN_SERVER = "plugin_alpha_maps"
"""The plugin's server, as its tools name it."""
SKILLS = tuple(f"skill{number:02}" for number in range(20))
AGENTS = tuple(f"agent{number}" for number in range(5))
PLUGINS = ("alpha", "beta")
MEMORY = "# The project\n\nTests live in tests/. Run them with pytest.\n"
USER_MEMORY = "# Me\n\nAnswer in English.\n"
HOOK_TEXT = "The build is green."
PLUGIN_HOOK_TEXT = "Alpha is ready."

SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    method, result = message["method"], {}
    if method == "initialize":
        result = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": sys.argv[1], "version": "1"},
                  "instructions": "Use these tools for questions about " + sys.argv[1] + "."}
    elif method == "tools/list":
        schema = {"type": "object", "properties": {"words": {"type": "string"}}}
        result = {"tools": [{"name": "find_" + sys.argv[1], "description": "Finds by words.",
                             "inputSchema": schema}]}
    elif method == "tools/call":
        result = {"content": [{"type": "text", "text": "Found nothing."}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


@dataclass(frozen=True)
class ClaudeSetup:
    """The folders of the set-up. ``home`` is Claude Code's HOME; its configuration is in ``config``."""

    home: Path
    project: Path

    @property
    def config(self) -> Path:
        return self.home / "config"

    def run(self, api: MessagesStandIn, prompt: str = "Go on.") -> None:
        """Run one session against the stand-in for the API."""
        command = [str(claude_binary()), "-p", prompt, "--output-format", "json"]
        done = self._run(command, api.url)
        assert done.returncode == 0, done.stdout + done.stderr

    def plugin(self, *arguments: str) -> None:
        done = self._run([str(claude_binary()), "plugin", *arguments], "http://127.0.0.1:9")
        assert done.returncode == 0, done.stdout + done.stderr

    def _run(self, command: list[str], url: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env=shut_off(self.home, url),
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )


def make_setup(folder: Path) -> ClaudeSetup:
    """Write all files of the set-up, and install its plugins."""
    setup = ClaudeSetup(folder / "home", folder / "project")
    claude = setup.project / ".claude"
    for number, name in enumerate(SKILLS):
        _skill((claude if number % 2 else setup.config) / "skills", name)
    for number, name in enumerate(AGENTS):
        _agent((claude if number % 2 else setup.config) / "agents", name)
    (setup.project / "CLAUDE.md").write_text(MEMORY)
    (setup.config / "CLAUDE.md").write_text(USER_MEMORY)
    hooks = {"UserPromptSubmit": [_hook("UserPromptSubmit", HOOK_TEXT)]}
    # With odd spaces, which a switch must keep.
    (claude / "settings.local.json").write_text(
        '{\n    "hooks":  ' + json.dumps(hooks) + f',\n  "enabledMcpjsonServers": ["{IN_PROJECT}"]\n}}\n'
    )
    script = folder / "server.py"
    script.write_text(SERVER)
    servers = {name: _server(script, name) for name in SERVERS}
    _write_json(setup.project / ".mcp.json", {"mcpServers": {IN_PROJECT: servers.pop(IN_PROJECT)}})
    _write_json(setup.config / ".claude.json", {"mcpServers": servers})
    market = folder / "market"
    for name in PLUGINS:
        _plugin(market / name, name)
    _write_json(market / "alpha" / ".mcp.json", {"mcpServers": {"maps": _server(script, "maps")}})
    hooks = {"SessionStart": [_hook("SessionStart", PLUGIN_HOOK_TEXT)]}
    _write_json(market / "alpha" / "hooks" / "hooks.json", {"hooks": hooks})
    _write_json(
        market / ".claude-plugin" / "marketplace.json",
        {
            "name": "market",
            "owner": {"name": "Tests"},
            "plugins": [{"name": name, "source": f"./{name}", "description": name} for name in PLUGINS],
        },
    )
    setup.plugin("marketplace", "add", str(market))
    for name in PLUGINS:
        setup.plugin("install", f"{name}@market")
    return setup


def _server(script: Path, name: str) -> dict[str, Any]:
    return {"type": "stdio", "command": sys.executable, "args": [str(script), name]}


def _hook(event: str, text: str) -> dict[str, Any]:
    output = {"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}
    return {"hooks": [{"type": "command", "command": f"echo '{json.dumps(output)}'"}]}


def _plugin(folder: Path, name: str) -> None:
    _write_json(folder / ".claude-plugin" / "plugin.json", {"name": name, "version": "1.0.0"})
    _skill(folder / "skills", f"{name}-help")
    _agent(folder / "agents", f"{name}-worker")


def _skill(folder: Path, name: str) -> None:
    (folder / name).mkdir(parents=True)
    text = f"---\nname: {name}\ndescription: Explains how {name} is done in this project.\n---\nDo it well.\n"
    (folder / name / "SKILL.md").write_text(text)


def _agent(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = f"---\nname: {name}\ndescription: Works on {name} questions.\n---\nWork carefully.\n"
    (folder / f"{name}.md").write_text(text)


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
