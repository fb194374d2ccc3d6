"""System call filters: an allowlist for Python code, a denylist for commands.

A filter is a classic BPF program over ``struct seccomp_data`` (``include/uapi/linux/seccomp.h``). Landlock
guards files by path; these filters cover what Landlock does not see: sockets, signals, new processes, other
processes' memory, ownership and mode changes, clocks, mounts.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from server.execution.sandbox.syscalls import NEWEST, NUMBERS

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""``include/uapi/linux/audit.h``."""
_LOAD, _AND, _JUMP_IF_EQUAL, _JUMP_IF_GREATER, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_PR_SET_SECCOMP, _FILTER_MODE = 22, 2

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True)
class Condition:
    """A masked argument must have one of these values (its low 32 bits, or all 64 with ``wide``)."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    wide: bool = False


@dataclass(frozen=True)
class Rule:
    """System calls allowed only if all conditions hold. Otherwise they fail with ``error``."""

    names: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    error: int = errno.EPERM


_NEVER_TRUE = Condition(0, ())
_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET."""
_THREAD = 0x00000100 | 0x00000800 | 0x00010000  # CLONE_VM, CLONE_SIGHAND, CLONE_THREAD
_AF_UNIX, _AF_INET, _AF_INET6, _SOCK_STREAM = 1, 2, 10, 1
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)
"""F_DUPFD to F_SETLKW, F_OFD_GETLK to F_OFD_SETLKW, F_DUPFD_CLOEXEC: no signals, leases or notifications."""
_IOCTL = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""

_PLAIN = """
read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 close close_range lseek
open openat openat2 creat stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2
getdents getdents64 getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir unlink unlinkat
link linkat symlink symlinkat readlink readlinkat umask ftruncate fallocate fsync fdatasync fadvise64
copy_file_range sendfile pipe pipe2 dup dup2 dup3 select pselect6 poll ppoll flock
mmap mprotect munmap mremap madvise msync mincore brk membarrier
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause
getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid getresgid getpgrp getpgid getsid
uname sysinfo times getrusage getrlimit setrlimit getcpu sched_yield sched_getaffinity sched_getparam
sched_getscheduler sched_get_priority_max sched_get_priority_min
clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time alarm getitimer setitimer
futex futex_waitv set_robust_list get_robust_list rseq arch_prctl set_tid_address restart_syscall
exit exit_group getrandom eventfd eventfd2 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
epoll_pwait2 timerfd_create timerfd_settime timerfd_gettime
recvfrom recvmsg getsockopt getsockname getpeername shutdown
"""

_NEVER = """
chroot mount umount2 pivot_root move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr
unshare setns
ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd userfaultfd
io_uring_setup io_uring_enter io_uring_register bpf perf_event_open keyctl add_key request_key
swapon swapoff reboot kexec_load kexec_file_load init_module finit_module delete_module acct quotactl syslog
settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname iopl ioperm personality vhangup
name_to_handle_at open_by_handle_at fanotify_init fanotify_mark mknod mknodat memfd_secret
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr chown fchown lchown fchownat
mbind migrate_pages move_pages set_mempolicy setpriority ioprio_set
shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semctl mq_open mq_unlink
"""

_CHANGES_OF_FILES = """
chmod fchmod fchmodat utime utimes utimensat futimesat truncate
"""
"""File changes that Landlock does not see. They must be prevented by a mount namespace or by the filter."""


def machine_name() -> str | None:
    """Return this machine's architecture if its system calls are known, otherwise None.

    A 32-bit interpreter on a 64-bit kernel is not supported.
    """
    machine = platform.machine()
    return machine if machine in _AUDIT_ARCH and struct.calcsize("P") == 8 else None


def install(program: bytes) -> None:
    """Permanently filter the system calls of this process and its children.

    Raises:
        OSError: the kernel refuses the filter.
    """

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(program, len(program))
    argument = Program(len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(argument), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def python_filter(machine: str, pid: int) -> bytes:
    """Return the filter for a process that evaluates Python code: one process, no sockets, no programs."""
    own = Condition(0, (pid,))
    rules = (
        Rule(tuple(_PLAIN.split())),
        Rule(("clone",), (Condition(0, (_THREAD,), mask=_THREAD | _NEW_NAMESPACES),), errno.EAGAIN),
        Rule(("kill", "tgkill"), (own,)),
        Rule(("prlimit64",), (Condition(0, (0, pid)),)),
        Rule(("fcntl",), (Condition(1, _FCNTL),)),
        Rule(("ioctl",), (Condition(1, _IOCTL),), errno.ENOTTY),
        Rule(("prctl",), (Condition(0, (15, 16)),)),  # PR_SET_NAME, PR_GET_NAME
        Rule(
            ("socketpair",),
            (Condition(0, (_AF_UNIX,)), Condition(1, (_SOCK_STREAM,), mask=0xF)),
            errno.ENETUNREACH,
        ),
        Rule(("sendto",), (Condition(4, (0,), wide=True),), errno.ENETUNREACH),
        Rule(("clone3", "pidfd_open"), (_NEVER_TRUE,), errno.ENOSYS),
        Rule(("socket", "connect", "bind", "sendmsg"), (_NEVER_TRUE,), errno.ENETUNREACH),
    )
    return _assemble(machine, rules, otherwise=_ERRNO | errno.EPERM)


def command_filter(machine: str, *, internet: bool, own_mounts: bool) -> bytes:
    """Return the filter for a command that may start processes.

    Args:
        internet: whether TCP and UDP are allowed, because the process has its own network namespace or may
        use the machine's network.
        own_mounts: whether the process sees its own file system, with everything else read-only.
    """
    families = (_AF_INET, _AF_INET6) if internet else ()
    rules = [
        Rule(("socket",), (Condition(0, families),), errno.ENETUNREACH),
        Rule(("socketpair",), (Condition(1, (_SOCK_STREAM,), mask=0xF),), errno.ENETUNREACH),
        Rule(("clone",), (Condition(0, (0,), mask=_NEW_NAMESPACES),)),
        Rule(("prlimit64",), (Condition(0, (0,)),)),
        Rule(("clone3",), (_NEVER_TRUE,), errno.ENOSYS),
        Rule(tuple(_NEVER.split()), (_NEVER_TRUE,)),
    ]
    if not own_mounts:
        rules.append(Rule(tuple(_CHANGES_OF_FILES.split()), (_NEVER_TRUE,)))
    return _assemble(machine, rules, otherwise=_ALLOW)


def _assemble(machine: str, rules: Sequence[Rule], *, otherwise: int) -> bytes:
    """Return the BPF program. System calls newer than the table, or from the x32 ABI, fail with ENOSYS; calls
    from another architecture are killed.
    """
    column = 0 if machine == "x86_64" else 1
    program: list[Instruction] = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_IF_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_JUMP_IF_GREATER, 0, 1, NEWEST),  # x86-64's x32 numbers are above it, too
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    for rule in rules:
        block = _block(rule)
        for name in rule.names:
            number = NUMBERS[name][column]
            if number is not None:
                program += [(_JUMP_IF_EQUAL, 0, len(block), number), *block]
    program.append((_RETURN, 0, 0, otherwise))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _block(rule: Rule) -> list[Instruction]:
    """Return the instructions for one system call. Every path through them ends in a return."""
    refuse = (_RETURN, 0, 0, _ERRNO | rule.error)
    block: list[Instruction] = []
    for condition in rule.conditions:
        low = 16 + 8 * condition.argument  # seccomp_data.args, little-endian on both architectures
        if condition.wide:
            block += [(_LOAD, 0, 0, low + 4), (_JUMP_IF_EQUAL, 1, 0, 0), refuse]
        block += [(_LOAD, 0, 0, low), (_AND, 0, 0, condition.mask)]
        block += [
            (_JUMP_IF_EQUAL, len(condition.values) - place, 0, value & 0xFFFFFFFF)
            for place, value in enumerate(condition.values)
        ]
        block.append(refuse)
    return [*block, (_RETURN, 0, 0, _ALLOW)]
