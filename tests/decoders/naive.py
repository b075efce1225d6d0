"""Searches written out plainly over a tiny vocabulary: what the decoders are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from itertools import combinations

import torch

from forward import all_logits
from ponder.engine import Engine

Next = Callable[[tuple[int, ...]], list[float]]
Text = tuple[tuple[int, ...], float]


def next_logprobs(engine: Engine, prompt: Sequence[int]) -> Next:
    """The model as a function: generated tokens -> log-probability of each next one."""

    @cache
    def logprobs(ids: tuple[int, ...]) -> list[float]:
        (logits,) = all_logits(engine.model, [[*prompt, *ids]])
        return torch.log_softmax(logits[-1].double(), dim=-1).tolist()

    return logprobs


def continuations(live: Sequence[Text], model: Next) -> list[tuple[float, int, int]]:
    """(score, beam, token) of all continuations, best first, ties by (beam, token)."""
    found = [
        (score + logprob, beam, token)
        for beam, (ids, score) in enumerate(live)
        for token, logprob in enumerate(model(ids))
    ]
    return sorted(found, key=lambda candidate: (-candidate[0], *candidate[1:]))


def fairseq(model: Next, ends: Collection[int], beams: int, max_tokens: int, penalty: float) -> list[Text]:
    """fairseq's `SequenceGenerator`: the first finished, at the last token only ends."""
    live: list[Text] = [((), 0.0)]
    finalized: list[Text] = []
    for step in range(max_tokens):
        candidates = continuations(live, model)
        if step == max_tokens - 1:
            candidates = [candidate for candidate in candidates if candidate[2] in ends]
        candidates = candidates[: (1 + len(ends)) * beams]
        for score, beam, token in candidates[:beams]:
            if token in ends and len(finalized) < beams:
                finalized.append(((*live[beam][0], token), score / (step + 1) ** penalty))
        if len(finalized) == beams:
            break
        going = [candidate for candidate in candidates if candidate[2] not in ends][:beams]
        live = [((*live[beam][0], token), score) for score, beam, token in going]
    return sorted(finalized, key=lambda text: -text[1])


def vllm(
    model: Next, ends: Collection[int], beams: int, max_tokens: int, penalty: float, prompt_tokens: int
) -> list[Text]:
    """vLLM's `LLM.beam_search`: of each beam's 2 * beams likeliest tokens, every end completes a text.

    That is with its one end token; with more, so many more tokens are looked at.
    """
    likely = max(2, 1 + len(ends)) * beams
    live: list[Text] = [((), 0.0)]
    completed: list[Text] = []
    for _ in range(max_tokens):
        going: list[Text] = []
        for ids, score in live:
            logprobs = model(ids)
            for token in sorted(range(len(logprobs)), key=lambda t: (-logprobs[t], t))[:likely]:
                (completed if token in ends else going).append(((*ids, token), score + logprobs[token]))
        live = sorted(going, key=lambda text: -text[1])[:beams]
        if not live:
            break

    def ranked(text: Text) -> float:
        length = prompt_tokens + len(text[0]) - (text[0][-1] in ends)
        return text[1] / max(length, 1) ** penalty

    best = sorted([*completed, *live], key=ranked, reverse=True)[:beams]
    return [(text[0], ranked(text)) for text in best]


def diverse(
    model: Next,
    ends: Collection[int],
    beams: int,
    groups: int,
    diversity: float,
    max_tokens: int,
    penalty: float,
    early_stopping: bool | str,
) -> list[Text]:
    """transformers 4's `_group_beam_search` and `BeamSearchScorer`; finished groups are not padded."""
    size = beams // groups
    live: list[list[Text]] = [[((), 0.0)] for _ in range(groups)]
    hypotheses: list[list[Text]] = [[] for _ in range(groups)]
    done = [False] * groups

    def add(group: int, ids: tuple[int, ...], score: float) -> None:
        hypotheses[group].append((ids, score / len(ids) ** penalty))
        hypotheses[group].sort(key=lambda text: -text[1])
        del hypotheses[group][size:]

    for step in range(max_tokens):
        taken: Counter[int] = Counter()
        for group in range(groups):
            if done[group]:
                continue

            def penalised(ids: tuple[int, ...], taken: Counter[int] = taken) -> list[float]:
                return [lp - diversity * taken[token] for token, lp in enumerate(model(ids))]

            candidates = continuations(live[group], penalised)[: (1 + len(ends)) * size]
            going: list[Text] = []
            for place, (score, beam, token) in enumerate(candidates):
                ids = (*live[group][beam][0], token)
                if token in ends:
                    if place < size:
                        add(group, ids, score)
                else:
                    going.append((ids, score))
                if len(going) == size:
                    break
            live[group] = going
            taken.update(ids[-1] for ids, _ in going)
            if len(hypotheses[group]) == size:
                length = max_tokens if early_stopping == "never" and penalty > 0 else step + 1
                hopeful = candidates[0][0] / length**penalty
                done[group] = early_stopping is True or hypotheses[group][-1][1] >= hopeful
    for group in range(groups):
        if not done[group]:
            for ids, score in live[group]:
                add(group, ids, score)
    return sorted((text for texts in hypotheses for text in texts), key=lambda text: -text[1])


def draw_sets(weights: Sequence[float], count: int) -> Iterator[tuple[frozenset[int], float]]:
    """Every set of `count` things drawn one by one in proportion to their weights, and its probability."""
    possible = [i for i, weight in enumerate(weights) if weight > 0]
    total = sum(weights)
    chances = {frozenset[int](): 1.0}
    for drawn in range(min(count, len(possible))):
        grown: dict[frozenset[int], float] = {}
        for chosen in map(frozenset, combinations(possible, drawn)):
            left = total - sum(weights[i] for i in chosen)
            for i in possible:
                if i not in chosen:
                    key = chosen | {i}
                    grown[key] = grown.get(key, 0.0) + chances[chosen] * weights[i] / left
        chances = grown
    yield from chances.items()
