"""What a test needs from the system beyond Python: a browser, a bus, an X server, a panel.

``require("chromium")`` skips the test with a reason where the program is missing, or fails it where
``TOKEN_SAVER_TEST_REQUIRE_ALL`` is ``1``: there, a skip would hide that nothing was tested.
"""

import os
import shutil

import pytest

REQUIRE_ALL = "TOKEN_SAVER_TEST_REQUIRE_ALL"


def require(*programs: str) -> None:
    """Go on if every program is on ``PATH``; else skip, or fail where everything is required."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{reason} ({REQUIRE_ALL} is set)", pytrace=False)
    pytest.skip(reason)
