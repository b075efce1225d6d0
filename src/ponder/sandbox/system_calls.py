"""System calls that are refused for good, by Linux's seccomp (its userspace-api/seccomp_filter.rst).

What is refused is what code needs to reach beyond its own process: sockets, other processes, new processes
and programs, namespaces, mounts, the kernel's own machinery, and objects that outlive the process. Threads,
memory and files stay allowed; `namespaces.py` and limits see to those.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""The kernel's name of an architecture, and its column in the table of numbers; both are little-endian."""

_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "kcmp": (312, 272),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "sched_setaffinity": (203, 122),
    "setpriority": (141, 140),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "personality": (135, 92),
}
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_CLONE_THREAD = 0x10000
_X32 = 0x40000000  # from here on: the same calls by other numbers

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where they are in `struct seccomp_data`
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000  # and the error number
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


def system_calls_filter() -> Callable[[], None]:
    """Return a function that refuses these calls to the thread that calls it and to all that it starts.

    They fail with "not permitted". The function raises OSError if the kernel does not take the filter.

    Raises
    ------
    OSError : there is none for this system.
    """
    program = _program(*_architecture())
    instructions = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HP", len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)

    def forbid() -> None:
        assert instructions  # `head` holds its address
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, head, 0, 0):
            raise OSError(ctypes.get_errno(), "this system cannot refuse system calls")

    return forbid


def _architecture() -> tuple[int, int]:
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in _ARCHITECTURES or struct.calcsize("P") != 8:
        raise OSError(errno.ENOSYS, f"no system calls are refused on {sys.platform}, {machine}")
    return _ARCHITECTURES[machine]


def _program(architecture: int, column: int) -> bytes:
    """Return the filter: tests of the call's number, each of which jumps to one of the ends or goes on.

    An instruction is (what, instructions to jump over if it holds, if not, value).
    """
    refused = [pair[column] for pair in _REFUSED.values()]
    numbers = [number for number in refused if number is not None]
    tests = [
        *[(_AT_LEAST, _X32, "refuse"), (_EQUAL, _CLONE3[column], "absent")],  # without it, clone is tried
        *[(_EQUAL, _CLONE[column], "clone"), (_EQUAL, _PRLIMIT[column], "prlimit")],
        *[(_EQUAL, number, "refuse") for number in numbers],
    ]
    refuse = (_RETURN, 0, 0, _REFUSE | errno.EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    first = (_LOAD, 0, 0, _FIRST_ARGUMENT)
    ends = {
        "allow": [allow],
        "refuse": [refuse],
        "absent": [(_RETURN, 0, 0, _REFUSE | errno.ENOSYS)],
        "clone": [first, (_ANY_BIT, 0, 1, _CLONE_THREAD), allow, refuse],
        "prlimit": [first, (_EQUAL, 0, 1, 0), allow, refuse],  # its own limits are a process's to lower
    }
    places, place = {}, len(tests)
    for name, instructions in ends.items():
        places[name], place = place, place + len(instructions)
    body = [(kind, places[end] - i - 1, 0, value) for i, (kind, value, end) in enumerate(tests)]
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *body,
        *[line for instructions in ends.values() for line in instructions],
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
