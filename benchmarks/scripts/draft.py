"""What a draft model gains: an unquantised model that its own quantised weights guess for.

    python benchmarks/scripts/draft.py MODEL_DIR [REPEATS]

MODEL_DIR is the default model in bfloat16 (benchmarks/scripts/export_hf.py); the draft model is the default
model as it comes, in 4 and 8 bits. Three prompts grow 96 tokens each, one after another, at temperature 0 and
0.8, without a draft and with 1 to 8 guesses at once. Every text must be that without speculation. All
settings are run in turn, REPEATS times over; a speed-up is the median of the ratios of seconds.

Then eight prompts at once, at temperature 0: their texts are drafted together, and so many rows are allowed
that each may have its guesses (`speculation_rows`).
"""

import asyncio
import os
import statistics
import sys
import time
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

import ponder
from machine import write_result
from ponder.decoders import Sample
from ponder.engine import EngineLimits
from ponder.hub.registry import DEFAULT_MODEL

PROMPTS = (
    "Write a story about a lighthouse keeper.",
    "Explain why the sky is blue.",
    "Give me a recipe for pancakes.",
)
GUESSES, TOKENS, THREADS = (1, 2, 3, 4, 6, 8), 96, 2
AT_ONCE, GUESSES_AT_ONCE = 8, (1, 2, 3)


def written(lm: ponder.LM, guesses: int, temperature: float) -> tuple[float, float, list[str]]:
    """Return the seconds that the texts take, the share of guesses that were right, and the texts."""
    decoder: Any = ponder.Speculative(ponder.DraftModel(guesses)) if guesses else Sample()
    options = {"max_tokens": TOKENS, "ignore_eos": True, "temperature": temperature, "seed": 1}
    start = time.perf_counter()
    answers = [lm(prompt, decoder=decoder, **options) for prompt in PROMPTS]
    seconds = time.perf_counter() - start
    proposed = sum(answer.usage.proposed_tokens for answer in answers)
    accepted = sum(answer.usage.accepted_tokens for answer in answers)
    return seconds, accepted / max(proposed, 1), [answer.text for answer in answers]


def written_at_once(lm: ponder.LM, guesses: int) -> tuple[float, float, list[str]]:
    """Do `written` for eight prompts at once."""
    decoder: Any = ponder.Speculative(ponder.DraftModel(guesses)) if guesses else None
    options = {"max_tokens": TOKENS, "ignore_eos": True, "temperature": 0.0, "decoder": decoder}
    prompts = [f"{PROMPTS[i % len(PROMPTS)]} Number {i}." for i in range(AT_ONCE)]

    async def all_of_them() -> list[ponder.Completion]:
        return list(await asyncio.gather(*(lm.agenerate(prompt, **options) for prompt in prompts)))

    start = time.perf_counter()
    answers = asyncio.run(all_of_them())
    seconds = time.perf_counter() - start
    proposed = sum(answer.usage.proposed_tokens for answer in answers)
    accepted = sum(answer.usage.accepted_tokens for answer in answers)
    return seconds, accepted / max(proposed, 1), [answer.text for answer in answers]


def measure_at_once(lm: ponder.LM, repeats: int) -> dict[str, Any]:
    """Return the figures of eight requests at once."""
    runs: dict[int, list[tuple[float, float, list[str]]]] = {one: [] for one in (0, *GUESSES_AT_ONCE)}
    for repeat in range(-1, repeats):
        for guesses, own in runs.items():
            run = written_at_once(lm, guesses)
            own += [run] if repeat >= 0 else []
            assert not runs[0] or run[2] == runs[0][0][2], "speculation changed a text"
    return {
        f"{guesses} guesses": {
            "seconds": [run[0] for run in own],
            "accepted": own[0][1],
            "speed_up": statistics.median(a[0] / b[0] for a, b in zip(runs[0], own, strict=True)),
        }
        for guesses, own in runs.items()
    }


def main(folder: str, repeats: int) -> None:
    """Measure and write the results."""
    torch.set_num_threads(THREADS)
    limits = EngineLimits(speculation_rows=AT_ONCE * (1 + max(GUESSES_AT_ONCE)))
    lm = ponder.load(folder, device="cpu", draft=DEFAULT_MODEL, limits=limits)
    settings = [(temperature, guesses) for temperature in (0.0, 0.8) for guesses in (0, *GUESSES)]
    texts = {temperature: written(lm, 0, temperature)[2] for temperature in (0.0, 0.8)}
    runs: dict[tuple[float, int], list[tuple[float, float, list[str]]]] = {one: [] for one in settings}
    for repeat in range(-1, repeats):  # the first is to warm up
        for temperature, guesses in settings:
            run = written(lm, guesses, temperature)
            assert run[2] == texts[temperature], "speculation changed a text"
            if repeat >= 0:
                runs[temperature, guesses].append(run)
    write_result(
        "draft",
        ("ponder", "torch"),
        {
            "what": f"{DEFAULT_MODEL} in bfloat16, drafted by itself in 4 and 8 bits; {TOKENS} tokens a text",
            "threads": THREADS,
            "repeats": repeats,
            f"{AT_ONCE} at once, temperature 0": measure_at_once(lm, repeats),
            "settings": {
                f"temperature {temperature:g}, {guesses} guesses": {
                    "seconds": [run[0] for run in runs[temperature, guesses]],
                    "accepted": runs[temperature, guesses][0][1],
                    "speed_up": statistics.median(
                        plain[0] / run[0]
                        for plain, run in zip(runs[temperature, 0], runs[temperature, guesses], strict=True)
                    ),
                }
                for temperature, guesses in settings
            },
        },
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
