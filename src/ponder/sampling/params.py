"""What a caller may ask of a generation, checked, and where each value came from."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Literal

from ponder.errors import ParameterError

MAX_N = 1024
MAX_STOPS = 64
MAX_STOP_CHARACTERS = 4096  # of all stop strings: each is looked for after every token
MAX_TOP_LOGPROBS = 1000

Source = Literal["caller", "checkpoint", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How tokens are chosen and when a generation ends.

    The order is fixed: penalties and bias, constraint, temperature, top-k, top-p, min-p (each
    renormalising), draw. Log-probabilities are natural logs.

    Attributes
    ----------
    temperature : 0 or more; 0 takes the most likely token, ties to the lowest id.
    top_k : keep the k most likely tokens; 0 keeps all.
    top_p : in (0, 1]; keep a token iff the mass strictly ahead of it is < top_p.
    min_p : in [0, 1]; keep a token iff its probability is >= min_p times the largest.
    repetition_penalty : > 0; logits of tokens in prompt or output are divided (positive) or multiplied
        (negative) by it (CTRL, arXiv 1909.05858).
    frequency_penalty, presence_penalty : in [-2, 2]; subtracted from a token's logit per occurrence /
        once if it occurs, in the output (OpenAI).
    logit_bias : token id -> added to its logit; -100 or less forbids the token.
    stop : strings that end the text, which keeps what is before them.
    stop_token_ids : ids that end the text like an end-of-text token.
    min_tokens : end tokens are forbidden, and stop strings ignored, before so many tokens.
    max_tokens : the most tokens to generate.
    n : samples drawn from the prompt.
    seed : same seed, same text, whatever n is or else is running.
    ignore_eos : an end-of-text token does not end the text.
    top_logprobs : how many of the likeliest alternatives each token's trace names.
    include_stop_str_in_output : the text keeps the stop string that ended it (vLLM's name).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    min_tokens: int = 0
    max_tokens: int = 512
    n: int = 1
    seed: int = 0
    ignore_eos: bool = False
    top_logprobs: int = 0
    include_stop_str_in_output: bool = False

    def __post_init__(self) -> None:
        _check_number("temperature", self.temperature, "a finite number, 0 or more", lambda x: x >= 0)
        _check_int("top_k", self.top_k, "a whole number, 0 (off) or more", lambda x: x >= 0)
        _check_number("top_p", self.top_p, "a number over 0 and at most 1", lambda x: 0 < x <= 1)
        _check_number("min_p", self.min_p, "a number from 0 to 1", lambda x: 0 <= x <= 1)
        _check_number(
            "repetition_penalty", self.repetition_penalty, "a finite number over 0", lambda x: x > 0
        )
        for name in ("frequency_penalty", "presence_penalty"):
            _check_number(name, getattr(self, name), "a number from -2 to 2", lambda x: -2 <= x <= 2)
        _check_int("min_tokens", self.min_tokens, "a whole number, 0 or more", lambda x: x >= 0)
        _check_int("max_tokens", self.max_tokens, "a whole number, 1 or more", lambda x: x >= 1)
        _check_int("n", self.n, f"a whole number from 1 to {MAX_N}", lambda x: 1 <= x <= MAX_N)
        _check_int("seed", self.seed, "a whole number from 0 to 2^64-1", lambda x: 0 <= x < 2**64)
        _check_int(
            "top_logprobs",
            self.top_logprobs,
            f"a whole number from 0 to {MAX_TOP_LOGPROBS}",
            lambda x: 0 <= x <= MAX_TOP_LOGPROBS,
        )
        if self.min_tokens > self.max_tokens:
            raise ParameterError(
                "min_tokens", self.min_tokens, f"at most max_tokens, which is {self.max_tokens}"
            )
        for name in ("ignore_eos", "include_stop_str_in_output"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(name, getattr(self, name), "true or false")
        for token, bias in self.logit_bias.items():
            _check_int("logit_bias", token, "keys are token ids", lambda x: x >= 0)
            _check_number(f"logit_bias[{token}]", bias, "a finite number", lambda x: True)
        for token in self.stop_token_ids:
            _check_int("stop_token_ids", token, "token ids", lambda x: x >= 0)
        if len(self.stop) > MAX_STOPS:
            raise ParameterError("stop", f"{len(self.stop)} strings", f"at most {MAX_STOPS}")
        for stop in self.stop:
            if not isinstance(stop, str) or not stop:
                raise ParameterError("stop", stop, "a string that is not empty")
        if sum(map(len, self.stop)) > MAX_STOP_CHARACTERS:
            characters = f"{sum(map(len, self.stop))} characters"
            raise ParameterError("stop", characters, f"at most {MAX_STOP_CHARACTERS} in all")

    def check_vocabulary(self, vocab_size: int) -> None:
        """Raise ParameterError for a token id that the model does not have."""
        for name in ("logit_bias", "stop_token_ids"):
            for token in getattr(self, name):
                if token >= vocab_size:
                    raise ParameterError(name, token, f"token ids from 0 to {vocab_size - 1}")


def _check_number(name: str, value: Any, allowed: str, test: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max or not test(value):
        raise ParameterError(name, value, allowed)


def _check_int(name: str, value: Any, allowed: str, test: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not test(value):
        raise ParameterError(name, value, allowed)


@dataclass(frozen=True, slots=True)
class ResolvedParams:
    """`params` as they apply and, per field, who set it."""

    params: SamplingParams
    sources: Mapping[str, Source]

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return field -> {"value", "from"}."""
        values = ((f.name, getattr(self.params, f.name)) for f in fields(self.params))
        return {name: {"value": _plain(value), "from": self.sources[name]} for name, value in values}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return {str(key): bias for key, bias in value.items()} if isinstance(value, Mapping) else value


def resolve_params(caller: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> ResolvedParams:
    """Combine what the caller set (None means: not set), what the checkpoint recommends, and the defaults.

    A seed nobody set is drawn here, so that the result can name it and be repeated.

    Raises
    ------
    ParameterError : an unknown field or a value that is not allowed.
    """
    known = [f.name for f in fields(SamplingParams)]
    for name in caller:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ParameterError("parameter", name, f"{hint}sampling parameters are " + ", ".join(known))
    given = {name: value for name, value in caller.items() if value is not None}
    recommended = {name: value for name, value in checkpoint.items() if name in known and name not in given}
    values = {**recommended, **{name: _frozen(name, value) for name, value in given.items()}}
    values.setdefault("seed", secrets.randbits(32))
    sources: dict[str, Source] = {
        name: "caller" if name in given else "checkpoint" if name in recommended else "default"
        for name in known
    }
    return ResolvedParams(SamplingParams(**values), sources)


def _frozen(name: str, value: Any) -> Any:
    """Bring the forms callers use (a lone stop string, lists, text keys) to that of `SamplingParams`."""
    if name == "stop" and isinstance(value, str):
        return (value,)
    if name in ("stop", "stop_token_ids"):
        if not isinstance(value, list | tuple):
            raise ParameterError(name, value, "a list")
        return tuple(value)
    if name == "logit_bias":
        if not isinstance(value, Mapping):
            raise ParameterError(name, value, "a mapping from token id to bias")
        return {
            int(key) if isinstance(key, str) and key.isascii() and key.isdecimal() else key: bias
            for key, bias in value.items()
        }
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, Real) and not isinstance(value, bool | int | float) else value
