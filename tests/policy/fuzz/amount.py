"""Number of fuzzing inputs: small by default, ``TOKEN_SAVER_TEST_FUZZ`` on request."""

import os

from hypothesis import HealthCheck, settings

INPUTS = int(os.environ.get("TOKEN_SAVER_TEST_FUZZ", "200"))
fuzz = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    database=None,
)
# Each call passes the whole server and takes a few milliseconds.
tool_fuzz = settings(fuzz, max_examples=max(INPUTS // 5, 1))
