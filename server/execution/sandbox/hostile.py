"""Attempts to break out of a sandbox. The probe runs this file's source inside one.

``TARGETS`` is prepended to the source. Each attempt returns what it achieved or raises. The report, a single
JSON object on standard output, gives ``blocked`` or the achievement. No other files are needed.
"""

# mypy: ignore-errors

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"


def call(x86, arm, *arguments):
    result = libc.syscall(arm if ARM else x86, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "system call")
    return result


def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        if kind == socket.SOCK_DGRAM:
            client.sendto(b"x", address)
        else:
            client.connect(address)
    return "connected"


def read(path):
    with open(path, "rb") as file:
        return f"{len(file.read(4096))} bytes"


def write(path):
    with open(path, "a") as file:
        file.write("x")
    return "written"


def seen_from_outside():
    raise OSError("the probe looks from outside whether it had an effect")


def through_a_link():
    os.symlink(TARGETS["secret"], "link")
    return read("link")


def through_a_hard_link():
    os.link(TARGETS["secret"], "hard")
    return read("hard")


def send_a_datagram_from_a_pair():
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", TARGETS["unix_datagrams"])
    return "sent"


def find_the_supervisor():
    os.kill(os.getppid(), 0)
    return "seen"


def stay_alive_in_a_new_session():
    if os.fork() == 0:
        os.setsid()
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", TARGETS["mark"]])
    return "started"


def set_the_clock():
    call(227, 112, 0, struct.pack("qq", int(time.time()) + 5, 0))
    return "set"


def limits_of_another_process():
    call(302, 261, TARGETS["victim"], 7, struct.pack("QQ", 10, 10), None)
    return "set"


def memory_of_another_process():
    buffer = ctypes.create_string_buffer(8)
    with open(f"/proc/{TARGETS['victim']}/maps") as maps:
        address = int(maps.readline().split("-")[0], 16)
    here, there = struct.pack("PN", ctypes.addressof(buffer), 8), struct.pack("PN", address, 8)
    call(310, 270, TARGETS["victim"], here, 1, there, 1, 0)
    return "read"


def signal_by_a_file_owner():
    import fcntl

    reader, writer = os.pipe()
    fcntl.fcntl(reader, 10, int(signal.SIGUSR1))
    fcntl.fcntl(reader, fcntl.F_SETOWN, TARGETS["victim"])
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writer, b"x")
    return seen_from_outside()


def allocate():
    block = bytearray(TARGETS["memory"])
    return f"{len(block)} bytes"


def allocate_in_many_maps():
    import mmap

    blocks = []
    for _ in range(64):
        block = mmap.mmap(-1, TARGETS["memory"] // 16)
        block[:: mmap.PAGESIZE] = b"x" * len(block[:: mmap.PAGESIZE])
        blocks.append(block)
    return "allocated"


def write_a_large_file():
    with open("large", "wb") as file:
        file.writelines(bytes(1 << 20) for _ in range(TARGETS["file"] // (1 << 20) + 8))
    return "written"


EVERYWHERE = {
    "read a secret": lambda: read(TARGETS["secret"]),
    "read a secret through a link": through_a_link,
    "read a secret through a hard link": through_a_hard_link,
    "list the home folder": lambda: (
        set(os.listdir(TARGETS["home"])) & set(TARGETS["home_entries"]) and "listed" or 1 / 0
    ),
    "list the folder of secrets": lambda: os.listdir(TARGETS["folder"]) and "listed",
    "read the accounts": lambda: read("/etc/shadow"),
    "read another process's environment": lambda: read(f"/proc/{TARGETS['victim']}/environ"),
    "write outside": lambda: write(TARGETS["secret"]),
    "make a file outside": lambda: write(TARGETS["folder"] + "/new") and seen_from_outside(),
    "make a file in the folder for temporary files": lambda: (
        write(TARGETS["temporary"] + "/" + TARGETS["mark"]) and seen_from_outside()
    ),
    "truncate outside": lambda: os.truncate(TARGETS["secret"], 0) or "truncated",
    "rename outside": lambda: os.rename(TARGETS["secret"], TARGETS["secret"] + "2") or "renamed",
    "remove outside": lambda: os.unlink(TARGETS["secret"]) or "removed",
    "change a mode outside": lambda: os.chmod(TARGETS["secret"], 0o777) or "changed",
    "change times outside": lambda: os.utime(TARGETS["secret"], (1, 1)) or "changed",
    "change a setting of the kernel": lambda: open("/proc/sys/kernel/core_pattern", "r+").close() or "opened",
    "change an attribute outside": lambda: os.setxattr(TARGETS["secret"], "user.x", b"1") or "changed",
    "TCP to this machine": lambda: connect(socket.AF_INET, ("127.0.0.1", TARGETS["tcp"])),
    "UDP to this machine": lambda: connect(socket.AF_INET, ("127.0.0.1", TARGETS["udp"]), socket.SOCK_DGRAM),
    "a Unix socket by path": lambda: connect(socket.AF_UNIX, TARGETS["unix"]),
    "an abstract Unix socket": lambda: connect(socket.AF_UNIX, "\0" + TARGETS["mark"]),
    "a Unix datagram from a pair": send_a_datagram_from_a_pair,
    "a raw packet": lambda: socket.socket(17, socket.SOCK_RAW, 3) and "opened",
    "a signal to another process": lambda: os.kill(TARGETS["victim"], signal.SIGUSR1) or "sent",
    "a signal as a file's owner": signal_by_a_file_owner,
    "trace another process": lambda: call(101, 117, 16, TARGETS["victim"], 0, 0) or "attached",
    "read another process's memory": memory_of_another_process,
    "limit another process": limits_of_another_process,
    "mount": lambda: call(165, 40, b"none", b"/", b"tmpfs", 0, None) or "mounted",
    "a new user namespace": lambda: call(272, 97, 0x10000000) or "made",
    "io_uring": lambda: call(425, 425, 1, ctypes.create_string_buffer(120)) and "set up",
    "the kernel's key ring": lambda: call(250, 219, 0, -4, 1) and "opened",
    "set the clock": set_the_clock,
    "the app's environment": lambda: os.environ.get("TOKEN_SAVER_PROBE_SECRET") or 1 / 0,
    "write a large file": write_a_large_file,
}
IN_ONE_PROCESS = {
    "signal the supervisor": find_the_supervisor,
    "start a program": lambda: subprocess.run(["/bin/echo", "x"], check=True) and "started",
    "fork": stay_alive_in_a_new_session,
    "much memory": allocate,
    "memory in many parts": allocate_in_many_maps,
}


def main():
    report = {}
    attempts = EVERYWHERE | (IN_ONE_PROCESS if TARGETS["kind"] == "python" else {})
    if TARGETS["kind"] == "command":
        stay_alive_in_a_new_session()
    for name, attempt in attempts.items():
        try:
            report[name] = f"open: {attempt()}"
        except BaseException as error:
            report[name] = f"blocked: {type(error).__name__} {error}"[:120]
    print(json.dumps(report))


main()
