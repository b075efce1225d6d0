"""How much of their speed systems keep while another process keeps one core busy.

    python benchmarks/scripts/busy_core.py LLAMA_PYTHON [ROUNDS]

`ponder bench decode` runs in turn on idle cores and beside a process that computes without end. LLAMA_PYTHON
is an interpreter that has llama-cpp-python. Written are each system's tokens a second, and the median over
rounds of what it keeps.
"""

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from machine import write_result
from ponder.kernels import native

BRANCHES = (1, 16)


@contextmanager
def busy_core():
    """Keep a core busy."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def rates(llama_python: str) -> dict[str, float]:
    """Return tokens a second of each system and number of branches, as 'ponder, 16 branches'."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "decode.json"
        command = [sys.executable, "-m", "ponder", "bench", "decode", "--prompt-tokens", "64"]
        command += ["--repeats", "3", "--branches", ",".join(map(str, BRANCHES)), "--out", str(out)]
        command += ["--against", "llama.cpp", "--peer-python", f"llama.cpp={llama_python}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        cases = json.loads(out.read_text())["cases"]
    return {
        f"{system}, {case['case']}": figures["median"]
        for case in cases
        for system, figures in case["systems"].items()
    }


def main(llama_python: str, rounds: int) -> None:
    """Measure and write the results."""
    idle, beside = [], []
    for _ in range(rounds):
        idle.append(rates(llama_python))
        with busy_core():
            beside.append(rates(llama_python))
    write_result(
        "busy_core",
        ("ponder", "torch"),
        {
            "what": "tokens a second on idle cores, and beside a process that keeps one busy",
            "instruction_set": native.instruction_set(),
            "rounds": rounds,
            "cases": {
                name: {
                    "idle": [round(one[name], 1) for one in idle],
                    "beside": [round(one[name], 1) for one in beside],
                    "kept": round(median(b[name] / a[name] for a, b in zip(idle, beside, strict=True)), 3),
                }
                for name in idle[0]
            },
        },
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
