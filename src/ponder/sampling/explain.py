"""What each system would keep of one distribution, and where and why they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams, resolve_params
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions
from ponder.sampling.semantics import SEMANTICS


@dataclass(frozen=True, slots=True)
class Difference:
    """The likeliest token that one semantics keeps and the other does not.

    `cause` is "tie" where a token of the same probability is treated otherwise, "order" where the other order
    of steps explains it, else "boundary".
    """

    token_id: int
    kept: bool
    cause: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What a semantics makes of a row: ids by falling probability, what they are drawn with, how it differs.

    `refused` says why it cannot: it has no such step, or does not allow the value.
    """

    semantics: str
    token_ids: tuple[int, ...] = ()
    probs: tuple[float, ...] = ()
    entropy: float = 0.0
    difference: Difference | None = None
    refused: str | None = None


def compare(
    logits: torch.Tensor, row: Row, values: Mapping[str, Any], names: Sequence[str] = tuple(SEMANTICS)
) -> list[Kept]:
    """Apply parameters under several semantics to one row of logits, [V]; others are compared with the first.

    Parameters
    ----------
    values : sampling parameters without `semantics`, as a caller gives them.
    """
    results: list[Kept] = []
    base: Kept | None = None
    for name in names:
        try:
            params = settled(values, name)
        except ParameterError as error:
            results.append(Kept(name, refused=str(error)))
            continue
        kept = _keep(logits, row, params)
        if base is None:
            base = kept
        elif set(base.token_ids) != set(kept.token_ids):
            kept = _with_difference(logits, row, params, base, kept)
        results.append(kept)
    return results


def settled(values: Mapping[str, Any], semantics: str) -> SamplingParams:
    """Return the parameters as a semantics has them. Raises ParameterError where it does not."""
    return resolve_params({**values, "semantics": semantics, "seed": values.get("seed", 0)}, {}).params


def _keep(logits: torch.Tensor, row: Row, params: SamplingParams) -> Kept:
    _, truncated, _ = distributions(logits[None], [row], params)
    ids = truncated[0].sort(descending=True, stable=True).indices[: int((truncated[0] > 0).sum())]
    probs = truncated[0][ids]
    entropy = float(-(probs.double() * probs.double().log()).sum())
    return Kept(params.semantics, tuple(ids.tolist()), tuple(probs.tolist()), entropy)


def _with_difference(logits: torch.Tensor, row: Row, params: SamplingParams, base: Kept, kept: Kept) -> Kept:
    raw = logits.double()
    apart = sorted(set(base.token_ids) ^ set(kept.token_ids), key=lambda token: (-float(raw[token]), token))
    token = apart[0]
    mine, others = set(kept.token_ids), set(base.token_ids)
    same = (raw == raw[token]).nonzero().flatten().tolist()
    if any((other in mine) != (token in mine) or (other in others) != (token in others) for other in same):
        cause = "tie"
    elif set(_in_order_of(logits, row, params, SEMANTICS[base.semantics].order)) == others:
        cause = "order"
    else:
        cause = "boundary"
    return replace(kept, difference=Difference(token, token in mine, cause))


def _in_order_of(
    logits: torch.Tensor, row: Row, params: SamplingParams, order: Sequence[str]
) -> tuple[int, ...]:
    """What a semantics would keep if it did its steps in another's order."""
    steps = params.steps()
    if any(step not in order for step in steps):
        return ()
    other = replace(params, order=tuple(step for step in order if step in steps))
    return _keep(logits, row, other).token_ids
