"""How long the first answer takes, and where the time goes.

    python benchmarks/scripts/cold_start.py [RUNS]

Runs each command in turn, RUNS times over, so that a slow minute of the machine hits all of them, and
writes medians to benchmarks/results/cold_start.json. The model must have been pulled.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from machine import write_result

PONDER = [sys.executable, "-m", "ponder"]
COMMANDS = {
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "ponder --help": [*PONDER, "--help"],
    "ponder models list": [*PONDER, "models", "list"],
    "ponder run --max-tokens 1 hi": [*PONDER, "run", "--max-tokens", "1", "hi"],
}
PHASES = """
import json, time
start = last = time.perf_counter()
laps = {}
def lap(name):
    global last
    laps[name], last = time.perf_counter() - last, time.perf_counter()
import ponder.cli.main; lap("import the command line")
import torch; lap("import torch")
import ponder.lm; lap("import ponder.lm")
from ponder.checkpoints import open_checkpoint
checkpoint = open_checkpoint("smollm2-135m"); lap("read the GGUF header")
from ponder.text import build_tokenizer
build_tokenizer(checkpoint.vocabulary, checkpoint.special); lap("build the tokenizer")
from ponder.models import load_transformer
load_transformer(checkpoint, torch.device("cpu")); lap("repack the weights")
lm = ponder.lm.load(); last = time.perf_counter()
lm("hi", max_tokens=1); lap("prompt and first token")
print(json.dumps(laps))
"""


def seconds(command: list[str]) -> float:
    """Run a command and return how long it took by the clock."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main(runs: int) -> None:
    """Measure and write the results."""
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    phases: list[dict[str, float]] = []
    environment = {**os.environ, "GOMP_SPINCOUNT": "10000"}
    for _ in range(runs + 1):  # the first is a warm-up
        for name, command in COMMANDS.items():
            took[name].append(seconds(command))
        done = subprocess.run(
            [sys.executable, "-c", PHASES], check=True, capture_output=True, text=True, env=environment
        )
        phases.append(json.loads(done.stdout))
    write_result(
        "cold_start",
        ("ponder", "torch", "tokenizers", "gguf", "numpy"),
        {
            "runs": runs,
            "seconds": {
                name: {
                    "median": statistics.median(values[1:]),
                    "min": min(values[1:]),
                    "max": max(values[1:]),
                }
                for name, values in took.items()
            },
            "phases": {name: statistics.median(lap[name] for lap in phases[1:]) for name in phases[0]},
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
