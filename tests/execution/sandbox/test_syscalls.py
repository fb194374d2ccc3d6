"""The tables of system calls, compared with the kernel's headers, and the filters built from them."""

import re
import struct
from pathlib import Path

import pytest

from server.execution.sandbox.seccomp import command_filter, python_filter
from server.execution.sandbox.syscalls import NEWEST, NUMBERS

GENERIC = Path("/usr/include/asm-generic/unistd.h")
X86 = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
_ALLOW, _EPERM, _ENOSYS, _ENETUNREACH, _EAGAIN = 0x7FFF0000, 0x50001, 0x50026, 0x50065, 0x5000B


def test_x86_64_agrees_with_the_headers() -> None:
    if not X86.exists():
        pytest.skip("the kernel's headers for x86-64 are not installed")
    header = {name: int(number) for name, number in re.findall(r"__NR_(\w+)\s+(\d+)", X86.read_text())}
    for name, (number, _) in NUMBERS.items():
        assert header.get(name) == number, name


def test_arm64_agrees_with_the_generic_headers() -> None:
    if not GENERIC.exists():
        pytest.skip("the kernel's generic headers are not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", GENERIC.read_text())
    header = {name: int(number) for name, number in found}
    header["newfstatat"] = header["fstatat"]  # the 64-bit name, see the header's last part
    assert len(header) > 300
    for name, (_, number) in NUMBERS.items():
        assert header.get(name) == number, name


def test_no_two_calls_share_a_number() -> None:
    for column in (0, 1):
        numbers = [pair[column] for pair in NUMBERS.values() if pair[column] is not None]
        assert len(numbers) == len(set(numbers))
        assert max(numbers) <= NEWEST


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_python_code_gets_no_sockets_processes_or_foreign_signals(machine: str) -> None:
    def verdict(name: str, *arguments: int) -> int:
        return _decide(python_filter(machine, 77), machine, name, arguments)

    assert verdict("read") == _ALLOW
    assert verdict("socket", 2, 1) == _ENETUNREACH
    assert verdict("clone", 0x1200011) == _EAGAIN  # fork
    assert verdict("clone", 0x3D0F00) == _ALLOW  # a thread
    assert verdict("clone", 0x3D0F00 | 0x10000000) == _EAGAIN  # with a namespace
    assert verdict("kill", 77, 9) == _ALLOW
    assert verdict("kill", 78, 9) == _EPERM
    assert verdict("kill", -1 & (1 << 64) - 1, 9) == _EPERM
    assert verdict("sendto", 3, 0, 0, 0, 0) == _ALLOW
    assert verdict("sendto", 3, 0, 0, 0, 0x7F0000000000) == _ENETUNREACH
    assert verdict("ptrace", 16) == _EPERM
    assert verdict("clone3") == _ENOSYS
    for name in ("io_uring_setup", "chroot", "setxattr", "fchmodat", "mount", "bpf"):
        assert verdict(name) == _EPERM


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_commands_get_processes_but_no_sockets(machine: str) -> None:
    def verdict(name: str, *arguments: int, internet: bool = False, own_mounts: bool = False) -> int:
        program = command_filter(machine, internet=internet, own_mounts=own_mounts)
        return _decide(program, machine, name, arguments)

    assert verdict("clone", 0x1200011) == _ALLOW
    assert verdict("clone", 0x10000011) == _EPERM
    assert verdict("socket", 2, 1) == _ENETUNREACH
    assert verdict("socket", 2, 1, internet=True) == _ALLOW
    assert verdict("socket", 1, 1, internet=True) == _ENETUNREACH
    assert verdict("fchmodat") == _EPERM
    assert verdict("fchmodat", own_mounts=True) == _ALLOW


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_another_architecture_and_unknown_calls_are_refused(machine: str) -> None:
    program = python_filter(machine, 1)
    assert _execute(program, struct.pack("IIQ6Q", 0, 0x40000003, 0, *[0] * 6)) == 0x80000000
    own = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    for number in (NEWEST + 1, 0x40000000 | 41):
        assert _execute(program, struct.pack("IIQ6Q", number, own, 0, *[0] * 6)) == _ENOSYS


def _decide(program: bytes, machine: str, name: str, arguments: tuple[int, ...]) -> int:
    number = NUMBERS[name][0 if machine == "x86_64" else 1]
    assert number is not None
    architecture = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    padded = [*arguments, *[0] * (6 - len(arguments))]
    return _execute(program, struct.pack("IIQ6Q", number, architecture, 0, *padded))


def _execute(program: bytes, data: bytes) -> int:
    """Run a BPF program as the kernel does."""
    place, value = 0, 0
    while True:
        code, when_true, when_false, operand = struct.unpack_from("HBBI", program, place * 8)
        place += 1
        if code == 0x20:
            value = struct.unpack_from("I", data, operand)[0]
        elif code == 0x54:
            value &= operand
        elif code == 0x15:
            place += when_true if value == operand else when_false
        elif code == 0x25:
            place += when_true if value > operand else when_false
        else:
            assert code == 0x06
            return int(operand)
