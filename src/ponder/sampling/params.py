"""What a caller may ask of a generation, checked, and where each value came from."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from itertools import combinations
from numbers import Integral, Real
from typing import Any, Literal, NoReturn, TypeVar

from ponder.errors import ParameterError, one_or_all
from ponder.sampling.parameter import SHARE_UNDER_ONE, Range, number, whole
from ponder.sampling.semantics import SEMANTICS
from ponder.sampling.steps import PARAMETERS, STEPS

MAX_N = 1024
MAX_STOPS = 64
MAX_STOP_CHARACTERS = 4096  # of all stop strings: each is looked for after every token
MAX_TOP_LOGPROBS = 2**18  # as many as the largest vocabularies have tokens
MAX_LOGPROB_TOKENS = 128
MAX_BREAKERS = 32
MAX_BREAKER_CHARACTERS = 40
MAX_SEQUENCES = 1000  # that have a bias
MAX_SEQUENCE = 100  # tokens of one

HELP: Mapping[str, str] = {
    **{one.name: one.help for one in PARAMETERS.values()},
    "semantics": f"whose rules apply: {', '.join(SEMANTICS)}",
    "order": "the steps in the order to do them",
    "stop": "end before one of these strings",
    "stop_token_ids": "end at one of these tokens",
    "ignore_eos": "go on after an end-of-text token",
    "include_stop_str_in_output": "keep the stop string that ended the text",
    "skip_special_tokens": "leave control tokens out of the text (default), or write their names",
    "logprob_token_ids": "tokens whose log-probabilities are named, instead of those of the likeliest",
}
"""What the parameters do that are not numbers, which say it themselves, and those of the steps."""

T = TypeVar("T")
Source = Literal["caller", "checkpoint", "default", "resolved"]


def _whole(default: int, allowed: Range, what: str) -> Any:
    """The field of a whole number that no step takes."""
    return whole("", default, allowed, what).field()


def _step_parameter(name: str) -> Any:
    """The field of a step's parameter, which the step describes."""
    return PARAMETERS[name].field()


def _complete(cls: type[T]) -> type[T]:
    """Add a field for each number that a step takes and the class does not declare.

    So a step works without a line in the class; it has one where its parameters should be known to mypy.
    """
    for name, one in PARAMETERS.items():
        if one.type != "other" and name not in cls.__annotations__:
            cls.__annotations__[name] = "int" if one.type == "whole" else "float"
            setattr(cls, name, one.field())
    return cls


@dataclass(frozen=True, slots=True, kw_only=True)
@_complete
class SamplingParams:
    """How tokens are chosen and when a generation ends.

    Fields with metadata are numbers, which say themselves what they do; `docs/sampling.md` is the reference.
    Log-probabilities are natural logs. Values are checked, and those that `semantics` changes are changed
    (a temperature near 0, `penalty_range` if it is not given); so are truncations that have no effect.

    Attributes
    ----------
    logit_bias : token id -> added to its logit; -100 or less forbids the token.
    sequence_bias : token ids -> added to the logit of the last where the text ends with the others.
    dry_sequence_breakers : strings; a token whose text has one ends a repetition.
    semantics : whose rules apply, of `SEMANTICS`.
    order : the steps that are on, in order; None is the order of `semantics`.
    stop : strings that end the text, which keeps what is before them.
    stop_token_ids : ids that end the text like an end-of-text token.
    ignore_eos : an end-of-text token does not end the text.
    include_stop_str_in_output : the text keeps the stop string that ended it (vLLM's name).
    skip_special_tokens : control tokens spell nothing; else the text has their names, but for the token that
        ends it (vLLM's name).
    logprob_token_ids : tokens that each token's trace names as alternatives, in this order, instead of the
        likeliest (vLLM's name).
    """

    temperature: float = _step_parameter("temperature")
    dynatemp_range: float = _step_parameter("dynatemp_range")
    dynatemp_exponent: float = _step_parameter("dynatemp_exponent")
    top_k: int = _step_parameter("top_k")
    top_p: float = _step_parameter("top_p")
    top_p_decay: float = _step_parameter("top_p_decay")
    top_p_floor: float = _step_parameter("top_p_floor")
    real_temperature: float = _step_parameter("real_temperature")
    min_p: float = _step_parameter("min_p")
    typical_p: float = _step_parameter("typical_p")
    epsilon_cutoff: float = _step_parameter("epsilon_cutoff")
    eta_cutoff: float = _step_parameter("eta_cutoff")
    top_a: float = _step_parameter("top_a")
    tfs: float = _step_parameter("tfs")
    top_n_sigma: float = _step_parameter("top_n_sigma")
    top_h: float = _step_parameter("top_h")
    mirostat: int = _step_parameter("mirostat")
    mirostat_tau: float = _step_parameter("mirostat_tau")
    mirostat_eta: float = _step_parameter("mirostat_eta")
    xtc_probability: float = _step_parameter("xtc_probability")
    xtc_threshold: float = _step_parameter("xtc_threshold")
    repetition_penalty: float = _step_parameter("repetition_penalty")
    frequency_penalty: float = _step_parameter("frequency_penalty")
    presence_penalty: float = _step_parameter("presence_penalty")
    penalty_range: int = _step_parameter("penalty_range")
    dry_multiplier: float = _step_parameter("dry_multiplier")
    dry_base: float = _step_parameter("dry_base")
    dry_allowed_length: int = _step_parameter("dry_allowed_length")
    dry_range: int = _step_parameter("dry_range")
    no_repeat_ngram_size: int = _step_parameter("no_repeat_ngram_size")
    min_tokens: int = _whole(0, Range("a whole number, 0 or more", 0), "do not end before so many tokens")
    min_allowed_mass: float = number(
        "", 0.0, SHARE_UNDER_ONE, "go back from where a constraint leaves less of the probability"
    ).field()
    max_tokens: int = _whole(512, Range("a whole number, 1 or more", 1), "the most tokens to generate")
    n: int = _whole(1, Range(f"a whole number from 1 to {MAX_N}", 1, MAX_N), "how many samples")
    seed: int = _whole(
        0,
        Range("a whole number from 0 to 2^64-1", 0, 2**64 - 1),
        "same seed, same text; drawn and reported when unset",
    )
    top_logprobs: int = _whole(
        0,
        Range(f"a whole number from 0 to {MAX_TOP_LOGPROBS}", 0, MAX_TOP_LOGPROBS),
        "how many alternatives each token's trace names",
    )
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    sequence_bias: Mapping[tuple[int, ...], float] = field(default_factory=dict)
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    semantics: str = "ponder"
    order: tuple[str, ...] | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    include_stop_str_in_output: bool = False
    skip_special_tokens: bool = True
    logprob_token_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.semantics not in tuple(SEMANTICS):
            raise ParameterError("semantics", self.semantics, "one of " + ", ".join(SEMANTICS))
        semantics = SEMANTICS[self.semantics]
        if self.penalty_range is None:
            self._change({"penalty_range": semantics.penalty_range})
        for one in fields(self):
            if one.metadata:
                check = _check_int if "whole" in one.metadata else _check_number
                allowed: Range = one.metadata["range"]
                check(one.name, getattr(self, one.name), allowed.allowed, allowed.test)
        if self.min_tokens > self.max_tokens:
            raise ParameterError(
                "min_tokens", self.min_tokens, f"at most max_tokens, which is {self.max_tokens}"
            )
        for name in ("ignore_eos", "include_stop_str_in_output", "skip_special_tokens"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(name, getattr(self, name), "true or false")
        self._check_biases()
        self._check_texts()
        self._check_steps()
        self._change(semantics.settle(self.temperature))
        self._check_steps()
        self._change(self._without_effect())

    def _change(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _without_effect(self) -> dict[str, Any]:
        """Return the defaults of what changes nothing: truncations after a temperature of 0."""
        if self.temperature > 0:
            return {}
        steps = self.steps()
        later = steps[steps.index("temperature") + 1 :]
        idle = [STEPS[step] for step in later if STEPS[step].kind == "truncation"]
        return {name: _DEFAULTS[name] for step in idle for name in (*step.switches, *step.knobs)}

    def _check_biases(self) -> None:
        wrong = [token for token in self.logit_bias if not _is_id(token)]
        if wrong:
            raise ParameterError("logit_bias", one_or_all(wrong), "keys are token ids")
        odd = {token: bias for token, bias in self.logit_bias.items() if not _is_finite(bias)}
        if odd:
            where = f"[{next(iter(odd))}]" if len(odd) == 1 else ""
            shown = odd if len(odd) > 1 else next(iter(odd.values()))
            raise ParameterError(
                f"logit_bias{where}", shown, "finite numbers" if len(odd) > 1 else "a finite number"
            )
        if len(self.sequence_bias) > MAX_SEQUENCES:
            raise ParameterError(
                "sequence_bias", f"{len(self.sequence_bias)} sequences", f"at most {MAX_SEQUENCES}"
            )
        for sequence, bias in self.sequence_bias.items():
            if not isinstance(sequence, tuple) or not 1 <= len(sequence) <= MAX_SEQUENCE:
                raise ParameterError("sequence_bias", sequence, f"keys are 1 to {MAX_SEQUENCE} token ids")
            for token in sequence:
                _check_int("sequence_bias", token, "keys are token ids", lambda x: x >= 0)
            _check_number(f"sequence_bias[{sequence}]", bias, "a finite number", lambda x: True)
        for name in ("stop_token_ids", "logprob_token_ids"):
            for token in getattr(self, name):
                _check_int(name, token, "token ids", lambda x: x >= 0)
        if len(self.logprob_token_ids) > MAX_LOGPROB_TOKENS:
            given = f"{len(self.logprob_token_ids)} token ids"
            raise ParameterError("logprob_token_ids", given, f"at most {MAX_LOGPROB_TOKENS}")

    def _check_texts(self) -> None:
        for name, most, characters in (
            ("stop", MAX_STOPS, MAX_STOP_CHARACTERS),
            ("dry_sequence_breakers", MAX_BREAKERS, MAX_BREAKERS * MAX_BREAKER_CHARACTERS),
        ):
            texts = getattr(self, name)
            if len(texts) > most:
                raise ParameterError(name, f"{len(texts)} strings", f"at most {most}")
            for text in texts:
                if not isinstance(text, str) or not text:
                    raise ParameterError(name, text, "a string that is not empty")
            if sum(map(len, texts)) > characters:
                raise ParameterError(
                    name, f"{sum(map(len, texts))} characters", f"at most {characters} in all"
                )

    def _check_steps(self) -> None:
        """Refuse steps that the semantics does not have, orders that leave one out, and contradictions."""
        semantics = SEMANTICS[self.semantics]
        on = [step for step in STEPS if self._is_on(step)]
        for step in on:
            if step not in semantics.order:
                self._refuse(step, f"left unset with semantics {self.semantics}, which has no such step")
        for knob in sorted(semantics.lacks):
            if getattr(self, knob) != _DEFAULTS[knob]:
                allowed = f"left unset with semantics {self.semantics}, which does not have it"
                raise ParameterError(knob, getattr(self, knob), allowed)
        for step, spec in STEPS.items():
            if step not in on:
                for knob in spec.knobs:
                    if getattr(self, knob) != _DEFAULTS[knob] and knob != "penalty_range":
                        switches = " or ".join(spec.switches)
                        raise ParameterError(knob, getattr(self, knob), f"set only together with {switches}")
        if self.dynatemp_exponent != 1 and not self.dynatemp_range:
            raise ParameterError(
                "dynatemp_exponent", self.dynatemp_exponent, "set only together with dynatemp_range"
            )
        if self.top_p_floor and self.top_p_decay == 1:
            raise ParameterError("top_p_floor", self.top_p_floor, "set only together with top_p_decay")
        if self.mirostat:
            for step in on:
                if STEPS[step].kind == "truncation" and step != "mirostat":
                    self._refuse(step, "left unset with mirostat, which truncates by itself")
        if semantics.highest_temperature is not None and self.temperature > semantics.highest_temperature:
            allowed = f"at most {semantics.highest_temperature:g} with semantics {self.semantics}"
            raise ParameterError("temperature", self.temperature, allowed)
        if self.order is not None:
            self._check_order(self.order, semantics.order, on)

    def _check_order(self, order: tuple[str, ...], allowed: tuple[str, ...], on: list[str]) -> None:
        for step in order:
            if step not in allowed:
                raise ParameterError(
                    "order", step, f"steps of semantics {self.semantics}: {', '.join(allowed)}"
                )
        if len(set(order)) < len(order):
            raise ParameterError("order", list(order), "each step once")
        missing = [step for step in on if step not in order]
        if missing:
            raise ParameterError(
                "order", list(order), f"with {', '.join(missing)}, which the other parameters turn on"
            )

    def _is_on(self, step: str) -> bool:
        return step == "temperature" or any(
            getattr(self, name) != _DEFAULTS[name] for name in STEPS[step].switches
        )

    def _refuse(self, step: str, allowed: str) -> NoReturn:
        name = next(name for name in STEPS[step].switches if getattr(self, name) != _DEFAULTS[name])
        raise ParameterError(name, getattr(self, name), allowed)

    def steps(self) -> list[str]:
        """Return the steps that are on, in the order in which they are done; temperature is always one."""
        order = SEMANTICS[self.semantics].order if self.order is None else self.order
        return [step for step in order if self._is_on(step)]

    def check_vocabulary(self, vocab_size: int) -> None:
        """Raise ParameterError for a token id that the model does not have."""
        for name in ("logit_bias", "stop_token_ids", "logprob_token_ids"):
            unknown = [token for token in getattr(self, name) if token >= vocab_size]
            if unknown:
                raise ParameterError(name, one_or_all(unknown), f"token ids from 0 to {vocab_size - 1}")
        for sequence in self.sequence_bias:
            if max(sequence) >= vocab_size:
                raise ParameterError("sequence_bias", max(sequence), f"token ids from 0 to {vocab_size - 1}")


_DEFAULTS = {
    one.name: one.default if one.default_factory is MISSING else one.default_factory()
    for one in fields(SamplingParams)
} | {"penalty_range": SEMANTICS["ponder"].penalty_range}


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max


def _check_number(name: str, value: Any, allowed: str, test: Any) -> None:
    if not _is_finite(value) or not test(value):
        raise ParameterError(name, value, allowed)


def _check_int(name: str, value: Any, allowed: str, test: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not test(value):
        raise ParameterError(name, value, allowed)


@dataclass(frozen=True, slots=True)
class ResolvedParams:
    """`params` as they apply and, per field, who set it."""

    params: SamplingParams
    sources: Mapping[str, Source]

    def set_by_caller(self) -> dict[str, Any]:
        """Return the parameters that would make the same again: those that were set, and the seed."""
        names = [name for name, source in self.sources.items() if source == "caller" or name == "seed"]
        return {name: getattr(self.params, name) for name in names}

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return field -> {"value", "from"}."""
        values = ((f.name, getattr(self.params, f.name)) for f in fields(self.params))
        return {name: {"value": _plain(value), "from": self.sources[name]} for name, value in values}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        if any(isinstance(key, tuple) for key in value):
            return [[list(key), bias] for key, bias in value.items()]
        return {str(key): bias for key, bias in value.items()}
    return value


def resolve_params(
    caller: Mapping[str, Any],
    checkpoint: Mapping[str, Any],
    check: Callable[[SamplingParams], None] | None = None,
) -> ResolvedParams:
    """Combine what the caller set (None means: not set), what the checkpoint recommends, and the defaults.

    What is recommended gives way where it contradicts what the caller set. A seed nobody set is drawn here,
    so that the result can name it and be repeated.

    Parameters
    ----------
    check : raises ParameterError for what else is not allowed, such as what a decoder does not allow.

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
    asked = {name: _frozen(name, value) for name, value in given.items()}
    if "seed" not in recommended:
        asked.setdefault("seed", secrets.randbits(32))
    params, kept = _most_of(recommended, asked, check)
    values = {**kept, **asked}
    sources: dict[str, Source] = {
        name: "caller" if name in given else "checkpoint" if name in kept else "default" for name in known
    }
    for name in known:
        if getattr(params, name) != values.get(name, _DEFAULTS[name]):
            sources[name] = "resolved"
    return ResolvedParams(params, sources)


def _most_of(
    recommended: Mapping[str, Any], asked: Mapping[str, Any], check: Callable[[SamplingParams], None] | None
) -> tuple[SamplingParams, dict[str, Any]]:
    """Return the parameters with as many recommended values as go with what is asked for, and these."""
    for size in range(len(recommended), -1, -1):
        for names in combinations(recommended, size):
            kept = {name: recommended[name] for name in names}
            try:
                params = SamplingParams(**kept, **asked)
                if check is not None:
                    check(params)
            except ParameterError:
                if size == 0:
                    raise
                if size == len(recommended):
                    SamplingParams(**recommended)  # what is not allowed by itself is the file's fault
            else:
                return params, kept
    raise AssertionError("the last is asked for alone")


def _frozen(name: str, value: Any) -> Any:
    """Bring the forms callers use (a lone stop string, lists, text keys) to that of `SamplingParams`."""
    if name == "stop" and isinstance(value, str):
        return (value,)
    if name == "sequence_bias":
        return _frozen_sequences(value)
    if name == "order" and isinstance(value, str):
        return tuple(step.strip() for step in value.split(","))
    if name in ("stop", "stop_token_ids", "logprob_token_ids", "dry_sequence_breakers", "order"):
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


def _frozen_sequences(value: Any) -> Any:
    """Bring biases of sequences, a mapping or [[ids, bias], ...] as JSON has it, to a mapping from tuples."""
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, list | tuple):
        raise ParameterError("sequence_bias", value, "a list of [token ids, bias]")
    frozen = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], list | tuple):
            raise ParameterError("sequence_bias", pair, "[token ids, bias]")
        if not all(type(token) is int for token in pair[0]):
            raise ParameterError("sequence_bias", pair[0], "keys are token ids")
        frozen[tuple(pair[0])] = pair[1]
    return frozen
