"""The requirements of tests beyond Python: a browser, a bus, an X server, a panel, a package registry.

``require("chromium")`` skips the test with a reason if the program is missing. With
``TOKEN_SAVER_TEST_REQUIRE_ALL=1`` it fails the test instead: a skip would hide that nothing was tested.
"""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest

REQUIRE_ALL = "TOKEN_SAVER_TEST_REQUIRE_ALL"


def require(*programs: str) -> None:
    """Continue if every program is on ``PATH``; else skip, or fail if everything is required."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    lack(f"not installed: {', '.join(missing)}")


def require_registry() -> None:
    """Continue if uv reaches its package registry; else skip, or fail if everything is required."""
    require("uv")
    asked = subprocess.run(
        ["uv", "pip", "compile", "--quiet", "--no-cache", "-"],
        input="platformdirs",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if asked.returncode:
        lack(f"uv does not reach its package registry: {asked.stderr.strip()[-300:]}")


def lack(reason: str) -> NoReturn:
    """Skip the test for ``reason``, or fail it if everything is required."""
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{reason} ({REQUIRE_ALL} is set)", pytrace=False)
    pytest.skip(reason)
