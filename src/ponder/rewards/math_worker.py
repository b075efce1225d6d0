"""The child process that compares mathematical answers; `equality.py` starts it and says why it exists.

Run as `python -I -S math_worker.py LIMITS FOLDER...` with the limits as JSON and the folders that hold
math_verify and what it imports. Reads `{"gold": ..., "answer": ...}` from stdin and writes `{"equal": ...}`
to stdout, one JSON object a line, and once `{}` when it is ready. Ends when stdin does.
"""

from __future__ import annotations

import json
import signal
import sys

if __name__ == "__main__":
    sys.path += sys.argv[2:]

from math_verify import LatexExtractionConfig, parse, verify


def equal(gold: str, answer: str) -> bool:
    """Ask math-verify, without its own time limits: the process is bounded as a whole."""
    latex = [LatexExtractionConfig()]
    expected, given = (parse(f"${text}$", latex, parsing_timeout=0) for text in (gold, answer))
    return bool(expected) and bool(given) and bool(verify(expected, given, timeout_seconds=0))


def confine(memory_bytes: int) -> None:
    """Bound memory; does nothing where the system has no such limit."""
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    allowed = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))


def bound_cpu(seconds: float) -> None:
    """End this process, even inside a C function, after so much CPU time; 0 means no bound."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def main() -> None:
    """Serve comparisons until stdin ends."""
    limits = json.loads(sys.argv[1])
    equal("x", "x+0")  # loads what math-verify loads on first use
    confine(limits["memory_bytes"])
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        bound_cpu(limits["cpu_seconds"])
        try:
            answer = equal(request["gold"], request["answer"])
        except Exception:
            answer = False
        bound_cpu(0)
        sys.stdout.write(json.dumps({"equal": answer}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
