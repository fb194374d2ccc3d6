"""Checks for Claude Code hooks: whether their programs exist and whether Claude Code supports them."""

import os
from collections.abc import Iterator
from pathlib import Path

from server.clients import advice, claude_code
from server.clients.config_files import Scope
from server.clients.former_name import in_former_environment
from server.clients.hooks import HookName
from server.commands.doctor.finding import Finding
from server.common.errors import TokenSaverError


def hook_findings(scope: Scope) -> Iterator[Finding]:
    """Check the hooks in one scope, skipping those that are switched off."""
    names: tuple[tuple[HookName, str], ...] = (
        ("hook", "shows a reminder before large reads and writes"),
        ("digest", "replaces large results with digests"),
    )
    for hook, does in names:
        program = advice.hook_command(hook, scope)
        if program is None:
            continue
        name, fix = (
            f"claude-code {hook} ({scope})",
            f"token-saver connect claude-code --{hook} --scope {scope}",
        )
        if in_former_environment(Path(program)):
            yield Finding(name, "warning", f"it starts the app under its former name: {program}", fix)
        elif not os.access(program, os.X_OK):
            yield Finding(name, "error", f"its program does not exist: {program}", fix)
        else:
            yield _heeded(name, hook, does)


def _heeded(name: str, hook: HookName, does: str) -> Finding:
    """Check whether the installed Claude Code is new enough for a hook."""
    try:
        claude_code.require_version([hook])
    except TokenSaverError as error:
        return Finding(name, "warning", error.cause, error.next_step)
    return Finding(name, "ok", does)
