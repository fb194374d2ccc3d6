"""Tests of the user id at the other end of a connection."""

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.web.peer_uid import TABLES, may_be_ours, may_be_ours_by_tables
from server.web.socket_diag import owner_of
from tests.hub_process import HubProcess
from tests.web.test_auth import bearer, log_in, send

NOBODY = 65534

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "{}"), (socket.AF_INET6, "::ffff:{}")])
def test_the_owner_of_a_connection_is_found_for_both_families(
    family: socket.AddressFamily, host: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(family) as client:
        address = listener.getsockname()
        client.connect((host.format("127.0.0.1"), address[1]))
        served, peer = listener.accept()
        with served:
            assert may_be_ours(peer, address)
            assert may_be_ours_by_tables(peer, address)
            assert not may_be_ours((peer[0], 1), address)
            assert not may_be_ours((peer[0], address[1]), (peer[0], 1))
            # The same tables with another user's id in each row.
            others = tuple(tmp_path / table.name for table in TABLES)
            for table, other in zip(TABLES, others, strict=True):
                rows = [line.split() for line in table.read_text().splitlines()]
                other.write_text("\n".join(" ".join([*row[:7], "4711", *row[8:]]) for row in rows))
            assert not may_be_ours_by_tables(peer, address, others)
            assert may_be_ours_by_tables(peer, address, (tmp_path / "no-such-table",))


def test_many_connections_do_not_slow_the_lookup_down() -> None:
    """The table of all sockets takes 14 ms and more, the kernel's answer for one socket microseconds."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = listener.getsockname()
        for _ in range(300):
            stack.enter_context(socket.create_connection(address))
            served, peer = listener.accept()
            stack.enter_context(served)
        try:
            assert owner_of(peer, address) == os.getuid()
        except OSError as error:
            pytest.skip(f"the kernel does not answer: {error}")
        began = time.perf_counter()
        assert all(may_be_ours(peer, address) for _ in range(200))
        assert time.perf_counter() - began < 0.5


ASK = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
connection.request("GET", sys.argv[2], headers={"Cookie": sys.argv[3]})
answer = connection.getresponse()
print(answer.status, answer.getheader("set-cookie"))
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes another user")
def test_another_user_can_neither_open_nor_use_up_a_login_link(hub: HubProcess) -> None:
    link = re.search(r"/login\?code=[\w-]+", send(hub, "POST", "/api/login", bearer(hub)).body)
    assert link
    assert as_another_user(hub, link.group()) == ["403", "None"]
    assert send(hub, "GET", link.group()).status == 303


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes another user")
def test_another_user_cannot_use_a_cookie(hub: HubProcess) -> None:
    cookie = log_in(hub)
    for path in ("/welcome", "/api/status"):
        assert send(hub, "GET", path, cookie).status == 200
        assert as_another_user(hub, path, cookie["Cookie"]) == ["401", "None"]


def as_another_user(hub: HubProcess, path: str, cookie: str = "") -> list[str]:
    """Return the status and the set cookie of a request by another user's program."""
    # The system's Python, because other users may lack access to the tests' Python.
    command = ["/usr/bin/python3", "-I", "-c", ASK, str(hub.port), path, cookie]
    seen = subprocess.run(command, user=NOBODY, cwd="/", capture_output=True, text=True, check=False)
    assert seen.stdout, seen.stderr
    return seen.stdout.split()


def test_forwarding_headers_do_not_change_the_peer(hub: HubProcess) -> None:
    """A proxy's headers about the client change nothing."""
    url = json.loads(send(hub, "POST", "/api/login", bearer(hub)).body)["url"]
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=120)
    connection.request("GET", url.removeprefix(hub.info.url), headers={"X-Forwarded-For": "127.0.0.9:1"})
    assert connection.getresponse().status == 303
    connection.close()
