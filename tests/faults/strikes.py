"""Faults for random moments. Each returns whether it had a target."""

import contextlib
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from tests.faults.engine import WELL
from tests.faults.scene import SILENCE_SECONDS, FaultScene

Strike = Callable[[FaultScene, random.Random], bool]
NO_LIMIT = -1
"""``RLIM_INFINITY``."""


def _kill_hub(scene: FaultScene, _: random.Random) -> bool:
    with _hub(scene) as hub:
        if hub is not None:
            hub.kill()
            hub.wait(30)
            return True
    return False


def _suspend_hub(scene: FaultScene, chance: random.Random) -> bool:
    with _hub(scene) as hub:
        if hub is not None:
            hub.suspend()
            time.sleep(chance.uniform(0.5, 3.0))
            hub.resume()
            return True
    return False


def _kill_bridge(scene: FaultScene, chance: random.Random) -> bool:
    with scene.lock:
        if not scene.bridges:
            return False
        chance.choice(scene.bridges).kill()
    return True


def _client_goes(scene: FaultScene, chance: random.Random) -> bool:
    """End a client as if it were killed: its end of the pipe is closed."""
    with scene.lock:
        if not scene.bridges:
            return False
        pipe = chance.choice(scene.bridges).stdin
    assert pipe is not None
    try:
        pipe.close()
    except OSError:
        return False
    return True


def _kill_engine(scene: FaultScene, chance: random.Random) -> bool:
    scene.engine.kill()
    time.sleep(chance.uniform(0.0, 0.5))
    scene.engine.restart()
    return True


def _suspend_engine(scene: FaultScene, chance: random.Random) -> bool:
    engine = psutil.Process(scene.engine.process.pid)
    engine.suspend()
    time.sleep(chance.uniform(0.5, SILENCE_SECONDS + 1.0))
    engine.resume()
    return True


def _flap(scene: FaultScene, chance: random.Random) -> bool:
    """Make the engine reset all connections repeatedly."""
    for _ in range(6):
        scene.network.hang_up()
        time.sleep(chance.uniform(0.02, 0.3))
    return True


def _spoil(mood: str, longest: float) -> Strike:
    def strike(scene: FaultScene, chance: random.Random) -> bool:
        scene.engine.be(mood)
        time.sleep(chance.uniform(0.3, longest))
        scene.engine.be(WELL)
        return True

    return strike


def _lose_network(scene: FaultScene, chance: random.Random) -> bool:
    scene.network.lost.set()
    time.sleep(chance.uniform(0.3, SILENCE_SECONDS + 1.0))
    scene.network.lost.clear()
    return True


def _lock_database(scene: FaultScene, chance: random.Random) -> bool:
    """Lock the database like another writing program, sometimes longer than any timeout."""
    try:
        with contextlib.closing(sqlite3.connect(scene.home / "history.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(chance.choice((0.3, 2.0, 7.0)))
            other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    return True


def _fill_disk(scene: FaultScene, chance: random.Random) -> bool:
    """Make every write of the hub fail, from the first byte on or from a later one."""
    with _hub(scene) as hub:
        if hub is None or sys.platform != "linux":
            return False
        hub.rlimit(psutil.RLIMIT_FSIZE, (chance.choice((0, 0, 200, 100_000)), NO_LIMIT))
        time.sleep(chance.uniform(0.2, 2.0))
        hub.rlimit(psutil.RLIMIT_FSIZE, (NO_LIMIT, NO_LIMIT))
        return True
    return False


def _set_clock(scene: FaultScene, chance: random.Random) -> bool:
    """Shift the clock of hub and bridges by up to two days in either direction, sometimes back to normal."""
    seconds = chance.choice((0, chance.randint(-172_800, 172_800), chance.randint(-90, 90)))
    clock = scene.home / "clock"
    fresh = clock.with_suffix(".new")
    fresh.write_text(f"{seconds:+d}")
    fresh.replace(clock)
    return True


def _suspend_machine(scene: FaultScene, chance: random.Random) -> bool:
    """Suspend hub, bridges and engine, as when a laptop is closed."""
    with scene.lock:
        pids = [scene.engine.process.pid, *(bridge.pid for bridge in scene.bridges)]
    with _hub(scene) as hub:
        if hub is None:
            return False
        stopped: list[psutil.Process] = []
        try:
            for pid in (hub.pid, *pids):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process = psutil.Process(pid)
                    process.suspend()
                    stopped.append(process)
            time.sleep(chance.uniform(0.5, 3.0))
        finally:
            for process in stopped:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        return True
    return False


def _ten_hubs(scene: FaultScene, _: random.Random) -> bool:
    """Start ten hubs at once, in addition to a running one; exactly one remains."""
    command = [scene.python, "-P", "-m", "tray.main", "serve"]
    hubs = [
        subprocess.Popen(
            command,
            env=scene.environ,
            cwd=scene.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(10)
    ]
    deadline = time.monotonic() + 120
    while sum(hub.poll() is None for hub in hubs) > 1:
        assert time.monotonic() < deadline, "more than one hub runs"
        time.sleep(0.1)
    return True


@contextmanager
def _hub(scene: FaultScene) -> Iterator[psutil.Process | None]:
    """Provide the running hub, None between two hubs. A hub that ends meanwhile is no target."""
    with contextlib.suppress(psutil.NoSuchProcess):
        yield scene.hub()


FAULTS: dict[str, Strike] = {
    "hub killed": _kill_hub,
    "hub asleep": _suspend_hub,
    "bridge killed": _kill_bridge,
    "client gone": _client_goes,
    "engine killed": _kill_engine,
    "engine asleep": _suspend_engine,
    "engine flapping": _flap,
    "engine slow": _spoil("slow", 3.0),
    "engine silent": _spoil("silent", 2.0),
    "engine answers garbage": _spoil("garbage", 2.0),
    "engine breaks off": _spoil("breaking off", 2.0),
    "engine reports an error": _spoil("broken inside", 2.0),
    "engine out of memory": _spoil("out of memory", 2.0),
    "network lost": _lose_network,
    "database locked": _lock_database,
    "disk full": _fill_disk,
    "clock set": _set_clock,
    "machine asleep": _suspend_machine,
    "ten hubs started": _ten_hubs,
}
"""The faults by name."""
