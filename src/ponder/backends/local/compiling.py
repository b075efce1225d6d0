"""The threads in which requests with constraints are made ready."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

WORKERS = 2
NICENESS = 5


def compiling_threads() -> ThreadPoolExecutor:
    """Return threads for what may compute for seconds.

    They are few and of low priority, so that the engine's thread waits for few others and gets a core first,
    and they are apart from the threads in which other requests are made ready.
    """
    return ThreadPoolExecutor(WORKERS, "ponder-compile", initializer=_give_way)


def _give_way() -> None:
    """Lower this thread's priority, where threads have one of their own; what it starts gets the same."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # a system may forbid it
            os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
