r"""What it costs to watch how tokens are chosen.

    python benchmarks/scripts/trace_cost.py [--model smollm2-135m] [--rounds 5] [--tokens 64] [--write]

The same texts, of one sample and of eight, are generated without a trace, with one, and with one that is
written as a stream writes it; in turn, so many rounds. Told are medians of processor time a token, in
milliseconds, and the bytes of a token's part of the trace.
"""

import argparse
import json
import statistics
import time

from machine import write_result
from ponder import load
from ponder.asks import fronts
from ponder.lm import LM
from ponder.sampling.distribution import TraceSettings
from ponder.traces.record import Recorder, streamed

SETTINGS = TraceSettings(20, 0.995, 256)  # a server's
PROMPT = "Write a story about a dragon."
WAYS = {"without": (None, False), "traced": (SETTINGS, False), "streamed": (SETTINGS, True)}


def run(lm: LM, n: int, tokens: int, trace: TraceSettings | None, written: bool) -> tuple[float, float]:
    """Return the milliseconds of processor time and the bytes of a token."""
    request = lm.request(
        PROMPT, n=n, seed=1, temperature=0.8, top_p=0.9, max_tokens=tokens, ignore_eos=True, trace=trace
    )
    recorder, size, begin = Recorder(lm.tokenizer), 0, time.process_time()
    for event in fronts.stream(lm.model, request):
        part = streamed(recorder.take(event)) if written else None
        size += len(json.dumps(part)) if part else 0
    return (time.process_time() - begin) * 1000 / (n * tokens), size / (n * tokens)


def main() -> None:
    """Run all, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/trace_cost.json")
    given = parser.parse_args()
    lm = load(given.model)
    result = {}
    for n in (1, 8):
        run(lm, n, given.tokens, None, False)  # warm
        rounds = [
            {name: run(lm, n, given.tokens, *way) for name, way in WAYS.items()} for _ in range(given.rounds)
        ]
        result[f"{n} texts"] = {
            name: round(statistics.median(one[name][0] for one in rounds), 2) for name in WAYS
        } | {"bytes": round(rounds[0]["streamed"][1])}
    print(json.dumps(result, indent=2))
    if given.write:
        write_result(
            "trace_cost", ("ponder", "numpy", "torch"), vars(given) | {"cpu_ms_a_token": result}, show=False
        )


if __name__ == "__main__":
    main()
