"""The child's side of every `PeerProcess`; standard library only, so that it runs under any interpreter.

Run as `python serve.py WORKER`. A worker is a Python file with a function `load(**options)`, which returns a
system; all other calls are methods of that system, and every answer is a dict. Requests and answers are JSON,
one object a line: `{"call": …, "arguments": …}` and `{"result": …}`, `{"missing": …}` for a package that is
not there, or `{"error": …}`. Between requests the process waits for its standard input and does nothing; it
ends when that does. What libraries print goes to standard error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

_PR_SET_PDEATHSIG = 1


def load(path: str) -> ModuleType:
    """Import a file by its path."""
    spec = spec_from_file_location("worker", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Answer requests until stdin ends."""
    if sys.platform == "linux":  # in the middle of a turn nobody reads stdin
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    target: Any = load(sys.argv[1])
    for line in iter(requests.readline, ""):
        request = json.loads(line)
        try:
            result = getattr(target, request["call"])(**request["arguments"])
            if request["call"] == "load":
                target, result = result, {}
            answer = {"result": result}
        except ImportError as error:
            answer = {"missing": str(error)}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
