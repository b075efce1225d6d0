"""Results as the JSON that commands print."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ponder.traces.described import described_params

if TYPE_CHECKING:
    from ponder.asks import Completion, Grow, Output
    from ponder.sampling import ResolvedParams
    from ponder.text import Tokenizer


def print_json(value: Any) -> None:
    """Print one object on one line of stdout."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)


def completion_json(completion: Completion, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return what `ponder run --json` prints."""
    return {
        **request_json(completion.model, completion.prompt, completion.params, completion.request),
        "outputs": [_output_json(output, tokenizer) for output in completion.outputs],
        "usage": asdict(completion.usage),
        "timing": completion.timing.as_json(),
    }


def request_json(model: str, prompt: str, resolved: ResolvedParams, request: Grow) -> dict[str, Any]:
    """Return a request as it applies: model, prompt as the model sees it, parameters and who set them."""
    return {"model": model, "prompt": prompt, "params": described_params(resolved, request)}


def _output_json(output: Output, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "text": output.text,
        "token_ids": list(output.token_ids),
        "lineage": [list(pair) for pair in output.lineage],
        "finish_reason": output.finish_reason,
        "logprob": output.logprob,
        "score": output.score,
        **({} if output.inclusion is None else {"inclusion": output.inclusion}),
        **_weight_json(output),
        **output.constrained_json(),
        "tokens": [
            {
                "id": trace.token_id,
                "text": token_json(trace.token_id, tokenizer),
                "logprob": trace.logprob,
                "tempered_logprob": trace.tempered_logprob,
                "truncated_logprob": trace.truncated_logprob,
                "entropy": trace.entropy,
                "rank": trace.rank,
                "kept": trace.kept,
                "kept_mass": trace.kept_mass,
                **({"top": [_alternative(*pair, tokenizer) for pair in trace.top]} if trace.top else {}),
            }
            for trace in output.traces
        ],
    }


def _weight_json(output: Output) -> dict[str, Any]:
    """Return what faithful sampling says of a text; a weight of 0 has no logarithm."""
    if output.log_weight is None:
        return {}
    weight = output.log_weight if math.isfinite(output.log_weight) else None
    return {"log_weight": weight, **({} if output.passes is None else {"passes": output.passes})}


def constrained_line(completion: Completion) -> str:
    """Return one line on what a constraint did to an answer's texts; empty where it changed nothing."""
    told = [output.constrained for output in completion.outputs if output.constrained is not None]
    bound: dict[str, int] = {}
    for one in told:
        for name, times in one.as_json()["bound"].items():
            bound[name] = bound.get(name, 0) + times
    said = [f"{name} forbade the likeliest token {times} times" for name, times in bound.items() if times]
    refused = sum(one.refused + one.late for one in told)
    given_up, rewinds = sum(one.given_up for one in told), sum(one.rewinds for one in told)
    said += [f"{refused} tokens were refused"] if refused else []
    said += [f"{given_up} tokens were given up in {rewinds} rewinds"] if rewinds else []
    return "; ".join(said)


def _alternative(token_id: int, logprob: float, tokenizer: Tokenizer) -> dict[str, Any]:
    return {"id": token_id, "text": token_json(token_id, tokenizer), "logprob": logprob}


def token_json(token_id: int, tokenizer: Tokenizer) -> str:
    r"""Return a token's text, control tokens by name, bytes of a part of a character as \xNN."""
    return tokenizer.token_bytes(token_id, skip_special=False).decode("utf-8", "backslashreplace")
