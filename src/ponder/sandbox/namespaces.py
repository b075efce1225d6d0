"""A process without files, network and neighbours, by Linux's namespaces; no privilege is needed.

It is process 1 of its own: it can name no other, and when it ends all that it started ends. Its root is an
empty folder that nobody can write to, with Python's standard library, read-only, at its usual place. It has
no network device, and no capability.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sysconfig
import tempfile

_NEW_USER, _NEW_MOUNTS, _NEW_PROCESSES = 0x10000000, 0x00020000, 0x20000000
_NEW_NETWORK, _NEW_OBJECTS, _NEW_NAMES = 0x40000000, 0x08000000, 0x04000000
_ALL = _NEW_USER | _NEW_MOUNTS | _NEW_PROCESSES | _NEW_NETWORK | _NEW_OBJECTS | _NEW_NAMES
_BIND, _RECURSIVE, _PRIVATE, _DETACH = 0x1000, 0x4000, 0x40000, 2
_NO_SUID, _NO_DEVICES, _READ_ONLY = 2, 4, 1
_HERE, _ALL_BELOW = -100, 0x8000
_SYS_MOUNT_SETATTR, _SYS_PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
_PARENT_DEATH, _DUMPABLE = 1, 4
_CAPABILITIES_VERSION = 0x20080522
_NOBODY = 65534


def enter_namespaces() -> None:
    """Go on in a child process with namespaces of its own; this process waits for it and ends as it does.

    Call it before there are threads. Standard input and output are the child's afterwards.

    Raises
    ------
    OSError : this system does not allow it.
    """
    libc = _Libc()
    user, group = os.geteuid(), os.getegid()
    libc.call("unshare", _ALL)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{_NOBODY} {user} 1"),
        ("gid_map", f"{_NOBODY} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _empty_root(libc)
    child = os.fork()
    if child:
        os.close(0)
        os.close(1)
        status = os.waitpid(child, 0)[1]
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    libc.call("prctl", _PARENT_DEATH, int(signal.SIGKILL), 0, 0, 0)
    libc.call("prctl", _DUMPABLE, 0, 0, 0, 0)  # nobody may look into its memory
    head, none = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)()
    libc.call("capset", head, none)


def _empty_root(libc: _Libc) -> None:
    """Make an empty folder the root, with the standard library in it, and read-only as a whole."""
    root = tempfile.gettempdir()
    libc.call("mount", b"none", b"/", None, _RECURSIVE | _PRIVATE, None)
    libraries = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    outside = {path: os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in sorted(libraries)}
    libc.call("mount", b"none", root.encode(), b"tmpfs", _NO_SUID | _NO_DEVICES, b"size=256k,mode=755")
    for path, folder in outside.items():
        os.makedirs(root + path)
        inside = f"/proc/self/fd/{folder}".encode()
        libc.call("mount", inside, (root + path).encode(), None, _BIND | _RECURSIVE, None)
        os.close(folder)
    os.chdir(root)
    libc.call("syscall", _SYS_PIVOT_ROOT[platform.machine()], b".", b".")
    libc.call("umount2", b".", _DETACH)
    os.chdir("/")
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY | _NO_SUID | _NO_DEVICES, 0, 0, 0)
    libc.call("syscall", _SYS_MOUNT_SETATTR, _HERE, b"/", _ALL_BELOW, attributes, ctypes.sizeof(attributes))


class _Libc:
    """Functions of the C library that say no by a number that is not 0."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)

    def call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, name)(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{os.strerror(number)} ({name})")
