"""What a caller may ask: every refusal names field, value and what is allowed; every value its source."""

import math
from dataclasses import fields

import pytest

from ponder.errors import ParameterError
from ponder.sampling import SamplingParams, resolve_params

NAN, INF = math.nan, math.inf
BAD = [
    *[("temperature", value, "0 or more") for value in (-1, -1e-9, NAN, INF, "hot", True, [1.0], 10**400)],
    *[("top_k", value, "0 (off) or more") for value in (-1, 1.5, "5", True, NAN)],
    *[("top_p", value, "at most 1") for value in (0, -0.1, 1.1, NAN, INF, "0.9", False)],
    *[("min_p", value, "0 to 1") for value in (-0.1, 1.1, NAN, "a")],
    *[("repetition_penalty", value, "over 0") for value in (0, -1, NAN, INF, "x")],
    *[("frequency_penalty", value, "-2 to 2") for value in (-2.1, 2.1, NAN, "x")],
    *[("presence_penalty", value, "-2 to 2") for value in (-2.1, 2.1, INF, True)],
    *[("n", value, "1 to 1024") for value in (0, -1, 1025, 10**9, True, 2.0, "2")],
    *[("seed", value, "2^64-1") for value in (-1, 2**64, 1.0, True, "a")],
    *[("max_tokens", value, "1 or more") for value in (0, -5, 1.5, True, INF)],
    *[("min_tokens", value, "0 or more") for value in (-1, 1.5, False, "1")],
    *[("top_logprobs", value, "0 to 262144") for value in (-1, 2**18 + 1, True, 1.0)],
    *[("ignore_eos", value, "true or false") for value in ("false", 0, 1, "yes")],
    *[("include_stop_str_in_output", value, "true or false") for value in ("false", 0, 1, "yes")],
    *[("skip_special_tokens", value, "true or false") for value in ("false", 0, 1, "yes")],
    *[("logprob_token_ids", value, "token ids") for value in ((-1,), ("5",), (True,), (1.0,))],
    ("logprob_token_ids", tuple(range(129)), "at most 128"),
    ("logit_bias", {-1: 1, 5: 1, "x": 1}, "keys are token ids"),
    ("logit_bias", {1: "a", 5: 1, 7: NAN}, "finite numbers"),
    ("min_tokens", 513, "at most max_tokens, which is 512"),
    ("stop", ("a", ""), "not empty"),
    ("stop", ("a", 5), "not empty"),
    ("stop", ("x",) * 65, "at most 64"),
    ("stop", 5, "a list"),
    ("stop_token_ids", (-1,), "token ids"),
    ("stop_token_ids", (1.5,), "token ids"),
    ("stop_token_ids", (True,), "token ids"),
    ("stop_token_ids", 5, "a list"),
    ("logit_bias", [1, 2], "mapping"),
    ("logit_bias", {-1: 1.0}, "token ids"),
    ("logit_bias", {"one": 1.0}, "token ids"),
    ("logit_bias", {True: 1.0}, "token ids"),
    ("logit_bias", {1.5: 1.0}, "token ids"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), BAD, ids=lambda value: repr(value)[:30])
def test_what_is_not_allowed_is_refused_by_name(name, value, allowed):
    """The error has the field, the value (shortened) and what is allowed, apart and in its sentence."""
    with pytest.raises(ParameterError) as caught:
        resolve_params({name: value}, {})
    error = caught.value
    assert error.field == name
    assert allowed in error.allowed
    assert str(error).startswith(f"{name} = ")
    assert allowed in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize("bias", [NAN, INF, -INF, "1", None, True, 10**400], ids=lambda b: repr(b)[:9])
def test_a_bad_bias_names_its_token(bias):
    """The field is the one entry that is wrong."""
    with pytest.raises(ParameterError) as caught:
        resolve_params({"logit_bias": {3: 1.0, 17: bias}}, {})
    assert caught.value.field == "logit_bias[17]"


def test_an_unknown_field_is_refused():
    """A misspelt parameter is an error that lists the known ones."""
    with pytest.raises(
        ParameterError,
        match=r"'temprature' is not allowed: did you mean temperature\? sampling parameters are temperature,",
    ):
        resolve_params({"temprature": 1.0}, {})


@pytest.mark.parametrize(
    "good",
    [
        {"temperature": 0},
        {"temperature": 1e300},
        {"top_p": 1},
        {"top_p": 5e-324},
        {"min_p": 1},
        {"n": 1024},
        {"seed": 2**64 - 1},
        {"min_tokens": 512},
        {"min_tokens": 3, "max_tokens": 3},
        {"frequency_penalty": -2},
        {"ignore_eos": True},
        {"include_stop_str_in_output": True},
        {"skip_special_tokens": False},
        {"logprob_token_ids": (5, 0, 5)},
        {"logit_bias": {0: -1e30}},
    ],
    ids=str,
)
def test_the_edges_are_allowed(good):
    """What the messages call allowed is."""
    resolved = resolve_params(good, {}).params
    assert all(getattr(resolved, name) == value for name, value in good.items())


def test_token_ids_beyond_the_vocabulary():
    """The vocabulary's last id is allowed, the next is not."""
    SamplingParams(logit_bias={99: 1.0}, stop_token_ids=(99,)).check_vocabulary(100)
    for params in (SamplingParams(logit_bias={100: 1.0}), SamplingParams(stop_token_ids=(100,))):
        with pytest.raises(ParameterError, match=r"= 100 is not allowed: token ids from 0 to 99"):
            params.check_vocabulary(100)


def test_forms_that_callers_use():
    """A lone stop string, lists and JSON's text keys mean what they look like."""
    params = resolve_params(
        {"stop": "END", "stop_token_ids": [4, 5], "logit_bias": {"7": -1, 8: 2.5}}, {}
    ).params
    assert params.stop == ("END",)
    assert params.stop_token_ids == (4, 5)
    assert params.logit_bias == {7: -1, 8: 2.5}


def test_who_set_what():
    """Caller over checkpoint over default; None is not set; a checkpoint's other fields are left out."""
    resolved = resolve_params(
        {"temperature": 0.3, "top_k": None, "seed": 7},
        {"temperature": 0.9, "top_k": 20, "top_p": 0.8, "num_beams": 4},
    )
    assert (resolved.params.temperature, resolved.sources["temperature"]) == (0.3, "caller")
    assert (resolved.params.top_k, resolved.sources["top_k"]) == (20, "checkpoint")
    assert (resolved.params.top_p, resolved.sources["top_p"]) == (0.8, "checkpoint")
    assert (resolved.params.min_p, resolved.sources["min_p"]) == (0.0, "default")
    assert set(resolved.sources) == {field.name for field in fields(SamplingParams)}


def test_nobodys_fields_are_the_defaults():
    """Without caller and checkpoint only the seed differs from `SamplingParams()`."""
    resolved = resolve_params({}, {})
    assert set(resolved.sources.values()) == {"default"}
    plain = SamplingParams(seed=resolved.params.seed)
    assert resolved.params == plain


def test_a_seed_nobody_set_is_drawn_and_named():
    """Two requests differ, and the result says what would repeat them."""
    seeds = {resolve_params({}, {}).params.seed for _ in range(20)}
    assert len(seeds) > 15
    assert resolve_params({}, {"seed": 5}).params.seed == 5


def test_a_checkpoints_bad_value_is_refused_too():
    """What a checkpoint recommends is checked like what a caller sets."""
    with pytest.raises(ParameterError, match="top_p"):
        resolve_params({}, {"top_p": 0})


QWEN = {"temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.0, "repetition_penalty": 1.05}


@pytest.mark.parametrize(
    ("asked", "gives_way"),
    [
        ({}, []),
        ({"top_p": 0.5}, ["top_p"]),
        ({"mirostat": 2}, ["top_k", "top_p"]),
        ({"mirostat": 1, "mirostat_tau": 3.0, "semantics": "exllama"}, ["top_k", "top_p"]),
        ({"order": ["temperature"]}, ["top_k", "top_p", "repetition_penalty"]),
        ({"order": "temperature,top_p"}, ["top_k", "repetition_penalty"]),
        ({"top_p_decay": 0.9}, []),  # needs top_p, which the file gives
    ],
    ids=str,
)
def test_what_a_checkpoint_recommends_gives_way(asked, gives_way):
    """What the caller asked for holds, and all that the file says beside it."""
    resolved = resolve_params(asked, QWEN)
    kept = {name for name, source in resolved.sources.items() if source == "checkpoint"}
    assert kept == set(QWEN) - set(gives_way)
    for name in kept:
        assert getattr(resolved.params, name) == QWEN[name]
    for name in set(QWEN) - kept - set(asked):
        assert getattr(resolved.params, name) == getattr(SamplingParams(), name)
        assert resolved.sources[name] == "default"


def test_a_recommended_temperature_gives_way_to_a_semantics_and_to_a_check():
    """A limit that the caller chose is no fault of the caller's either."""
    assert resolve_params({"semantics": "vllm"}, {"temperature": 3.0}).params.temperature == 1.0

    def draws(params):
        if params.temperature == 0:
            raise ParameterError("temperature", params.temperature, "over 0")

    assert resolve_params({}, {"temperature": 0.0, "top_p": 0.9}, draws).params.temperature == 1.0
    with pytest.raises(ParameterError, match="temperature = 0 "):
        resolve_params({"temperature": 0}, {"top_p": 0.9}, draws)


def test_a_callers_mistake_stays_one():
    """The refusal names what the caller set, and never a recommended field."""
    for mistake, field in (
        ({"mirostat": 2, "min_p": 0.1}, "min_p"),
        ({"mirostat": 3}, "mirostat"),
        ({"dry_base": 2.0}, "dry_base"),
        ({"order": ["top_p"]}, "order"),
    ):
        with pytest.raises(ParameterError) as caught:
            resolve_params(mistake, QWEN)
        assert caught.value.field == field


def test_json():
    """Every field with its value and source, in plain JSON values."""
    resolved = resolve_params({"stop": ["a"], "logit_bias": {3: 1.0}, "n": 2}, {"temperature": 0.7})
    shown = resolved.as_json()
    assert list(shown) == [field.name for field in fields(SamplingParams)]
    assert shown["stop"] == {"value": ["a"], "from": "caller"}
    assert shown["logit_bias"] == {"value": {"3": 1.0}, "from": "caller"}
    assert shown["temperature"] == {"value": 0.7, "from": "checkpoint"}
    assert shown["max_tokens"] == {"value": 512, "from": "default"}
