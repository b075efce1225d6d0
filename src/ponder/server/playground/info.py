"""GET /ponder/v1/info: the model, the parameters, the limits, and what can be done here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ponder import __version__
from ponder.asks import Grow, Path
from ponder.constraints.plain import FIELDS
from ponder.decoders.named import DECODERS, MIXTURE_SETTINGS, MIXTURES, NEEDED, SETTINGS, Kind
from ponder.decoders.speculative import DraftModel, PromptLookup
from ponder.errors import PonderError
from ponder.rewards.catalogue import REWARD_NAMES
from ponder.sampling import SEMANTICS, ResolvedParams, SamplingParams, resolve_params
from ponder.sampling.distribution import MAX_TOP
from ponder.sampling.parameter import Range
from ponder.sampling.params import HELP
from ponder.sampling.settings import CONSTRAINTS, DECODING
from ponder.sampling.step import Step
from ponder.sampling.steps import STEPS
from ponder.scaling.strategies import STRATEGY_NAMES, choices_of, defaults_of, strategy_named
from ponder.server.front.settings import ServerSettings
from ponder.server.openai.protocol import CompletionBody
from ponder.server.playground.rewards import Rewards
from ponder.server.served import Served
from ponder.text import TokenIds

FILES = frozenset({"policy"})  # settings of strategies that name files: no request may
_LIMITS = (
    *("max_n", "max_prompts", "max_texts", "max_tokens", "max_logprobs", "max_nodes", "max_solve_tokens"),
    "max_body_bytes",
)


def info(model: Served, rewards: Rewards, settings: ServerSettings) -> dict[str, Any]:
    """Return what a page needs to know to offer what this server has. It may load rewards, once."""
    offers = model.offers
    resolved = model.resolve(Grow(Path(TokenIds((0,))))).params
    return {
        "version": __version__,
        "model": _model(model),
        "parameters": [*_sampling(resolved), *_decoding()],
        "limits": {
            **{name: getattr(settings, name) for name in _LIMITS},
            "max_top": MAX_TOP,
            "max_waiting": model.max_waiting,
            "context": offers.context,
        },
        "features": {
            "chat": offers.chat,
            "draft": offers.draft,
            "entropy_head": offers.entropy_head,
            "constraints": [{"name": name, "help": CONSTRAINTS[name]} for name in FIELDS],
            "semantics": [_semantics(name) for name in SEMANTICS],
            "decoders": [_kind(kind) for kind in DECODERS],
            "mixtures": [_kind(kind) for kind in MIXTURES],
            "strategies": [_strategy(name) for name in STRATEGY_NAMES],
            "rewards": [_reward(name, rewards) for name in REWARD_NAMES],
        },
        "key_required": bool(settings.api_key),
    }


def _model(model: Served) -> dict[str, Any]:
    card, tokenizer = model.card(), model.tokenizer
    return {
        "name": model.name,
        "parameters": card.parameters,
        "bits": round(card.bits, 2),
        "context": model.offers.context,
        "vocabulary": tokenizer.vocab_size,
        "fingerprint": card.fingerprint,
        "special_tokens": {
            "bos": tokenizer.bos_id,
            "eos": list(tokenizer.eos_ids),
            "control": list(tokenizer.special_tokens),
        },
        "template": {"system": card.system, "tools": card.tools} if model.offers.chat else None,
    }


def _sampling(resolved: ResolvedParams) -> list[dict[str, Any]]:
    """Tell of the parameters of sampling, as they apply where a request says nothing."""
    told, applied, neutral = [], resolved.as_json(), resolve_params({}, {}).as_json()
    steps = {name: step for step in STEPS.values() for name in (*step.switches, *step.knobs)}
    for one in fields(SamplingParams):
        if one.name not in CompletionBody.model_fields:
            continue
        name, step, value = one.name, steps.get(one.name), applied[one.name]
        drawn = name == "seed"
        told.append(
            {
                **_typed(name),
                "group": step.kind if step else "request",
                **_bounds(one.metadata.get("range")),
                "choices": {"semantics": list(SEMANTICS), "order": list(STEPS)}.get(name),
                "neutral": None if drawn else neutral[name]["value"],
                "default": None if drawn else value["value"],
                "source": value["from"],
                "help": one.metadata.get("help") or HELP[name],
                "needs": list(step.switches) if step and name in step.knobs else [],
                "excludes": _excluded(name, step),
            }
        )
    return told


def _excluded(name: str, step: Step | None) -> list[str]:
    """Return what a parameter of a step cannot be used with: mirostat truncates by itself."""
    if step is None or step.kind != "truncation" or name not in step.switches:
        return []
    others = {one for step in STEPS.values() if step.kind == "truncation" for one in step.switches}
    return sorted(others - {"mirostat"}) if name == "mirostat" else ["mirostat"]


def _decoding() -> list[dict[str, Any]]:
    """Tell of the settings of decoders and mixtures: where none is set, texts are sampled."""
    told = []
    for kinds, names in ((DECODERS, SETTINGS), (MIXTURES, MIXTURE_SETTINGS)):
        for name in names:
            having = [kind for kind in kinds if name in kind.settings]
            together = frozenset[str]().union(*(kind.settings for kind in having))
            told.append(
                {
                    **_typed(name),
                    "group": _group(having[0]),
                    **_bounds(None),
                    "choices": next(filter(None, (_literals(kind, name) for kind in having)), None),
                    "neutral": None,
                    "default": _default(having[0], name),
                    "source": "default",
                    "help": DECODING[name],
                    "needs": [NEEDED[name]] if name in NEEDED else [],
                    "excludes": sorted(set(names) - together),
                }
            )
    return told


@cache
def _properties() -> Mapping[str, Any]:
    properties: Mapping[str, Any] = CompletionBody.model_json_schema()["properties"]
    return properties


def _typed(name: str) -> dict[str, Any]:
    """Return a parameter's name, and its type as the request's schema has it."""
    schema = _properties()[name]
    kinds = [one["type"] for one in schema.get("anyOf", [schema]) if one.get("type", "null") != "null"]
    return {"name": name, "type": kinds[0] if len(kinds) == 1 else kinds}


def _bounds(bounds: Range | None) -> dict[str, Any]:
    """Return which numbers are allowed; `over` and `under`: the bound itself is not."""
    if bounds is None:
        return {"min": None, "max": None, "over": False, "under": False}
    least, most = (one if math.isfinite(one) else None for one in (bounds.least, bounds.most))
    return {"min": least, "max": most, "over": bounds.over, "under": bounds.under}


def _group(kind: Kind) -> str:
    if kind in MIXTURES:
        return "mixture"
    return "speculation" if kind.make in (DraftModel, PromptLookup) else "search"


def _default(kind: Kind, name: str) -> Any:
    """Return what a setting is where it is left out; None: it says that there is such a kind at all."""
    own = signature(kind.make).parameters.get(kind.fields.get(name, ""))
    if own is None or own.default is Parameter.empty or name == kind.setting:
        return None
    return own.default


def _literals(kind: Kind, name: str) -> list[Any] | None:
    hint = get_type_hints(kind.make).get(kind.fields.get(name, ""))
    return list(get_args(hint)) if get_origin(hint) is Literal else None


def _kind(kind: Kind) -> dict[str, Any]:
    """Tell of a decoder or mixture: what turns it on, all its settings, and what of sampling it refuses."""
    unused: frozenset[str] = getattr(kind.make, "unused", frozenset())
    return {"setting": kind.setting, "settings": sorted(kind.settings), "unused": sorted(unused)}


def _semantics(name: str) -> dict[str, Any]:
    semantics = SEMANTICS[name]
    without = {one for step in STEPS.values() if step.name not in semantics.order for one in step.switches}
    return {
        "name": name,
        "system": semantics.system,
        "order": list(semantics.order),
        "without": sorted(without | semantics.lacks),
    }


def _strategy(name: str) -> dict[str, Any]:
    settings = [
        {"name": setting, "default": default, "choices": list(choices_of(name, setting)) or None}
        for setting, default in defaults_of(name).items()
        if setting not in FILES
    ]
    return {"name": name, "settings": settings, "reward_needed": "reward" in strategy_named(name).needs}


def _reward(name: str, rewards: Rewards) -> dict[str, Any]:
    """Tell of a reward what it needs, or why it cannot be had."""
    try:
        reward = rewards.named(name)
    except PonderError as error:
        return {"name": name, "needs": [], "scale": None, "refused": str(error)}
    return {"name": name, "needs": sorted(reward.needs), "scale": reward.scale, "refused": None}
