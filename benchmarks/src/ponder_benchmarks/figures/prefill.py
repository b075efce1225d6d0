"""Prompt tokens a second until the first token, nothing of the prompt cached."""

from __future__ import annotations

from dataclasses import dataclass

from ponder_benchmarks.figures.prompts import prompt_ids
from ponder_benchmarks.figures.result import Result
from ponder_benchmarks.figures.session import Case, Say, Turn, open_session
from ponder_benchmarks.figures.settings import RunSettings, check_counts
from ponder_benchmarks.figures.systems import Room, programs


@dataclass(frozen=True, slots=True)
class PrefillSettings:
    """How long the prompt is."""

    prompt_tokens: int = 1024

    def __post_init__(self) -> None:
        check_counts(self, {"prompt_tokens": 1})


def measure_prefill(run: RunSettings, settings: PrefillSettings, say: Say) -> Result:
    """Measure a prompt, another one in each round, until its last token's logits have given a token.

    Raises
    ------
    PonderError : a system is missing, failed, or did other work than the others.
    """
    length = settings.prompt_tokens
    with open_session(run, programs(run, Room(length + 1, length + 1)), say) as session:

        def turn(number: int) -> Turn:
            prompt = prompt_ids(session.vocab_size, length, run.seed, number)
            return Turn("prefill", {"prompt": prompt}, work={"prompt_tokens": length})

        case = Case(
            name=f"{length} tokens",
            unit="tokens/s",
            higher_is_better=True,
            turn=turn,
            figure=lambda answer: length / answer["seconds"],
        )
        comparisons, _ = session.compare([case], say)
        return session.result("prefill", settings, comparisons)
