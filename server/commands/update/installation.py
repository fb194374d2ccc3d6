"""How the running app was installed, and the command that installs a new version of it."""

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from server.commands.update.environment import cache_of
from server.common.distribution import NAME
from server.common.errors import UpdateFailed
from server.common.processes import find_program


@dataclass(frozen=True)
class Installation:
    """An installation that ``update`` can replace.

    Attributes:
        environment: the virtual environment with the app.
        packages: the environment's folder of packages.
        version: the installed version.
        origin: where a new version comes from: the checkout that the app was installed from, if it still
            exists, or the package's name for the package index.
        installer: the program that installs packages; empty for the ``pip`` of the environment.
        environ: variables for the installer.
    """

    environment: Path
    packages: Path
    version: str
    origin: str
    installer: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    def install_command(self, environment: Path, source: str) -> list[str]:
        """Return the command that installs ``source`` into a copy of the environment."""
        python = str(environment / "bin" / "python")
        if self.installer:
            upgrade = ("--quiet", "--upgrade-package", NAME)
            return [self.installer, "pip", "install", *upgrade, "--python", python, source]
        options = ("--quiet", "--disable-pip-version-check", "--no-input", "--upgrade")
        return [python, "-P", "-m", "pip", "install", *options, source]


def find_installation() -> Installation:
    """Return the installation of the running app.

    Raises:
        UpdateFailed: the app was installed in a way that ``update`` does not support. The next step says how
            to update it.
    """
    installed = distribution(NAME)
    direct = _direct_url(installed)
    environment = Path(sys.prefix)
    if direct.get("dir_info", {}).get("editable"):
        raise _source_folder(_local_path(direct))
    if (environment / "pipx_metadata.json").exists():
        raise UpdateFailed("This app was installed by pipx.", f"Run `pipx upgrade {NAME}`.")
    if sys.platform == "win32":
        again = "Quit the app, then install the new version as you installed this one"
        raise UpdateFailed(
            "On Windows, a program cannot replace itself while it runs.",
            f"{again}: `uv tool install --force {NAME}`, `install.ps1`, or `pip install --upgrade {NAME}`.",
        )
    if sys.prefix == sys.base_prefix:
        raise UpdateFailed(
            f"This app was installed in {environment}, outside a virtual environment.",
            f"Run `{Path(sys.executable).name} -m pip install --upgrade {NAME}`.",
        )
    installer, environ = _installer(environment, installed)
    return Installation(
        environment=environment,
        packages=Path(str(installed.locate_file(""))),
        version=installed.version,
        origin=_origin(direct),
        installer=installer,
        environ=environ,
    )


def _installer(environment: Path, installed: Distribution) -> tuple[str, dict[str, str]]:
    """Return the program that installs packages, empty for pip, and its variables."""
    is_tool = (environment / "uv-receipt.toml").exists()
    own_uv = environment.parents[1] / "uv"  # `install.sh` keeps uv beside its folder of tools
    if is_tool and os.access(own_uv, os.X_OK):
        # As with `install.sh`, nothing stays outside of the installation.
        temporary = cache_of(environment)
        cache = os.environ.get("UV_CACHE_DIR") or str(temporary)
        credentials = str(temporary / "credentials")
        return str(own_uv), {"UV_NO_CONFIG": "1", "UV_CACHE_DIR": cache, "UV_CREDENTIALS_DIR": credentials}
    by_uv = is_tool or (installed.read_text("INSTALLER") or "").strip() == "uv"
    uv = find_program("uv") if by_uv else None
    if uv:
        return uv, {}
    if importlib.util.find_spec("pip"):
        return "", {}
    raise UpdateFailed(
        f"Neither uv nor pip can install packages into {environment}.",
        "Install uv (`python -m pip install uv`), then try again.",
    )


def _origin(direct: Mapping[str, object]) -> str:
    path = _local_path(direct)
    return str(path) if path is not None and path.is_dir() else NAME


def _source_folder(folder: Path | None) -> UpdateFailed:
    cause = f"This app runs from the source folder {folder}."
    if folder is not None and (folder / "manifest.json").exists():
        return UpdateFailed(cause, "It is a bundle of Claude Desktop. Install the bundle of the new version.")
    if folder is not None and {".claude", "plugins"} <= set(folder.parts):
        return UpdateFailed(cause, "Run `claude plugin update token-saver@claude-token-saver`.")
    return UpdateFailed(cause, "Update this folder, such as by `git pull`, then run `uv sync` in it.")


def _direct_url(installed: Distribution) -> dict[str, dict[str, object]]:
    """Return where the app was installed from, if not from an index (PEP 610)."""
    table: dict[str, dict[str, object]] = json.loads(installed.read_text("direct_url.json") or "{}")
    return table


def _local_path(direct: Mapping[str, object]) -> Path | None:
    address = urlparse(str(direct.get("url", "")))
    return Path(unquote(address.path)) if address.scheme == "file" else None
