"""POST /ponder/v1/distribution: what there is to choose from next, and what each system keeps of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ponder.asks import Grow, Logits, Path, Read, Record, Tokens, fronts
from ponder.errors import ParameterError, UnsupportedError
from ponder.sampling import SEMANTICS, TraceSettings, resolve_params
from ponder.sampling.distribution import MAX_TOP, TEMPERATURES
from ponder.sampling.explain import Kept, compare
from ponder.sampling.row import Row
from ponder.server.playground.asked import read_path, read_sampling
from ponder.server.playground.protocol import DistributionBody
from ponder.server.served import Served
from ponder.text import TokenIds
from ponder.traces.form import plain
from ponder.traces.record import row_of, spelling

TOP = 50


async def distribution(body: DistributionBody, model: Served) -> dict[str, Any]:
    """Return a row as a trace has it, and for each semantics that is named what it keeps of it.

    Raises
    ------
    PonderError : whatever is wrong with the request.
    """
    top = TOP if body.top is None else body.top
    if not 1 <= top <= MAX_TOP:
        raise ParameterError("top", top, f"a whole number from 1 to {MAX_TOP}")
    sampling, names = read_sampling(body.sampling), _names(body)
    path = await asyncio.to_thread(read_path, body, model)
    record = Record(trace=TraceSettings(top))
    completion = await fronts.agenerate(
        model, Grow(path, {**sampling, "n": 1}, until=Tokens(1), record=record)
    )
    (output,) = completion.outputs
    if not output.traces or output.traces[0].distribution is None:
        raise ParameterError(
            "prefix_token_ids",
            list(path.tokens),
            f"a text that can go on: this one has ended ({output.finish_reason})",
        )
    row = row_of(output.traces[0], output.traces[0].distribution)
    systems = await _systems(path, sampling, names, model) if names else []
    told = {token for kept in systems for token in kept.token_ids[:top]} | {*row.ids}
    tokenizer = model.tokenizer
    return {
        "model": model.name,
        "vocab_size": tokenizer.vocab_size,
        "prompt_tokens": completion.usage.prompt_tokens - len(path.tokens),
        "params": completion.params.as_json(),
        "temperatures": list(TEMPERATURES),
        "row": plain(row),
        "vocabulary": {str(token): plain(spelling(token, tokenizer)) for token in sorted(told)},
        "systems": [_as_json(kept, top) for kept in systems],
    }


def _names(body: DistributionBody) -> Sequence[str]:
    names = body.semantics or ()
    for name in names:
        if name not in tuple(SEMANTICS):
            raise ParameterError("semantics", name, "one of " + ", ".join(SEMANTICS))
    if len(set(names)) < len(names):
        raise ParameterError("semantics", list(names), "each once")
    return names


async def _systems(path: Path, sampling: dict[str, Any], names: Sequence[str], model: Served) -> list[Kept]:
    """Return what `ponder explain` finds: of the model's logits, without constraint or entropy head."""
    if sampling.get("real_temperature"):
        allowed = "left unset with semantics: no entropy head is read there"
        raise ParameterError("sampling.real_temperature", sampling["real_temperature"], allowed)
    if sampling.get("semantics") is not None:
        allowed = "left unset with semantics, which says which are compared"
        raise ParameterError("sampling.semantics", sampling["semantics"], allowed)
    assert isinstance(path.prompt, TokenIds), "it is encoded"
    reading = await fronts.aread(model, Read(path, at="last", of=Logits()))
    if reading.rows is None:
        raise UnsupportedError(f"{model.name} does not tell its logits")
    import torch

    breakers = model.tokenizer.containing(resolve_params(sampling, {}).params.dry_sequence_breakers)
    row = Row(0, path.prompt.ids, path.tokens, breakers=breakers)
    return await asyncio.to_thread(compare, torch.from_numpy(reading.rows[0]), row, sampling, names)


def _as_json(kept: Kept, top: int) -> dict[str, Any]:
    """Return what a semantics keeps: how many, and the likeliest of them."""
    told = asdict(kept)
    return {
        **told,
        "kept": len(kept.token_ids),
        "token_ids": list(kept.token_ids[:top]),
        "probs": list(kept.probs[:top]),
    }
