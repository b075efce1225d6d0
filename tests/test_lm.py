"""The loaded model as a caller meets it: what it refuses, and in what words."""

import asyncio
import math
from collections import Counter
from contextlib import closing
from itertools import accumulate

import pytest

import ponder
from ponder import asks
from ponder.asks import fronts
from ponder.asks.fronts import score as score_texts
from ponder.constraints import OneOf
from ponder.decoders import Speculative
from ponder.errors import ParameterError, PonderError
from ponder.lm import LM
from ponder.text import TokenIds
from stepping import assert_model_at_rest
from tiny_models import tiny_local_model

USER, MINE = ponder.Message("user", "hi"), ponder.Message("assistant", "ab")


def call(name, arguments):
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.fixture(scope="module")
def lm(tiny_model):
    return LM(tiny_model)


BAD = {
    "add_special_tokens": lambda lm: lm("hi", chat=False, add_special_tokens=1),
    "special tokens of a chat": lambda lm: lm("hi", add_special_tokens=False),
    "special tokens of ids": lambda lm: lm(TokenIds((1,)), add_special_tokens=True),
    "no context": lambda lm: ponder.load(context=0),
    "context in words": lambda lm: ponder.load(context="8k"),
    "no text": lambda lm: lm(None),
    "number": lambda lm: lm(5),
    "bytes": lambda lm: lm(b"hi"),
    "empty": lambda lm: lm(""),
    "list of text": lambda lm: lm(["hi"]),
    "half a message": lambda lm: lm([{"role": "user"}]),
    "message with a member of its own": lambda lm: lm([{"role": "user", "content": "x", "mood": "bad"}]),
    "name": lambda lm: ponder.Message("user", "hi", name=5),
    "calls": lambda lm: ponder.Message("assistant", tool_calls=({"name": "f"},)),
    "arguments": lambda lm: ponder.Message("assistant", tool_calls=(call("f", "[1]"),)),
    "arguments cut short": lambda lm: ponder.Message("assistant", tool_calls=(call("f", '{"a": '),)),
    "tools": lambda lm: lm("hi", tools=[{"type": "web_search"}]),
    "strict tools": lambda lm: lm(
        "hi", tools=[{"type": "function", "function": {"name": "f", "strict": True}}]
    ),
    "tools without a place": lambda lm: lm("hi", tools=[{"type": "function", "function": {"name": "f"}}]),
    "tools for raw text": lambda lm: lm(
        "hi", tools=[{"type": "function", "function": {"name": "f"}}], chat=False
    ),
    "variables": lambda lm: lm("hi", template_args=5),
    "a variable of the renderer": lambda lm: lm("hi", template_args={"messages": []}),
    "a variable that is no JSON": lambda lm: lm("hi", template_args={"x": {1}}),
    "a variable too large": lambda lm: lm("hi", template_args={"x": "a" * 10**5}),
    "an unknown variable": lambda lm: lm("hi", template_args={"enable_thinking": True}),
    "variables of a conversation": lambda lm: lm(ponder.Conversation((USER,)), template_args={"x": 1}),
    "no final message": lambda lm: lm("hi", continue_final_message=True),
    "a final message and a prefix": lambda lm: lm([USER, MINE], continue_final_message=True, prefix="a"),
    "content": lambda lm: ponder.Message("user", None),
    "role": lambda lm: ponder.Message("", "hi"),
    "system": lambda lm: lm("hi", system=5),
    "chat": lambda lm: lm("hi", chat="yes"),
    "constraint": lambda lm: lm("hi", constraint=5),
    "constraint class": lambda lm: lm("hi", constraint=ponder.Ban),
    "decoder": lambda lm: lm("hi", decoder="beam"),
    "ban": lambda lm: lm("hi", ban=5),
    "empty ban": lambda lm: lm("hi", ban=""),
    "ban of nothing": lambda lm: ponder.Ban(None),
    "long ban": lambda lm: ponder.Ban("x" * 100_000),
    "ignore_case": lambda lm: ponder.Ban("x", ignore_case="no"),
    "choices": lambda lm: lm.choose("hi", 5),
    "choice set": lambda lm: lm.choose("hi", {"a", "b"}),
    "choice text": lambda lm: lm.choose("hi", "ab"),
    "one prompt for many": lambda lm: lm.choose_many("hi", ["a", "b"]),
    "same text": lambda lm: lm.choose("the", ["a", " a"], chat=False),
    "reward": lambda lm: lm.solve("hi", reward=5),
    "budget": lambda lm: lm.solve("hi", budget=5),
    "reference": lambda lm: lm.solve("hi", reference=5, reward="math"),
    "misspelt": lambda lm: lm("hi", temprature=1),
    "stream": lambda lm: lm.stream("hi", foo=1),
    "model": lambda lm: ponder.load(5),
    "entropy head": lambda lm: ponder.load(entropy_head=5),
    "no entropy head": lambda lm: lm("hi", real_temperature=1.0),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD.keys())
def test_misuse_is_one_sentence(lm, call):
    """No traceback from deep inside and no silent acceptance; no page is left held."""
    with pytest.raises(PonderError) as raised:
        call(lm)
    assert "\n" not in str(raised.value)
    assert_model_at_rest(lm.model)


def test_a_lone_string_is_one_ban():
    """`Ban("Alice")` bans the name, not its letters."""
    assert ponder.Ban("Alice") == ponder.Ban(("Alice",)) == ponder.Ban(["Alice"])


def test_numbers_of_other_libraries(lm):
    """numpy's whole and real numbers are numbers."""
    numpy = pytest.importorskip("numpy")
    answer = lm("hi", max_tokens=numpy.int64(3), temperature=numpy.float32(0.5), ignore_eos=True)
    assert len(answer.outputs[0].token_ids) == 3
    assert answer.params.params.temperature == 0.5


def test_solve_inside_a_running_loop(lm):
    """As in a notebook; a function is a reward."""

    async def inside():
        return lm.solve("a", n=3, reward=lambda problem, text: len(text), max_tokens=6, seed=1)

    answer = asyncio.run(inside())
    assert len(answer.candidate.text) == max(len(c.text) for c in answer.candidates)
    assert answer.sampling["n"] == 3


def test_a_text_of_no_tokens_has_no_score(lm):
    """Without an end token nothing is left to score, and neighbours are not disturbed by it."""
    with pytest.raises(ParameterError, match="at least one token"):
        score_texts(lm.model, "ab", ["c", ""])
    conversation = lm.prompt("ab")
    alone = score_texts(lm.model, conversation, ["c"], ends=True).texts[0]
    beside = score_texts(lm.model, conversation, ["c", ""], ends=True).texts[0]
    assert alone.token_ids == beside.token_ids
    assert alone.logprob == pytest.approx(beside.logprob, abs=1e-4)


def test_what_to_be_guided_away_from_is_sent_as_the_prompt_is(lm):
    """With the same system message where it is a user's; as raw text where the prompt is."""
    options = {"system": "abc", "chat": True} if lm.model.template else {"chat": False}
    request = lm.request("hello", mixture=ponder.Guidance(2.0, "other"), **options)
    assert request.mixture.against == lm.prompt("other", **options)
    assert lm.request("hello", mixture=ponder.Guidance(2.0, "other"), chat=False).mixture.against == "other"
    aware = lm.request("hello", mixture=ponder.context_aware("other"), **options)
    assert aware.mixture.against == lm.prompt("other", **options)


@pytest.mark.parametrize("n", [1, 3])
def test_an_answer_is_gone_on_with_as_it_was_grown(n):
    """Constraint, decoder, parameters and random numbers are those of the first call."""
    lm = LM(tiny_local_model(seed=3))
    options = {
        "chat": False,
        "ban": ["e", "a"],
        "decoder": Speculative(),
        "temperature": 2.0,
        "seed": 4,
        "n": n,
    }
    whole = lm("abc", max_tokens=30, ignore_eos=True, **options)
    begun = lm("abc", max_tokens=30, ignore_eos=True, until=asks.Tokens(11), **options)
    for index, output in enumerate(whole.outputs):
        rest = lm.continue_(begun, index)
        assert begun.outputs[index].finish_reason == "until"
        assert begun.outputs[index].token_ids + rest.outputs[0].token_ids == output.token_ids
        assert begun.outputs[index].text + rest.text == output.text
        assert len(rest.outputs) == 1
    wider = lm.continue_(begun, 0, n=4, temperature=0.0)
    assert len(wider.outputs) == 4
    with pytest.raises(ParameterError, match="branchings within the path"):
        lm("abc", chat=False, prefix=[5, 6], lineage=((7, 1),))
    lm.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: asks.Path("x", tokens=5), "path.tokens = 5"),
        (lambda: asks.Path(5), "prompt = 5"),
        (lambda: asks.Boundary(5), "until = 5"),
        (lambda: asks.These(5), "of = 5"),
        (lambda: asks.Grow(asks.Path("x"), params=[1]), "params = "),
        (lambda: asks.Grow(asks.Path("x"), method="beam"), "method = 'beam'"),
        (lambda: asks.Read(asks.Path("x"), texts=(5,)), "texts = "),
        (lambda: asks.Read(asks.Path("x"), at=5), "at = 5"),
        (lambda: score_texts(tiny_local_model(), "a", "abc"), "texts = 'abc'"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(wrong, said):
    """Which field, which value, what is allowed."""
    with pytest.raises(ParameterError) as caught:
        wrong()
    assert str(caught.value).startswith(said)


def test_outputs_of_a_search_are_paths_too():
    """Cut before they branched off, and with the salt that they were grown with."""
    lm = LM(tiny_local_model(seed=3))
    found = lm("abc", chat=False, num_beams=4, n=4, max_tokens=8, cache_salt="a")
    for index in range(4):
        for tokens in range(len(found.outputs[index].token_ids)):
            assert len(found.path(index, tokens).tokens) == tokens
    assert lm.continue_(found, 1, max_tokens=12).request.service.cache_salt == "a"
    with pytest.raises(ParameterError, match="token ids from 0 to"):
        fronts.read(lm.model, asks.Read(asks.Path("abc"), of=asks.These((10**6,))))
    lm.close()


def test_a_final_message_goes_on(lm):
    """The assistant's last message is what the answer begins with, as `prefix` after those before it."""
    options = {"seed": 1, "max_tokens": 12}
    expected = lm([USER], prefix=MINE.content, **options)
    for prompt in ([USER, MINE], [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ab"}]):
        found = lm(prompt, continue_final_message=True, **options)
        assert found.outputs[0].token_ids == expected.outputs[0].token_ids
        assert (found.text, found.prompt) == (expected.text, expected.prompt)
    given = lm(ponder.Conversation((USER, MINE), continue_final_message=True), **options)
    assert given.text == expected.text
    goes_on = ponder.Conversation((USER, MINE), continue_final_message=True)
    scored = lm.choose(goes_on, ["c", "d"], ends=False, join="")
    other = fronts.read(lm.model, asks.Read(asks.Path([USER], text=MINE.content), ("c", "d"), join=""))
    assert [one.logprob for one in scored.choices] == [text.logprob for text in other.texts]


def test_choices_after_many_prompts():
    """As after each alone; the baseline is read once, until something else about it is asked."""
    with closing(LM(tiny_local_model())) as lm:
        options = {"chat": False, "baseline": "n", "join": "", "ends": False}
        alone = [lm.choose(prompt, ["ab", "c"], **options) for prompt in ("a" * 40, "b", "c")]
        before = lm.model.engine.stats().prompt_tokens
        assert lm.choose_many(["a" * 40, "b", "c"], ["ab", "c"], **options) == tuple(alone)
        assert lm.model.engine.stats().prompt_tokens - before == 42
        other = lm.choose("b", ["ab", "c"], **{**options, "join": "d"})
        assert lm.model.engine.stats().prompt_tokens - before == 44
        assert other.choices[0].logprob != alone[1].choices[0].logprob
        assert lm.choose_many([], ["ab", "c"], **options) == ()


def test_choices_that_go_on_from_one_another(local_model):
    """300 of them score as each alone: a text's beginnings have the sums of its first tokens."""
    words, prompt = ["one", "two", "three", "four", "five", "six", "seven"], "We count:"
    choices = [" ".join(words[i % 7] for i in range(length)) for length in range(1, 301)]
    chosen = LM(local_model).choose(prompt, choices, chat=False)
    (alone,) = fronts.read(local_model, asks.Read(asks.Path(prompt), (choices[-1],), join=None)).texts
    sums = list(accumulate(alone.token_logprobs))
    assert [choice.logprob for choice in chosen.choices] == pytest.approx(sums, abs=1e-4)
    assert chosen.mass == pytest.approx(math.exp(sums[0]))


@pytest.mark.slow
def test_a_choice_of_one_token_is_drawn_as_often_as_it_scores(lm):
    """Where texts are single tokens, sampling under `OneOf` and `choose` have the same shares."""
    texts, count = ("a", "b", "c", "d"), 1000
    shares = [one.probability for one in lm.choose("hi", texts, chat=False, join="").choices]
    answers = [
        lm("hi", chat=False, n=100, seed=seed, max_tokens=2, constraint=OneOf(texts))
        for seed in range(count // 100)
    ]
    drawn = Counter(output.text for answer in answers for output in answer.outputs)
    for text, share in zip(texts, shares, strict=True):
        assert drawn[text] / count == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / count))


def test_variables_and_tools_reach_the_template():
    """In every way to ask; what is switched off may be told to a template that has no such switch."""
    from ponder.backends.local import LocalModel
    from ponder.text import ChatTemplate

    source = (
        "{{ messages[-1].content }}{{ tools | tojson if tools }} {{ mood }} {{ 1 if add_generation_prompt }}"
    )
    template = ChatTemplate(source, bos_token="", eos_token="")
    lm = LM(LocalModel("tiny", tiny_local_model().engine, template, {}))
    args, tool = {"mood": "<|im_end|> calm"}, {"type": "function", "function": {"name": "f<|im_end|>"}}
    asked = lm.request("hi", template_args=args, tools=[tool])
    resolved = lm.resolve(asked)
    assert (
        resolved.prompt == 'hi[{"type": "function", "function": {"name": "f<|im_end|>"}}] <|im_end|> calm 1'
    )
    assert lm.tokenizer.id_of("<|im_end|>") not in resolved.token_ids
    closed = ponder.Conversation((USER,), template_args=args, add_generation_prompt=False)
    assert lm.resolve(lm.request(closed)).prompt.endswith("calm ")
    assert lm.problem("hi", template_args=args).prompt == ponder.Conversation((USER,), template_args=args)
    off = lm.resolve(lm.request("hi", template_args={"enable_thinking": False}))
    assert off.prompt == lm.resolve(lm.request("hi")).prompt
    with pytest.raises(ParameterError, match=r"enable_thinking.*it has: mood"):
        lm("hi", template_args={"enable_thinking": "no"})


def test_a_stream_has_tokens_alone_and_the_completion_after_them(lm):
    """Printing each item's text prints the answer once."""
    options = {"seed": 3, "max_tokens": 6, "ignore_eos": True}
    stream = lm.stream("hi", **options)
    with pytest.raises(RuntimeError, match="has not ended"):
        stream.completion  # noqa: B018
    text = "".join(token.text for token in stream)
    assert text == stream.completion.text == lm("hi", **options).text

    async def streamed():
        stream = lm.astream("hi", **options)
        parts = [token.text async for token in stream]
        return "".join(parts), stream.completion.text

    assert asyncio.run(streamed()) == (text, text)


def test_a_stream_that_is_closed_stops(lm):
    """Nothing runs on, and no page is held."""
    with lm.stream("hi", max_tokens=40, ignore_eos=True) as stream:
        next(stream)
    assert list(stream) == []
    with pytest.raises(RuntimeError, match="has not ended"):
        stream.completion  # noqa: B018
    assert_model_at_rest(lm.model)
