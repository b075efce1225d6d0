"""How a text ends: stop strings, end tokens, lengths; and that the stream is the text."""

import random

import pytest

from asking import engine_ask
from ponder.asks import TokenEvent
from ponder.constraints import Ban
from ponder.engine import FinishedEvent
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, forget
from stepping import run as events_of
from tiny_models import tiny_engine, tiny_tokenizer

PROMPT = (3, 1, 4, 1, 5)
A, B = 0, 1


@pytest.fixture(scope="module")
def tiny():
    return tiny_engine(seed=2)


@pytest.fixture(scope="module")
def bytewise():
    """Tokens are single bytes: characters beyond ASCII take several."""
    return tiny_engine(tiny_tokenizer(None), seed=2)


def run(engine, prompt=PROMPT, constraint=None, **params):
    """The first output, after checking that the streamed pieces are its text and the pool balances."""
    params = SamplingParams(**{"max_tokens": 200} | params)
    *tokens, last = events_of(engine, engine_ask(prompt, params, constraint))
    assert isinstance(last, FinishedEvent)
    assert all(isinstance(event, TokenEvent) for event in tokens)
    assert [event.usage.generated_tokens for event in tokens] == sorted(
        e.usage.generated_tokens for e in tokens
    )
    for output in last.outputs:
        mine = [event for event in tokens if event.index == output.index]
        assert "".join(event.text for event in mine) == output.text
        assert tuple(event.trace for event in mine if event.trace) == output.traces
        assert [event.finish_reason for event in mine if event.finish_reason] == [output.finish_reason]
        assert tuple(trace.token_id for trace in output.traces) == output.token_ids
        assert_stopped_by(engine, params, output)
    assert_at_rest(engine)
    return last.outputs[0]


def assert_stopped_by(engine, params, output):
    """What ended a text that stopped is named: its last token, or a stop string at the end of its tokens."""
    ends = (*params.stop_token_ids, *(() if params.ignore_eos else engine.tokenizer.eos_ids))
    if output.finish_reason != "stop":
        assert output.stopped_by is None
    elif isinstance(output.stopped_by, int):
        assert output.stopped_by == output.token_ids[-1]
        assert output.stopped_by in ends
    else:
        assert output.stopped_by in params.stop
        written = engine.tokenizer.decode(output.token_ids)
        kept = output.stopped_by if params.include_stop_str_in_output else ""
        before = output.text.removesuffix(kept)
        assert written.startswith(before + output.stopped_by)
        assert output.text == before + kept


def cut(text, stops):
    """The text before the stop string that ends first (the longest, if several do)."""
    found = [(text.index(stop) + len(stop), text.index(stop)) for stop in stops if stop in text]
    return text[: min(found)[1]] if found else text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_stop_strings_cut_the_text_that_would_have_been(tiny, seed):
    """Stop strings picked from anywhere in a text end the same text right before themselves."""
    rng = random.Random(seed)
    whole = run(tiny, seed=seed, max_tokens=60, ignore_eos=True)
    assert whole.finish_reason == "length"
    assert len(whole.token_ids) == 60
    for count, width in ((1, 1), (1, 3), (2, 2), (3, 4)):
        starts = [rng.randrange(len(whole.text) - width) for _ in range(count)]
        stops = tuple(whole.text[start : start + width] for start in starts)
        stopped = run(tiny, seed=seed, max_tokens=60, ignore_eos=True, stop=stops)
        assert stopped.text == cut(whole.text, stops)
        assert stopped.finish_reason == "stop"
        assert stopped.token_ids == whole.token_ids[: len(stopped.token_ids)]
        kept = run(
            tiny, seed=seed, max_tokens=60, ignore_eos=True, stop=stops, include_stop_str_in_output=True
        )
        assert kept.text == stopped.text + stopped.stopped_by
        assert (kept.token_ids, kept.stopped_by) == (stopped.token_ids, stopped.stopped_by)


def test_stop_strings_inside_and_across_the_default_models_tokens(default_engine):
    """On the real model a stop string may begin and end inside tokens."""
    engine = default_engine
    prompt = tuple(engine.tokenizer.encode("The three primary colours are"))
    whole = run(engine, prompt, temperature=0, max_tokens=16)
    pieces = [engine.tokenizer.decode([token]) for token in whole.token_ids]
    middle = len("".join(pieces[:5]))
    for start, width in ((middle - 2, 4), (middle - 1, 2), (middle + 1, 2)):
        stop = whole.text[start : start + width]
        stopped = run(engine, prompt, temperature=0, max_tokens=16, stop=(stop, "never written"))
        assert stopped.text == cut(whole.text, [stop])
        assert stopped.finish_reason == "stop"


def test_what_was_held_back_comes_at_the_end(tiny):
    """The beginning of a stop string that never comes is part of the text."""
    whole = run(tiny, seed=1, max_tokens=20, ignore_eos=True)
    stop = whole.text[-3:] + "Z"
    assert run(tiny, seed=1, max_tokens=20, ignore_eos=True, stop=(stop,)).text == whole.text
    end = tiny.tokenizer.eos_ids[0]
    ended = run(tiny, logit_bias={A: 90, end: 80}, frequency_penalty=2, max_tokens=30, stop=("a" * 9 + "b",))
    assert ended.finish_reason == "stop"
    assert ended.token_ids[-1] == end
    assert ended.text == "a" * (len(ended.token_ids) - 1)


@pytest.mark.slow
def test_unfinished_characters_are_replaced_at_the_end(bytewise):
    """Streamed text is the decoded bytes; half a character at the end is U+FFFD."""
    for seed in range(6):
        whole = run(bytewise, seed=seed, max_tokens=40, ignore_eos=True, temperature=2.0)
        assert whole.text == bytewise.tokenizer.decode(whole.token_ids)
    lead = bytewise.tokenizer.bytes_table.index(b"\xe2")
    half = run(bytewise, logit_bias={lead: 90}, max_tokens=1)
    assert half.text == "\ufffd"


def test_an_end_token_ends(tiny):
    """Each of the tokenizer's end tokens ends the text, is not in it, and is the last token id."""
    for end in tiny.tokenizer.eos_ids:
        output = run(tiny, logit_bias={end: 90}, max_tokens=9)
        assert (output.token_ids, output.text, output.finish_reason) == ((end,), "", "stop")


@pytest.mark.parametrize("min_tokens", [1, 5, 8])
def test_min_tokens_holds_off_end_tokens(tiny, min_tokens):
    """A model that wants to end ends right after `min_tokens` tokens, whichever of its ends it wants."""
    first, second = tiny.tokenizer.eos_ids
    output = run(tiny, logit_bias={first: 90, second: 80, 7: 70}, stop_token_ids=(7,), min_tokens=min_tokens)
    assert len(output.token_ids) == min_tokens + 1
    assert output.token_ids[-1] == first
    assert not {first, second, 7} & set(output.token_ids[:-1])


def test_min_tokens_may_be_all_there_are(tiny):
    """With min_tokens = max_tokens no end token ever comes."""
    output = run(tiny, logit_bias={tiny.tokenizer.eos_ids[0]: 90}, min_tokens=6, max_tokens=6)
    assert output.finish_reason == "length"
    assert len(output.token_ids) == 6


def test_min_tokens_holds_off_stop_strings(tiny):
    """Stop strings complete before `min_tokens` are text; the first one after ends it."""
    always_a = {"logit_bias": {A: 90}, "max_tokens": 20}
    assert run(tiny, stop=("a",), **always_a).text == ""
    output = run(tiny, stop=("a",), min_tokens=5, **always_a)
    assert (output.text, output.finish_reason) == ("aaaaa", "stop")
    assert len(output.token_ids) == 6


def test_a_stop_string_across_the_minimum_ends_the_text(tiny):
    """A stop string that begins before `min_tokens` and ends after it counts: it is complete only then."""
    output = run(tiny, stop=("aa",), min_tokens=1, logit_bias={A: 90}, max_tokens=20)
    assert (output.text, output.finish_reason, len(output.token_ids)) == ("", "stop", 2)
    output = run(tiny, stop=("aa",), min_tokens=4, logit_bias={A: 90}, max_tokens=20)
    assert (output.text, output.finish_reason, len(output.token_ids)) == ("aaa", "stop", 5)


def test_stop_tokens_are_the_callers_end_tokens(tiny):
    """A stop token ends the text and is not in it."""
    output = run(tiny, logit_bias={B: 90}, stop_token_ids=(9, B), max_tokens=9)
    assert (output.token_ids, output.text, output.finish_reason) == ((B,), "", "stop")


def test_ignore_eos_goes_on(tiny):
    """End tokens are tokens like others, without text; the caller's stop tokens still end."""
    end = tiny.tokenizer.eos_ids[0]
    output = run(tiny, logit_bias={end: 90}, ignore_eos=True, max_tokens=7)
    assert (output.token_ids, output.text, output.finish_reason) == ((end,) * 7, "", "length")
    output = run(tiny, logit_bias={end: 90}, ignore_eos=True, stop_token_ids=(end,), max_tokens=7)
    assert output.token_ids == (end,)


@pytest.mark.parametrize("max_tokens", [1, 2, 16, 17])
def test_max_tokens(tiny, max_tokens):
    """Exactly `max_tokens` tokens, the last of them in the text."""
    output = run(tiny, logit_bias={A: 90}, max_tokens=max_tokens)
    assert (output.text, output.finish_reason) == ("a" * max_tokens, "length")


def test_nothing_possible_is_its_own_ending(tiny):
    """A constraint that leaves no token ends the text with the reason "constraint"; its samples end apart."""
    no_end = dict.fromkeys(range(2, 64), -100.0)
    output = run(tiny, constraint=Ban(("aa", "ab", "ba", "bb")), logit_bias=no_end, max_tokens=9, n=4)
    assert output.finish_reason == "constraint"
    assert output.text in ("a", "b")
    assert len(output.token_ids) == 1


def test_a_dead_end_says_what_was_streamed(tiny):
    """The stream is the whole text also when a constraint ends it inside the beginning of a stop string."""
    no_end = dict.fromkeys(range(2, 64), -100.0)
    output = run(
        tiny, constraint=Ban(("aa", "ab", "ba", "bb")), logit_bias=no_end, stop=("a!", "b!"), max_tokens=9
    )
    assert output.text in ("a", "b")
    assert output.finish_reason == "constraint"


def test_logprob_and_usage(tiny):
    """`logprob` is the sum of raw log-probabilities; usage counts the prompt once and every token.

    Asked again, the prompt but for its last token is a hit and is not computed.
    """
    request = engine_ask(PROMPT, SamplingParams(n=3, max_tokens=10, seed=6, temperature=0.5))
    forget(tiny)
    *_, last = events_of(tiny, request)
    for output in last.outputs:
        assert output.logprob == pytest.approx(sum(trace.logprob for trace in output.traces))
        assert output.score == output.logprob
    assert last.usage.prompt_tokens == 5
    assert last.usage.cached_tokens == 10
    assert last.usage.generated_tokens == sum(len(output.token_ids) for output in last.outputs)
    assert last.usage.hit_tokens == 0
    # The last token of a text is never computed.
    assert last.usage.computed_tokens == 5 + last.usage.generated_tokens - 3
    *_, again = events_of(tiny, request)
    assert [output.token_ids for output in again.outputs] == [output.token_ids for output in last.outputs]
    usage = again.usage
    assert (usage.prompt_tokens, usage.hit_tokens, usage.cached_tokens) == (5, 4, 14)
    assert usage.computed_tokens == 1 + usage.generated_tokens - 3
