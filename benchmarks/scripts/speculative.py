"""What speculative decoding gains: seconds to write a text with prompt lookup and without.

    python benchmarks/scripts/speculative.py [REPEATS]

The prompts are a passage of benchmarks/data/alice.txt to summarise, to copy with one change and to ask a
question about, and a story to write after no passage at all, in which there is little to look up. The default
model writes 128 tokens at temperature 0, without an end token; the summary also at temperature 0.8, and as 8
requests at once, each with a passage of its own. Prompts are in the cache, so that what is timed is decoding.
Every text must be, token for token, that without speculation. Each repeat runs all settings in turn; the
speed-up is the median of their ratios, and of_best the ratio of the shortest times, which neighbours on the
machine disturb least.
"""

import asyncio
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

import ponder
from machine import write_result
from ponder.decoders import Decoder, PromptLookup, Sample, Speculative

TEXT = (Path(__file__).parents[1] / "data" / "alice.txt").read_text()
PROMPTS = {
    "summary": "Summarise this text in a few sentences.\n\n{passage}",
    "edit": "Repeat this text word for word, but write Mary instead of Alice.\n\n{passage}",
    "question": "{passage}\n\nWhat did the Rabbit take out of its pocket, and what did Alice do then?",
    "story": "Write a story about a lighthouse keeper.",
}
PASSAGE_WORDS, APART = 400, 1000
TOKENS, ROWS = 128, 8
LOOKUPS = (
    *(PromptLookup(tokens, max_ngram=3, min_ngram=2) for tokens in (3, 6, 11)),
    PromptLookup(6, max_ngram=3, min_ngram=1),
)


@dataclass(frozen=True)
class Case:
    """What is written: a prompt, a temperature, and how many requests at once."""

    prompt: str
    temperature: float
    rows: int = 1

    def __str__(self) -> str:
        return f"{self.prompt}, temperature {self.temperature:g}, {self.rows} at once"


@dataclass(frozen=True)
class Run:
    """One setting's texts, seconds, and guesses."""

    texts: list[tuple[int, ...]]
    seconds: float
    proposed: int
    accepted: int


CASES = [*(Case(prompt, 0.0) for prompt in PROMPTS), Case("summary", 0.8), Case("summary", 0.0, ROWS)]


def prompt_of(case: Case, row: int) -> str:
    """Return a row's prompt, with a passage of its own."""
    words = TEXT.split()[row * APART :][:PASSAGE_WORDS]
    return PROMPTS[case.prompt].format(passage=" ".join(words))


def run(lm: ponder.LM, case: Case, decoder: Decoder) -> Run:
    """Write a case's texts."""
    options = {"temperature": case.temperature, "max_tokens": TOKENS, "ignore_eos": True, "decoder": decoder}

    async def ask() -> list[ponder.Completion]:
        return await asyncio.gather(
            *(lm.generate(prompt_of(case, row), seed=row, **options) for row in range(case.rows))
        )

    start = time.perf_counter()
    answers = asyncio.run(ask())
    seconds = time.perf_counter() - start
    return Run(
        [answer.outputs[0].token_ids for answer in answers],
        seconds,
        sum(answer.usage.proposed_tokens for answer in answers),
        sum(answer.usage.accepted_tokens for answer in answers),
    )


def name(decoder: Decoder) -> str:
    """Call a setting by its numbers."""
    if not isinstance(decoder, Speculative):
        return "plain"
    draft = decoder.draft
    assert isinstance(draft, PromptLookup)
    return f"{draft.tokens} tokens, n-grams of {draft.min_ngram} to {draft.max_ngram}"


def figures(plain: list[Run], guessed: list[Run]) -> dict[str, float]:
    """Summarise a setting's repeats beside those without speculation."""
    speedups = [a.seconds / b.seconds for a, b in zip(plain, guessed, strict=True)]
    proposed, accepted = guessed[0].proposed, guessed[0].accepted
    tokens = sum(map(len, guessed[0].texts))
    return {
        "seconds": round(statistics.median(r.seconds for r in guessed), 4),
        "speed_up": round(statistics.median(speedups), 3),
        "speed_up_least": round(min(speedups), 3),
        "speed_up_most": round(max(speedups), 3),
        "speed_up_of_best": round(min(r.seconds for r in plain) / min(r.seconds for r in guessed), 3),
        "proposed_tokens": proposed,
        "accepted_tokens": accepted,
        "accepted_share": round(accepted / proposed, 3) if proposed else 0.0,
        "tokens_per_row_and_step": round(tokens / (tokens - accepted), 3),
    }


def main(repeats: int) -> None:
    """Measure and write the results."""
    torch.set_num_threads(2)
    lm = ponder.load(device="cpu")
    decoders: list[Decoder] = [Sample(), *(Speculative(lookup) for lookup in LOOKUPS)]
    runs: dict[tuple[Case, str], list[Run]] = {}
    for repeat in range(repeats + 1):  # the first is a warm-up
        for case in CASES:
            for decoder in decoders:
                done = run(lm, case, decoder)
                if repeat:
                    runs.setdefault((case, name(decoder)), []).append(done)
                assert done.texts == runs.get((case, "plain"), [done])[0].texts, "speculation changed a text"
    found = {
        str(case): {
            name(decoder): figures(runs[case, "plain"], runs[case, name(decoder)]) for decoder in decoders
        }
        for case in CASES
    }
    write_result(
        "speculative",
        ("ponder", "torch"),
        {
            "what": f"{lm.name}, {TOKENS} tokens after a cached prompt, prompt lookup against plain sampling",
            "repeats": repeats,
            "threads": torch.get_num_threads(),
            "cases": found,
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
