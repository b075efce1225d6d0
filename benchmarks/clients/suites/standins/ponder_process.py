"""`ponder serve` for tests that start and stop servers: one at a time, kept while its flags fit."""

import atexit
import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import recording

_running: "Running | None" = None


class Running:
    """A server with some flags, until `stop`."""

    def __init__(self, flags: tuple[str, ...]) -> None:
        self.flags = flags
        log = Path(os.environ["PONDER_LOG"])
        with log.open("w") as errors:
            command = [*json.loads(os.environ["PONDER_SERVE"]), "--port", "0", *flags]
            self.process = subprocess.Popen(command, stderr=errors)
        self.url = ""
        while self.process.poll() is None:
            found = re.search(r"^ponder: listening on (\S+)$", log.read_text(), re.MULTILINE)
            if found and self._answers(found[1]):
                self.url = found[1]
                return
            time.sleep(0.1)
        raise RuntimeError(f"ponder serve {' '.join(flags)}: {log.read_text()[-1000:]}")

    def _answers(self, url: str) -> bool:
        try:
            with urllib.request.urlopen(url + "/health", timeout=60):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def url_of(flags: tuple[str, ...]) -> str:
    """Return the URL of a server with these flags: the one that runs, if it has them, else a new one."""
    global _running
    if _running is None or _running.flags != flags or _running.process.poll() is not None:
        stop()
        _running = Running(flags)
    recording.flags[:] = flags
    return _running.url


@atexit.register
def stop() -> None:
    """End the server that runs, if one does."""
    global _running
    if _running is not None:
        _running.stop()
        _running = None
