"""What is done to a row of logits before the temperature: penalties, bias, tokens that may not come yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch

FORBIDDING_BIAS = -100.0


def penalise_repetition(logits: torch.Tensor, seen: Sequence[int], penalty: float) -> None:
    """Divide the positive and multiply the negative logits of `seen` tokens (CTRL, arXiv 1909.05858).

    `logits` [V] is changed in place, like in every function here.
    """
    ids = torch.tensor(sorted(set(seen)), dtype=torch.int64, device=logits.device)
    values = logits[ids]
    bounds = torch.finfo(logits.dtype)
    penalty = min(max(penalty, bounds.tiny), bounds.max)  # 0 and infinity would make NaN of some logits
    logits[ids] = torch.where(values > 0, values / penalty, values * penalty)


def penalise_counts(logits: torch.Tensor, output: Sequence[int], frequency: float, presence: float) -> None:
    """Subtract frequency * count + presence from tokens that occur in the output (OpenAI's rule; as vLLM)."""
    counts = Counter(output)
    ids = torch.tensor(list(counts), dtype=torch.int64, device=logits.device)
    times = torch.tensor(list(counts.values()), dtype=logits.dtype, device=logits.device)
    logits[ids] -= frequency * times + presence


def add_bias(logits: torch.Tensor, bias: Mapping[int, float]) -> None:
    """Add each token's bias; -100 or less forbids the token (OpenAI's documented effect, made exact).

    `logits` may be rows, [R, V].
    """
    if bias:
        ids = torch.tensor(list(bias), dtype=torch.int64, device=logits.device)
        largest = torch.finfo(logits.dtype).max  # infinity would make NaN of a forbidden token
        added = [min(value, largest) if value > FORBIDDING_BIAS else -torch.inf for value in bias.values()]
        change = torch.tensor(added, dtype=logits.dtype, device=logits.device)
        logits[..., ids] = torch.where(change.isneginf(), change, logits[..., ids] + change)


def forbid(logits: torch.Tensor, tokens: Sequence[int]) -> None:
    """Make tokens impossible."""
    if tokens:
        logits[torch.tensor(tokens, dtype=torch.int64, device=logits.device)] = -torch.inf


def forbid_repeated_ngrams(logits: torch.Tensor, seen: Sequence[int], size: int) -> None:
    """Forbid the tokens that would make an n-gram of `size` that `seen` has already (as transformers)."""
    if len(seen) + 1 < size:
        return
    text = list(seen)
    # Before each token stands a beginning of the text; the first one's is empty.
    before = (0, *common_suffixes(text))
    forbid(logits, [token for token, length in zip(text, before, strict=False) if length >= size - 1])


def bias_sequences(logits: torch.Tensor, seen: Sequence[int], bias: Mapping[tuple[int, ...], float]) -> None:
    """Add a sequence's bias to its last token where `seen` ends with those before it (as transformers)."""
    text = list(seen)
    for (*start, token), value in bias.items():
        if not start or text[-len(start) :] == start:
            add_bias(logits, {token: value})


def penalise_continued_repeats(
    logits: torch.Tensor,
    seen: Sequence[int],
    breakers: frozenset[int],
    *,
    multiplier: float,
    base: float,
    allowed_length: int,
) -> None:
    """Subtract multiplier * base ** (length - allowed_length) from tokens that would go on with a repetition.

    `length` is how many tokens before the coming one repeat what stands before an earlier occurrence of it; a
    breaker ends a repetition (DRY, p-e-w, text-generation-webui #5677; lengths as llama.cpp counts them).
    """
    text = list(seen)
    since = next((i for i, token in enumerate(reversed(text)) if token in breakers), len(text))
    repeats = common_suffixes(text)
    longest: dict[int, int] = {}
    for end in range(len(text) - 1):
        token, length = text[end + 1], min(repeats[end], since)
        if length >= allowed_length and token not in breakers:
            longest[token] = max(longest.get(token, 0), length)
    if longest:
        ids = torch.tensor(list(longest), dtype=torch.int64, device=logits.device)
        largest = torch.finfo(logits.dtype).max
        penalties = [
            _power(multiplier, base, length - allowed_length, largest) for length in longest.values()
        ]
        logits[ids] -= torch.tensor(penalties, dtype=logits.dtype, device=logits.device)


def _power(multiplier: float, base: float, exponent: int, largest: float) -> float:
    try:
        return min(multiplier * base**exponent, largest)
    except OverflowError:
        return largest


def common_suffixes(text: Sequence[int]) -> list[int]:
    """Return for each i how many tokens text[: i + 1] and the whole text have in common at their ends.

    The Z algorithm on the reversed text: linear in its length.
    """
    reverse = text[::-1]
    size = len(reverse)
    lengths = [0] * size
    left = right = 0
    for i in range(1, size):
        length = min(right - i, lengths[i - left]) if i < right else 0
        while i + length < size and reverse[length] == reverse[i + length]:
            length += 1
        lengths[i] = length
        if i + length > right:
            left, right = i, i + length
    return lengths[::-1]
