"""The child's side, the program of every `ConfinedProcess`; imports nothing of ponder and so starts fast.

Run as `python -I -S serve.py WORKER LIMITS FOLDER...` with the limits as JSON and the folders of packages
that the worker imports. Writes `{}` when it is ready, or `{"refused": why}` where this system cannot isolate
it; then one answer for each request. Ends when stdin does.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType


def load(path: str) -> ModuleType:
    """Import a file by its path."""
    spec = spec_from_file_location("worker", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def confine(memory_bytes: int, opens_files: bool) -> None:
    """Bound memory, and forbid to open or write files, as far as the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    limits = {resource.RLIMIT_AS: memory_bytes}
    if not opens_files:
        limits |= {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: 3}
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (allowed, allowed))


def receiver(*channel: int) -> Callable[[int], list[int]]:
    """Return a function that takes so many open files from the parent, if there is a channel for them."""
    if not channel:
        return lambda count: []
    import socket

    inherited = socket.socket(fileno=channel[0])
    ours = inherited.dup()  # its number is low, wherever the parent's was
    inherited.close()
    return lambda count: socket.recv_fds(ours, 1, count)[1]


def isolate(how: str) -> None:
    """Go on in namespaces of its own; where that cannot be, say why and end, unless it is only preferred."""
    if how == "none":
        return
    try:
        if sys.platform != "linux":
            raise OSError(f"{sys.platform} has no namespaces")
        from ponder.sandbox.namespaces import enter_namespaces
        from ponder.sandbox.system_calls import system_calls_filter

        system_calls_filter()  # there must be one
        enter_namespaces()
    except OSError as error:
        if how == "required":
            print(json.dumps({"refused": error.strerror or str(error)}), flush=True)
            sys.exit(1)


def bound_cpu(seconds: float) -> None:
    """End this process, even inside a C function, after so much CPU time; 0 means no bound."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def main() -> None:
    """Answer requests until stdin ends."""
    worker, limits = load(sys.argv[1]), json.loads(sys.argv[2])
    receive = receiver(*limits["channel"])
    isolate(limits["isolation"])
    worker.answer(worker.WARM_UP)
    confine(limits["memory_bytes"], limits["opens_files"])
    print("{}", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "handles" in request:
            request["handles"] = receive(request["handles"])
        bound_cpu(limits["cpu_seconds"])
        answer = json.dumps(worker.answer(request))
        bound_cpu(0)
        print(answer, flush=True)


if __name__ == "__main__":
    sys.path += sys.argv[3:]
    main()
