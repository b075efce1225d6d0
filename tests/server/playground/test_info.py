"""GET /ponder/v1/info."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from ponder.backends.local import LocalModel
from ponder.constraints import constraint_of
from ponder.rewards.catalogue import REWARD_NAMES
from ponder.sampling import SEMANTICS
from ponder.scaling import STRATEGY_NAMES, settings_of
from ponder.server.openai.protocol import CompletionBody, SamplingBody
from serving import Tiny, error, samples, serving
from tiny_models import tiny_local_model

INFO = "/ponder/v1/info"


@pytest.fixture(scope="module")
def recommending() -> Iterator[Tiny]:
    """A server of a model whose checkpoint recommends some parameters."""
    plain = tiny_local_model()
    model = LocalModel(
        "tiny", plain.engine, plain.template, {"temperature": 0.6, "top_p": 0.9}, fingerprint="ab"
    )
    with serving(model) as tiny:
        yield tiny


@pytest.fixture(scope="module")
def told(recommending: Tiny) -> dict[str, Any]:
    return recommending.client.get(INFO).json()


@pytest.fixture(scope="module")
def parameters(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in told["parameters"]}


def example(one: dict[str, Any]) -> Any:
    """A value that a parameter may have and that is not its neutral one."""
    if one["choices"]:
        return one["choices"][-1] if one["type"] == "string" else one["choices"]
    kind = one["type"][0] if isinstance(one["type"], list) else one["type"]
    value = {"integer": 2, "number": 0.5, "boolean": True, "string": "low", "array": [], "object": {}}[kind]
    return {"num_beam_groups": 2, "num_beams": 4, "draft": True, "contrast": 1}.get(one["name"], value)


def with_needs(name: str, parameters: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A parameter at its example, with one of those that it needs."""
    one = parameters[name]
    body = {name: example(one)}
    return body | (with_needs(one["needs"][0], parameters) if one["needs"] else {})


def test_the_model(recommending: Tiny, told: dict[str, Any]) -> None:
    """What is served: sizes by counting them."""
    model, tokenizer = told["model"], recommending.model.tokenizer
    assert (model["name"], model["context"], model["vocabulary"]) == ("tiny", 256, tokenizer.vocab_size)
    layer = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64 + 2 * 32  # q and o, k and v, the MLP, two norms
    assert model["parameters"] == 2 * layer + 2 * 64 * 32 + 32  # the embedding, the head and a norm
    assert (model["bits"], model["fingerprint"]) == (32, "ab")
    assert model["template"] == {"system": True, "tools": False}
    assert model["special_tokens"]["eos"] == list(tokenizer.eos_ids)
    assert told["limits"]["max_nodes"] == 4096
    assert told["key_required"] is False


def test_every_parameter_is_there(parameters: dict[str, dict[str, Any]]) -> None:
    """All that the request's model has of sampling, and that says what it does."""
    assert parameters.keys() >= SamplingBody.model_fields.keys() - {"model"}
    assert parameters.keys() <= CompletionBody.model_fields.keys()
    assert all(one["help"] and one["group"] for one in parameters.values())
    assert len({frozenset(one) for one in parameters.values()}) == 1  # each says the same of itself


def test_defaults_have_their_source(parameters: dict[str, dict[str, Any]]) -> None:
    """What the checkpoint recommends is the default, and what changes nothing is told beside it."""
    told = {
        name: (parameters[name]["default"], parameters[name]["source"]) for name in ("temperature", "top_p")
    }
    assert told == {"temperature": (0.6, "checkpoint"), "top_p": (0.9, "checkpoint")}
    assert (parameters["temperature"]["neutral"], parameters["min_p"]["source"]) == (1, "default")
    assert parameters["seed"]["default"] is None  # it is drawn
    assert parameters["contrast_alpha"]["default"] == 0.1


@pytest.mark.slow
def test_bounds_are_those_of_requests(recommending: Tiny, parameters: dict[str, dict[str, Any]]) -> None:
    """A bound is allowed unless it is open, and what lies beyond is refused by name."""

    def refused(name: str, value: float) -> bool:
        body = {"prompt": "a", "max_tokens": 1, **with_needs(name, parameters), name: value}
        response = recommending.client.post("/v1/completions", json=body)
        wrong = response.json().get("error", {"param": None, "message": ""})
        return wrong["param"] == name and "is not allowed: a" in wrong["message"].replace("0 (off), 1", "a")

    checked = 0
    for name, one in parameters.items():
        for bound, beyond, is_open in (("min", -1, one["over"]), ("max", 1, one["under"])):
            value = one[bound]
            if value is None or name in ("seed", "max_tokens", "n"):  # which have bounds of the server's
                continue
            step = 2 if one["type"] == "integer" else 1e-9 + abs(value) * 1e-9  # top_k -1 is vLLM's "all"
            assert refused(name, value) == is_open, (name, value)
            assert refused(name, value + beyond * step), (name, bound)
            checked += 1
    assert checked > 40


@pytest.mark.slow
def test_what_excludes_what(recommending: Tiny, parameters: dict[str, dict[str, Any]]) -> None:
    """Two parameters that exclude each other are refused together, and say so of each other."""
    pairs = {tuple(sorted((name, other))) for name, one in parameters.items() for other in one["excludes"]}
    assert {("mirostat", "top_p"), ("num_beams", "stochastic_beams"), ("contrast", "dola_layers")} <= pairs
    for one, other in pairs:
        assert one in parameters[other]["excludes"], (one, other)
        assert other in parameters[one]["excludes"], (one, other)
        body = {
            "prompt": "a",
            "max_tokens": 1,
            **with_needs(one, parameters),
            **with_needs(other, parameters),
        }
        error(recommending.client.post("/v1/completions", json=body), 400)


def test_features(told: dict[str, Any]) -> None:
    """What there is of each kind, by the names that requests take."""
    features = told["features"]
    assert [one["name"] for one in features["semantics"]] == list(SEMANTICS)
    assert [one["name"] for one in features["strategies"]] == list(STRATEGY_NAMES)
    assert [one["name"] for one in features["rewards"]] == list(REWARD_NAMES)
    for one in features["strategies"]:
        own = {setting["name"] for setting in one["settings"]}
        assert set(settings_of(one["name"])) - own <= {"policy"}  # which names a file
    refused = {one["name"]: one["refused"] for one in features["rewards"]}
    assert "programs" in refused["code"]
    assert "ponder has heads for" in refused["head"]
    assert refused["arithmetic"] is None
    kinds = {one["name"] for one in features["constraints"]}
    assert {"choice", "regex", "json_schema", "ban", "thinking"} <= kinds
    assert constraint_of(dict.fromkeys(kinds)) is None  # they are names that requests may have
    assert {one["setting"]: "temperature" in one["unused"] for one in features["decoders"]}["num_beams"]


@pytest.mark.slow
def test_rewards_that_are_not_refused_are_taken(recommending: Tiny, told: dict[str, Any]) -> None:
    """What is told of rewards is what happens."""
    for one in told["features"]["rewards"]:
        body = {"problem": "1", "answer": "2", "reward": one["name"], "budget": {"n": 1}}
        response = recommending.client.post("/ponder/v1/solve", json={**body, "sampling": {"max_tokens": 2}})
        assert (response.status_code == 200) == (one["refused"] is None), one


@pytest.mark.slow
def test_the_key(tiny_server: Any) -> None:
    """Each of these endpoints needs the key, and the page learns that there is one."""
    tiny = tiny_server(api_key=("secret",))
    for name in ("distribution", "score", "expand", "solve"):
        error(tiny.client.post(f"/ponder/v1/{name}", json={}), 401)
    error(tiny.client.get(INFO), 401)
    told = tiny.client.get(INFO, headers={"Authorization": "Bearer secret"}).json()
    assert told["key_required"] is True


def test_metrics_tell_them_apart(recommending: Tiny) -> None:
    """Each has a count of its own."""
    recommending.client.get(INFO)
    assert samples(recommending)["ponder:http_requests_total", INFO, "200"] >= 1


def test_no_number_is_no_json(told: dict[str, Any]) -> None:
    """Bounds that there are not are null, and no infinity."""
    assert all(
        math.isfinite(one["min"] or 0) and math.isfinite(one["max"] or 0) for one in told["parameters"]
    )
