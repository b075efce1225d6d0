"""Two runs that `ponder run --json` wrote: where they part, by how much, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ponder.errors import ParameterError

MAX_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place at which two runs differ.

    Attributes
    ----------
    output, position : which text, and which of its tokens.
    tokens : what each run has there; None where it has ended.
    margin : the raw log-probability of the first run's token over that of the second's, in a run that names
        both (`--top-logprobs` makes it); None where neither does.
    cause : "model", "prompt", "seed", "parameters", or "arithmetic" where all of these agree.
    differing : the names of the parameters that are not the same.
    """

    output: int
    position: int
    tokens: tuple[str | None, str | None]
    margin: float | None
    cause: str
    differing: tuple[str, ...]

    def sentence(self) -> str:
        """Say it in a sentence."""
        first, second = ("its end" if token is None else repr(token) for token in self.tokens)
        margin = "" if self.margin is None else f", a margin of {self.margin:.4f} nats"
        names = f" ({', '.join(self.differing)})" if self.differing else ""
        where = f"output {self.output}, token {self.position}"
        return f"they part at {where}: {first} and {second}{margin}; cause: {self.cause}{names}"


def read_run(path: Path) -> dict[str, Any]:
    """Read what `ponder run --json` wrote. Raises ParameterError for anything else."""
    wanted = "a file that ponder run --json wrote"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ParameterError("runs", str(path), f"{wanted}, under {MAX_BYTES} bytes")
        run = json.loads(path.read_text(encoding="utf-8"))
        for output in run["outputs"]:
            for token in output["tokens"]:
                _ = token["id"] + 0, token["text"] + "", token["logprob"] + 0.0
                _ = [one["id"] + one["logprob"] for one in token.get("top", [])]
        _ = run["model"] + run["prompt"], run["params"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ParameterError("runs", str(path), wanted) from None
    return dict(run)


def first_divergence(first: dict[str, Any], second: dict[str, Any]) -> Divergence | None:
    """Return where two runs part; None where all their tokens are the same."""
    cause, differing = _cause(first, second)
    outputs = max(len(first["outputs"]), len(second["outputs"]))
    for output in range(outputs):
        mine, others = _tokens(first, output), _tokens(second, output)
        for position in range(max(len(mine), len(others))):
            one, other = mine[position : position + 1], others[position : position + 1]
            if [token["id"] for token in one] != [token["id"] for token in other]:
                texts = (one[0]["text"] if one else None, other[0]["text"] if other else None)
                margin = _margin(one[0], other[0]) if one and other else None
                return Divergence(output, position, texts, margin, cause, differing)
    return None


def _tokens(run: dict[str, Any], output: int) -> list[dict[str, Any]]:
    outputs = run["outputs"]
    return list(outputs[output]["tokens"]) if output < len(outputs) else []


def _margin(one: dict[str, Any], other: dict[str, Any]) -> float | None:
    for token, missing, sign in ((one, other, 1.0), (other, one, -1.0)):
        for alternative in token.get("top", []):
            if alternative["id"] == missing["id"]:
                return float(sign * (token["logprob"] - alternative["logprob"]))
    return None


def _cause(first: dict[str, Any], second: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    for name in ("model", "prompt"):
        if first[name] != second[name]:
            return name, ()
    ours, theirs = first["params"], second["params"]
    names = tuple(sorted(name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)))
    values = tuple(name for name in names if _value(ours.get(name)) != _value(theirs.get(name)))
    if not values:
        return "arithmetic", ()
    return ("seed", ()) if values == ("seed",) else ("parameters", values)


def _value(param: Any) -> Any:
    return param.get("value") if isinstance(param, dict) else param
