"""Command ``doctor``: checks the installation and names the command that fixes each problem."""

import asyncio
import contextlib
import filecmp
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from server.backends.base import EngineDevice
from server.bridge import discovery
from server.clients import config_change
from server.clients.bridge_command import bridge_command
from server.clients.config_files import CLIENTS, SERVER_NAME, Place, Scope, command_of, find_place
from server.clients.former_name import former_entries, in_former_environment, is_former, is_of_this_app
from server.commands.doctor.checks import check_findings
from server.commands.doctor.finding import Finding, Level
from server.commands.doctor.hooks import hook_findings
from server.commands.hub_client import HubClient, hub_for_call
from server.commands.terminal.output import echo, print_json
from server.commands.terminal.progress import progress_bar
from server.common.control_characters import in_line
from server.common.distribution import FORMER_NAME, NAME, installed_version
from server.common.errors import TokenSaverError
from server.common.sizes import gigabytes
from server.config.folders import Folders
from server.config.settings import Settings, load_settings
from server.gpu.engine_devices import idle_gpu, idle_gpu_advice
from server.gpu.hardware import read_machine
from server.store.records import TEST_SESSION
from server.web.instance import listen

EXIT_STATUS: dict[Level, int] = {"ok": 0, "warning": 4, "error": 1}
"""Exit status by worst finding. A warning is 4, because other commands use 2 for wrong usage and 3 for a
hand-back.
"""
ENGINE_SECONDS = 10.0
"""Maximum wait for an engine to be found (seconds)."""
COMMAND = "token-saver"
SHOWN_VERSIONS = ("mcp", "nicegui", "pystray", "xllamacpp")
_KINDS: tuple[tuple[Literal["python", "command"], str], ...] = (
    ("python", "Python code"),
    ("command", "commands, JavaScript, TypeScript and Bash"),
)
MODELS_SECONDS = 10.0
"""Maximum wait for a found engine to list its models (seconds)."""


def examine(folders: Folders, missing_tray: Callable[[], str], *, as_json: bool, offload: bool) -> int:
    """Run all checks, print the findings, and return the exit status.

    ``missing_tray`` returns a line explaining why the icon is not visible; empty if it is visible.
    """
    findings: list[Finding] = []
    for finding in _findings(folders, missing_tray, offload=offload):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json([_as_json(finding) for finding in findings])
    levels = {finding.level for finding in findings}
    worst: Level = "error" if "error" in levels else "warning" if "warning" in levels else "ok"
    return EXIT_STATUS[worst]


def _findings(folders: Folders, missing_tray: Callable[[], str], *, offload: bool) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    versions = ", ".join(f"{name} {version(name)}" for name in SHOWN_VERSIONS)
    yield Finding("versions", "ok", f"token-saver {installed_version()}, {versions}")
    yield _path()
    yield _tray(missing_tray())
    yield _hardware()
    room = _folders(folders)
    yield room
    yield _token(folders)
    try:
        settings = load_settings(folders)
    except TokenSaverError as error:
        yield _failed("settings", error)
        return
    yield _settings(folders)
    yield from check_findings(settings, folders)
    yield _project_checks(folders)
    yield from _sandboxes(settings)
    yield _port(settings, folders)
    yield from _clients()
    if room.level == "error":
        return
    try:
        with hub_for_call(settings, folders) as hub:
            yield from _work(hub, offload=offload)
    except TokenSaverError as error:
        yield _failed("hub", error)


def _project_checks(folders: Folders) -> Finding:
    """Report which checks the project in the current folder has and whether they are accepted."""
    from server.execution.project_checks.accepted import AcceptedChecks  # noqa: PLC0415 - few need it
    from server.execution.project_checks.find import find_project_checks  # noqa: PLC0415

    root = Path.cwd()
    try:
        accepted = {check.name for check, _ in AcceptedChecks(folders.accepted_checks).of(root)}
    except TokenSaverError as error:
        return _failed("project checks", error)
    found = [check.name for check in find_project_checks(root).checks]
    if not found:
        return Finding("project checks", "ok", f"none found in {root}")
    told = ", ".join(f"{name} (accepted)" if name in accepted else name for name in found[:8])
    missing = len(accepted) < len(found)
    return Finding(
        "project checks", "ok", f"in {root}: {told}", "token-saver checks accept" if missing else ""
    )


def _sandboxes(settings: Settings) -> Iterator[Finding]:
    """Probe the sandboxes by running a hostile script in them."""
    if not settings.offload.run_code:
        yield Finding(
            "sandbox", "ok", "switched off ([offload] run_code); new code is delivered without being run"
        )
        return
    from server.execution.sandbox.find import Sandboxes  # noqa: PLC0415 - few commands need it

    sandboxes = Sandboxes()
    for kind, what in _KINDS:
        proofs = asyncio.run(sandboxes.proofs(kind))
        held = next((proof for proof in proofs if proof.holds), None)
        if held is not None:
            text = f"{what}: {held.barrier} works; {len(held.blocked)} test attacks were blocked"
            yield Finding(f"sandbox {kind}", "ok", text)
            continue
        reasons = " ".join(f"{proof.barrier}: {proof.reason}" for proof in proofs)
        yield Finding(f"sandbox {kind}", "ok", f"{what}: not run here. {reasons}")


def _settings(folders: Folders) -> Finding:
    path = folders.config_file
    if not path.exists():
        return Finding("settings", "ok", f"defaults; {path} does not exist yet")
    if discovery.find_running(str(folders.state)) is not None:
        with contextlib.suppress(FileNotFoundError):  # the hub has just ended
            if path.stat().st_mtime > folders.hub_file.stat().st_mtime:
                return Finding(
                    "settings",
                    "ok",
                    f"{path} has changed since the hub started; most settings take effect after a restart",
                    "token-saver quit, then token-saver",
                )
    return Finding("settings", "ok", str(path))


def _path() -> Finding:
    """Check which ``token-saver`` a shell would start."""
    first = shutil.which(COMMAND)
    ours = Path(sys.executable).with_name(f"{COMMAND}.exe" if sys.platform == "win32" else COMMAND)
    if first is None:
        return Finding("path", "ok", f"{COMMAND} is not on PATH; this one is {ours}")
    if not ours.exists() or _same_program(Path(first), ours):
        return Finding("path", "ok", first)
    another = "the app under its former name" if in_former_environment(Path(first)) else "another program"
    return Finding(
        "path",
        "warning",
        f"PATH finds {first} first, which is {another}; this one is {ours}",
        f"Put {ours.parent} before {Path(first).parent} on PATH, or remove the other one",
    )


def _same_program(first: Path, ours: Path) -> bool:
    # On Windows, installers copy programs instead of linking them.
    return first.resolve() == ours.resolve() or filecmp.cmp(first, ours, shallow=False)


def _tray(missing: str) -> Finding:
    if not missing:
        return Finding("tray", "ok", "the desktop shows tray icons")
    return Finding("tray", "warning", missing, "Use the dashboard instead: token-saver dashboard")


def _hardware() -> Finding:
    machine = read_machine()
    gpus = [f"{gpu.name} with {gigabytes(gpu.total)}" for gpu in machine.gpus]
    text = f"{', '.join(gpus) or 'no GPU, models run on the CPU'}; {machine.cores} cores; "
    text += f"{gigabytes(machine.ram_available)} of {gigabytes(machine.ram_total)} RAM free"
    return Finding("hardware", "ok", text)


def _folders(folders: Folders) -> Finding:
    try:
        folders.create()
        with tempfile.TemporaryFile(dir=folders.data):
            pass
    except OSError as error:
        return Finding(
            "folders",
            "error",
            f"{folders.data} cannot be written: {error.strerror or error}",
            "Make it writable, or set TOKEN_SAVER_HOME to another folder",
        )
    return Finding("folders", "ok", str(folders.data))


def _token(folders: Folders) -> Finding:
    path = folders.token_file
    if not path.exists():
        return Finding("token", "ok", "does not exist yet; the first start creates it")
    mode = stat.S_IMODE(path.stat().st_mode)
    if sys.platform != "win32" and mode & 0o077:
        return Finding(
            "token", "error", f"other users can read {path} (mode {mode:04o})", f"chmod 600 '{path}'"
        )
    return Finding("token", "ok", f"only you can read {path}")


def _port(settings: Settings, folders: Folders) -> Finding:
    info = discovery.find_running(str(folders.state))
    if info is not None:
        return Finding("hub", "ok", f"version {info.version} runs at {info.url} (process {info.pid})")
    try:
        listen(settings.port).close()
    except TokenSaverError as error:
        return _failed("port", error)
    return Finding("port", "ok", f"{settings.port} is free; no hub is running")


def _clients() -> Iterator[Finding]:
    none = True
    for client in CLIENTS:
        for scope in ("user", "project"):
            with contextlib.suppress(TokenSaverError, OSError):
                place = find_place(client, _scope(scope), bridge_command())
                servers = config_change.servers(place)
                if isinstance(entry := servers.get(SERVER_NAME), dict):
                    none = False
                    yield _client(place, entry)
                for name in set(former_entries(servers)) - {SERVER_NAME}:
                    none = False
                    yield _former(place, name)
            yield from hook_findings(_scope(scope)) if client == "claude-code" else ()
    if none:
        yield Finding("clients", "warning", "no client is connected", "token-saver connect claude-code")


def _scope(name: str) -> Scope:
    return "project" if name == "project" else "user"


def _client(place: Place, entry: dict[str, Any]) -> Finding:
    name = f"{place.client} ({place.scope})"
    connect = f"token-saver connect {place.client} --scope {place.scope}"
    command = command_of(entry)
    if is_former(entry):
        return _former(place, SERVER_NAME)
    if not command:
        return Finding(name, "ok", f"connected by {entry.get('url', 'an entry of its own')}")
    program = command[0]
    if Path(program).stem == "uvx" and NAME in command:
        return Finding(name, "ok", f"connected by uvx {NAME}")
    if not (Path(program).is_absolute() and os.access(program, os.X_OK)):
        return Finding(name, "error", f"its command does not exist: {program}", connect)
    if command != bridge_command():
        what = "this app with an outdated command" if is_of_this_app(entry) else "another installation"
        return Finding(name, "warning", f"it starts {what}: {program}", connect)
    return Finding(name, "ok", f"connected in {place.path}")


def _former(place: Place, name: str) -> Finding:
    other = "" if name == SERVER_NAME else f", {name}"
    return Finding(
        f"{place.client} ({place.scope}){other}",
        "warning",
        f"{name} in {place.path} starts the app under its former name, {FORMER_NAME}",
        f"token-saver connect {place.client} --scope {place.scope}",
    )


def _work(hub: HubClient, *, offload: bool) -> Iterator[Finding]:
    engine = _engine(hub)
    if engine["error"] or not engine["label"]:
        problem = engine["error"] or "no engine was found"
        yield Finding("engine", "error", problem, "token-saver logs")
        return
    yield Finding("engine", "ok", engine["label"])
    if engine["notice"]:
        yield Finding("configured engine", "warning", engine["notice"], "token-saver logs")
    yield from _idle_gpu(engine)
    yield from _model(hub, engine, offload=offload)
    yield from _rejected_builds(hub)


def _model(hub: HubClient, engine: dict[str, Any], *, offload: bool) -> Iterator[Finding]:
    if not engine["installed"]:
        yield Finding("model", "warning", "no model is installed yet", "token-saver models pull")
        return
    names = [model["name"] for model in engine["installed"]]
    yield Finding(
        "model", "ok", engine["default_model"] or f"{len(names)} installed, the first is {names[0]}"
    )
    if offload:
        yield _offload(hub)


def _rejected_builds(hub: HubClient) -> Iterator[Finding]:
    """Report the programs that the embedded engine found but cannot use, which some show only by loading."""
    for rejected in hub.get("/api/status")["engine"]["rejected_builds"]:
        fix = "install a llama-server that is built for this processor, or uninstall this one"
        yield Finding("llama-server", "warning", rejected, fix)


def _idle_gpu(engine: dict[str, Any]) -> Iterator[Finding]:
    devices = engine["devices"]
    name = idle_gpu(read_machine(), None if devices is None else [EngineDevice(**each) for each in devices])
    if name:
        problem, fix = idle_gpu_advice(name)
        yield Finding("GPU", "warning", problem, fix)


def _engine(hub: HubClient) -> dict[str, Any]:
    """Return the engine once it has been found and has listed its models."""
    # Ask the engine now to get its current status.
    hub.call_tool("list_loaded_models", {}, lambda _: None)
    deadline = time.monotonic() + ENGINE_SECONDS
    while True:
        engine: dict[str, Any] = hub.get("/api/status")["engine"]
        if engine["installed"] or engine["error"] or time.monotonic() > deadline:
            return engine
        if engine["label"]:
            # The engine is found first and lists its models later. Wait only briefly for an engine without
            # models.
            deadline = min(deadline, time.monotonic() + MODELS_SECONDS)
        time.sleep(0.1)


def _offload(hub: HubClient) -> Finding:
    """Have the model write one small file in a temporary folder."""
    start = time.monotonic()
    others = len(hub.get("/api/status")["running"])
    with (
        progress_bar() as bar,
        tempfile.TemporaryDirectory(prefix="token-saver-doctor-") as folder,
        contextlib.chdir(folder),
    ):
        arguments = {
            "task": "Write a function add(a, b) that returns their sum.",
            "output": "add.py",
            "examples": ["add(1, 2) == 3", "add(0, -4) == -4"],
        }
        hub.session = f"{TEST_SESSION}{os.getpid()}"
        try:
            bar.show("Testing with an offload of its own")
            answer = hub.call_tool("offload_work", arguments, bar.show)
            # A test is not work: it does not appear in the history or in the savings.
            hub.post("/api/forget-test", {"session": hub.session})
        except TokenSaverError as error:
            return _failed("offload", error)
        written = Path("add.py").is_file()
    seconds = f"{time.monotonic() - start:.1f} s"
    if others:
        seconds += f", including the wait for {others} other {'task' if others == 1 else 'tasks'}"
    if written:
        return Finding("offload", "ok", f"a test file was written and checked in {seconds}")
    if answer.failed:
        return Finding("offload", "error", answer.text.replace("\n", " "), "token-saver logs")
    return Finding(
        "offload",
        "warning",
        f"nothing was written after {seconds}: {answer.text.splitlines()[0]}",
        "Try a larger model: token-saver models",
    )


def _failed(name: str, error: TokenSaverError) -> Finding:
    return Finding(name, "error", f"{error.code}: {error.cause}", error.next_step)


def _as_json(finding: Finding) -> dict[str, str]:
    # Since 0.1.0 the JSON field for `fix` is `mend`; scripts rely on that name.
    return {"name": finding.name, "level": finding.level, "text": finding.text, "mend": finding.fix}


def _show(finding: Finding) -> None:
    mark = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}[finding.level]
    echo(f"{mark}  {finding.name}: {in_line(finding.text)}")
    if finding.fix:
        echo(f"         → {in_line(finding.fix)}")
