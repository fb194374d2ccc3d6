"""How many inputs: a few with the other tests, ``TOKEN_SAVER_TEST_FUZZ`` of them on request."""

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
# A call passes the whole server: each takes some milliseconds.
tool_fuzz = settings(fuzz, max_examples=max(INPUTS // 5, 1))
