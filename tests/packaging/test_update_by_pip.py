"""``token-saver update`` of the app in a virtual environment with pip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.common.distribution import NAME
from tests.packaging.compiled_modules import lend_compiled
from tests.packaging.installed import OFFLOADS, Installed, with_history
from tests.packaging.releases import GOOD, NOW
from tests.packaging.wheels import package_index

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="on Windows, `update` says what to do"),
    pytest.mark.timeout(1200),
]


@pytest.fixture
def in_venv(tmp_path: Path, wheels: dict[str, Path], constraints: Path) -> Installed:
    """The app in a virtual environment of Python's own, with pip."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=600)
    command = ("uv", "pip", "install", "--quiet", "--python", environment, "--constraints", constraints)
    subprocess.run([*command, wheels[NOW]], check=True, timeout=600)
    [metadata] = environment.glob(f"lib/*/site-packages/{NAME.replace('-', '_')}-*.dist-info")
    # uv is faster; the app sees an installation by pip.
    (metadata / "INSTALLER").unlink()
    (metadata / "INSTALLER").write_text("pip\n")
    lend_compiled(environment)
    installed = with_history(environment, environment / "bin" / "token-saver", tmp_path)
    assert (installed.version(), installed.offloads()) == (NOW, OFFLOADS)
    return installed


def test_a_virtual_environment_of_pip_is_updated_without_a_hub(
    in_venv: Installed, wheels: dict[str, Path], tmp_path: Path
) -> None:
    with package_index(tmp_path / "index", [wheels[NOW], wheels[GOOD]]) as index:
        done = in_venv.run("update", "--yes", index=index)
    assert done.returncode == 0, done.stderr
    assert (in_venv.version(), in_venv.offloads(), in_venv.is_tidy()) == (GOOD, OFFLOADS, True)
    assert in_venv.hub_version() == "", "no hub ran before"
    first = (in_venv.environment / "bin" / "token-saver").read_bytes().splitlines()[0]
    assert first == b"#!" + os.fsencode(in_venv.environment / "bin" / "python")
