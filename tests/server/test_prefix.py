"""Going on with a text: `prefix_token_ids`, `prefix_text`, `lineage`, `continue_final_message`."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from ponder.asks import BackEvent, TokenEvent, Usage
from ponder.asks.settling import Settling
from ponder.backends.local import LocalModel
from ponder.engine import Engine
from serving import Tiny, error, events, text_of
from tiny_models import tiny_local_model, tiny_tokenizer

COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
OPENINGS = ("The capital of France is", "Once upon a time", "def add(a, b):\n", "1, 2, 3,", "Żółw 🙂")
TOKENS = 14
LETTERS = {"logit_bias": {str(control): -100 for control in (61, 62, 63)}, "ignore_eos": True}
"""In a request to the tiny model: each token is a character."""
REQUESTS, CUTS = 55, 4


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response


@dataclass
class Grown:
    """A choice as it was streamed: one entry a token, or a last one without."""

    ids: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    finish: tuple[Any, Any] = (None, None)
    lineage: list[list[int]] | None = None


def streamed(
    client: httpx.Client, path: str, body: dict[str, Any]
) -> tuple[dict[int, Grown], dict[str, Any]]:
    """Return the choices of a stream, and its usage."""
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}, "return_token_ids": True}
    *chunks, last = events(post(client, path, asked).text)
    grown: dict[int, Grown] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        one = grown.setdefault(choice["index"], Grown())
        one.finish = (choice["finish_reason"], choice.get("stop_reason"))
        if "token_ids" not in choice:  # a chat's opening
            continue
        assert len(choice["token_ids"]) <= 1
        one.ids += choice["token_ids"]
        one.texts.append(choice["text"] if "text" in choice else choice["delta"].get("content", ""))
        one.told += told_of(choice)
        one.lineage = choice.get("lineage", one.lineage)
    return grown, last["usage"]


def told_of(choice: dict[str, Any]) -> list[Any]:
    """Return what is told of each token of a choice."""
    logprobs = choice["logprobs"]
    if logprobs is None:
        return []
    if "content" in logprobs:
        return logprobs["content"]
    return list(zip(*(logprobs[key] for key in ("tokens", "token_logprobs", "top_logprobs")), strict=True))


def drawn_body(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Return an endpoint and a request to it."""
    body: dict[str, Any] = {
        "seed": rng.randrange(2**31),
        "temperature": rng.choice([0, 0.7, 1.3]),
        "max_tokens": rng.randint(TOKENS - 6, TOKENS),
        "n": rng.choice([1, 1, 2, 3]),
    }
    for name, values in {
        "frequency_penalty": [0.8],
        "presence_penalty": [-0.5],
        "repetition_penalty": [1.3],
        "stop": [["e t", "."], [" a", "qx"], "\n"],
        "min_tokens": [3, 7],
        "bad_words": [["the", " a"], ["e"]],
        "top_p": [0.8],
        "ignore_eos": [True],
    }.items():
        if rng.random() < 0.3:
            body[name] = rng.choice(values)
    opening = rng.choice(OPENINGS)
    if rng.random() < 0.5:
        return COMPLETIONS, {**body, "prompt": opening, "logprobs": 2}
    return CHAT, {**body, "messages": [{"role": "user", "content": opening}], "logprobs": True}


@pytest.fixture
def served(local_model: LocalModel, tiny_server: Callable[..., Tiny]) -> Tiny:
    """A server over the default model, with an engine of its own."""
    engine = Engine(local_model.engine.model, local_model.tokenizer, 1024)
    return tiny_server(LocalModel(local_model.name, engine, local_model.template, {}))


def test_a_text_goes_on_as_if_it_had_not_been_interrupted(served: Tiny) -> None:
    """Cut anywhere, any choice goes on with its tokens, text, log-probabilities and end, from the cache.

    `max_tokens` and all else in the request is as it was, but `n`: one choice goes on.
    """
    rng = random.Random(20)
    asked = [drawn_body(rng) for _ in range(REQUESTS)]
    with ThreadPoolExecutor(6) as pool:
        whole = list(pool.map(lambda one: streamed(served.client, *one)[0], asked))
        cases = []
        for (path, body), grown in zip(asked, whole, strict=True):
            for _ in range(CUTS):
                one = grown[rng.randrange(body["n"])]
                cases.append((path, body, one, rng.randint(0, len(one.ids) - 1)))
        assert len(cases) >= 200
        assert sum(bool(one.lineage) for _, _, one, _ in cases) > 20
        rests = list(pool.map(lambda case: go_on(served.client, *case), cases))
    for (path, body, one, cut), (rest, usage) in zip(cases, rests, strict=True):
        case = (path, body, cut)
        assert rest.ids == one.ids[cut:], case
        assert rest.texts == one.texts[cut:], case
        assert rest.told == one.told[cut:], case
        assert rest.finish == one.finish, case
        assert rest.lineage == one.lineage, case
        assert usage["prompt_tokens_details"]["cached_tokens"] >= usage["prompt_tokens"] - 1, case
        assert usage["completion_tokens"] == len(rest.ids)


def go_on(
    client: httpx.Client, path: str, body: dict[str, Any], one: Grown, cut: int
) -> tuple[Grown, dict[str, Any]]:
    """Go on with a choice after so many of its tokens."""
    begun = {"n": 1, "prefix_token_ids": one.ids[:cut], "lineage": one.lineage}
    grown, usage = streamed(client, path, {**body, **begun})
    return grown[0], usage


@pytest.mark.slow
def test_whole_answers_go_on_too(tiny: Tiny) -> None:
    """Without a stream: text, ids, log-probabilities; offsets count from where the answer begins."""
    body = {"prompt": "hello", "seed": 3, "max_tokens": 20, "n": 3, "logprobs": 1, "return_token_ids": True}
    body |= LETTERS
    whole = post(tiny.client, COMPLETIONS, body).json()
    for choice in whole["choices"]:
        for cut in (1, 7, 19):
            begun = {"prefix_token_ids": choice["token_ids"][:cut], "lineage": choice["lineage"], "n": 1}
            answer = post(tiny.client, COMPLETIONS, {**body, **begun}).json()
            (rest,) = answer["choices"]
            assert rest["token_ids"] == choice["token_ids"][cut:]
            assert rest["text"] == choice["text"][cut:]  # each token is a character
            assert told_of(rest) == told_of(choice)[cut:]
            assert rest["logprobs"]["text_offset"] == list(range(20 - cut))
            assert rest["lineage"] == choice["lineage"]
            assert rest["prompt_token_ids"] == choice["prompt_token_ids"]
            assert answer["usage"]["prompt_tokens"] == 5 + cut
            assert answer["usage"]["completion_tokens"] == 20 - cut
    lineages = [choice["lineage"] for choice in whole["choices"]]
    assert lineages == [[], [[0, 1]], [[0, 2]]]


def test_branches_of_a_prefix(tiny: Tiny) -> None:
    """n choices of one prefix differ; the first goes on as the text did; each tells its lineage."""
    body = {"prompt": "hello", "seed": 3, "max_tokens": 20, "ignore_eos": True, "return_token_ids": True}
    (whole,) = post(tiny.client, COMPLETIONS, body).json()["choices"]
    begun = {"prefix_token_ids": whole["token_ids"][:6], "n": 3}
    answer = post(tiny.client, COMPLETIONS, {**body, **begun}).json()["choices"]
    assert [choice["lineage"] for choice in answer] == [[], [[6, 1]], [[6, 2]]]
    assert answer[0]["token_ids"] == whole["token_ids"][6:]
    assert len({choice["text"] for choice in answer}) == 3
    grown, _ = streamed(tiny.client, COMPLETIONS, {**body, **begun})
    for choice in answer:
        one = grown[choice["index"]]
        assert (one.ids, one.lineage) == (choice["token_ids"], choice["lineage"])
        longer = {"prefix_token_ids": begun["prefix_token_ids"] + one.ids[:5], "lineage": one.lineage}
        (rest,) = post(tiny.client, COMPLETIONS, {**body, **longer}).json()["choices"]
        assert rest["token_ids"] == one.ids[5:]


def test_beams_go_on(tiny: Tiny) -> None:
    """A search from a prefix gives texts without it, whole and streamed; the tree has only new nodes."""
    body = {"prompt": "hello", "num_beams": 3, "n": 2, "max_tokens": 9, "prefix_text": "abc"}
    answer = post(tiny.client, COMPLETIONS, {**body, "return_token_ids": True}).json()
    assert all(1 <= len(choice["token_ids"]) <= 6 for choice in answer["choices"])
    assert answer["usage"]["prompt_tokens"] == 8
    options = {"stream": True, "stream_options": {"include_tree": True}}
    chunks = events(post(tiny.client, COMPLETIONS, {**body, **options}).text)
    assert [text_of(chunks, i) for i in range(2)] == [choice["text"] for choice in answer["choices"]]
    depths = {-1: 0}
    for node in (node for chunk in chunks for node in chunk.get("tree", [])):
        depths[node["node"]] = depths[node["parent"]] + 1
    assert max(depths.values()) <= 6


def test_a_prefix_that_has_ended(tiny: Tiny) -> None:
    """The answer is empty and says how it ended: by length, by a stop string; whole, streamed, n times."""
    body = {"prompt": "hello", "seed": 1, "max_tokens": 6, **LETTERS}
    (whole,) = post(tiny.client, COMPLETIONS, {**body, "return_token_ids": True}).json()["choices"]
    text = whole["text"]
    stop = text[4:6]
    assert text.index(stop) == 4
    for extra, expected in (({}, ("length", None)), ({"stop": [stop]}, ("stop", stop))):
        for prefix in ({"prefix_token_ids": whole["token_ids"]}, {"prefix_text": text}):
            ended = {**body, **extra, **prefix, "n": 2}
            answer = post(tiny.client, COMPLETIONS, ended).json()
            assert [choice["text"] for choice in answer["choices"]] == ["", ""]
            for choice in answer["choices"]:
                assert (choice["finish_reason"], choice["stop_reason"]) == expected
            assert answer["usage"]["completion_tokens"] == 0
            assert answer["usage"]["prompt_tokens"] == 11
            grown, _ = streamed(tiny.client, COMPLETIONS, ended)
            assert [(one.texts, one.finish) for one in grown.values()] == [([""], expected)] * 2


@pytest.mark.slow
def test_a_beginning_of_a_stop_string_is_not_repeated(tiny: Tiny) -> None:
    """It is held back: to a client that has it as text it is not told again; one with tokens gets it."""
    body = {"prompt": "hello", "seed": 2, "max_tokens": 10, **LETTERS}
    (whole,) = post(tiny.client, COMPLETIONS, {**body, "return_token_ids": True}).json()["choices"]
    text, ids = whole["text"], whole["token_ids"]
    stop = {"stop": [text[3:6] + "~~"]}  # begins in the text and is never complete
    for stream in (False, True):
        assert go_on_with(tiny, {**body, **stop, "prefix_text": text[:6]}, stream) == text[6:]
        assert go_on_with(tiny, {**body, **stop, "prefix_text": text[:5]}, stream) == text[5:]
        assert go_on_with(tiny, {**body, **stop, "prefix_token_ids": ids[:6]}, stream) == text[3:]
        beams = {"num_beams": 2, "seed": None}
        plain = go_on_with(tiny, {**body, **beams, "prefix_text": text[:6]}, stream)
        assert go_on_with(tiny, {**body, **beams, **stop, "prefix_text": text[:6]}, stream) == plain
    stop = {"stop": [text[3:8]]}  # is completed by what is new: nothing of it is told
    (choice,) = post(tiny.client, COMPLETIONS, {**body, **stop, "prefix_text": text[:6]}).json()["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("", "stop")
    kept = {**body, **stop, "include_stop_str_in_output": True, "prefix_text": text[:6]}
    assert go_on_with(tiny, kept, False) == go_on_with(tiny, kept, True) == text[6:8]
    tree = {"stream": True, "stream_options": {"include_tree": True}, "num_beams": 1, "seed": None}
    chunks = events(post(tiny.client, COMPLETIONS, {**body, **tree, **stop, "prefix_text": text[:5]}).text)
    nodes = [node["text"] for chunk in chunks for node in chunk.get("tree", [])]
    assert "".join(nodes) == text_of(chunks)


def go_on_with(tiny: Tiny, body: dict[str, Any], stream: bool) -> str:
    if stream:
        return text_of(events(post(tiny.client, COMPLETIONS, {**body, "stream": True}).text))
    return post(tiny.client, COMPLETIONS, body).json()["choices"][0]["text"]


def test_half_a_character(tiny_server: Callable[..., Tiny]) -> None:
    """A prefix of tokens that ends inside a character goes on with the rest of it, and with its offset."""
    tokenizer = tiny_tokenizer(None)
    tiny = tiny_server(tiny_local_model(tokenizer))
    snail = tokenizer.encode("🐌")
    body = {"prompt": "hello", "max_tokens": 6, "logprobs": 0, "temperature": 0}
    bias = {"logit_bias": {str(snail[-1]): 100}}
    begun = {"prefix_token_ids": [*tokenizer.encode("a"), *snail[:-1]]}
    (choice,) = post(tiny.client, COMPLETIONS, {**body, **bias, **begun, "max_tokens": 5}).json()["choices"]
    assert choice["text"] == "🐌"
    (choice,) = post(tiny.client, COMPLETIONS, {**body, **bias, **begun}).json()["choices"]
    assert choice["text"] == "🐌\ufffd"
    assert choice["logprobs"]["text_offset"] == [0, 1]


def test_prompt_logprobs_are_of_the_prompt_alone(tiny: Tiny) -> None:
    """A prefix adds none."""
    body = {"prompt": "hello", "prompt_logprobs": 1, "max_tokens": 8}
    (plain,) = post(tiny.client, COMPLETIONS, body).json()["choices"]
    (choice,) = post(tiny.client, COMPLETIONS, {**body, "prefix_text": "abc"}).json()["choices"]
    assert len(choice["prompt_logprobs"]) == 5
    assert [set(entry or ()) for entry in choice["prompt_logprobs"]] == [
        set(entry or ()) for entry in plain["prompt_logprobs"]
    ]


def test_several_prompts_begin_alike(tiny: Tiny) -> None:
    """Each prompt's texts begin with the prefix."""
    body = {"max_tokens": 9, "seed": 4, "prefix_text": "ab", "return_token_ids": True}
    both = post(tiny.client, COMPLETIONS, {**body, "prompt": ["one", "two"]}).json()["choices"]
    for prompt, choice in zip(("one", "two"), both, strict=True):
        (alone,) = post(tiny.client, COMPLETIONS, {**body, "prompt": prompt}).json()["choices"]
        assert choice["token_ids"] == alone["token_ids"]


@pytest.mark.slow
def test_max_tokens_counts_the_prefix(tiny: Tiny, tiny_server: Callable[..., Tiny]) -> None:
    """A limit that the request sets does; one that nobody set lets the text grow; the server's own holds."""
    ids = tiny.model.tokenizer.encode("abcdefghij" * 2)
    body = {"prompt": "hello", "ignore_eos": True, "prefix_token_ids": ids, "return_token_ids": True}

    def grown(server: Tiny, **more: Any) -> int:
        (choice,) = post(server.client, COMPLETIONS, {**body, **more}).json()["choices"]
        return len(choice["token_ids"])

    assert grown(tiny, max_tokens=23) == 3
    assert grown(tiny) == 16
    assert grown(tiny, prefix_token_ids=ids[:4]) == 12
    strict = tiny_server(max_tokens=25)
    assert grown(strict) == 5
    assert grown(strict, prefix_token_ids=ids[:9]) == 7
    long = {"prefix_token_ids": ids * 2}
    told = error(strict.client.post(COMPLETIONS, json={**body, **long}), 400)
    assert told["param"] == "prefix_token_ids"
    assert "at most 25" in told["message"]


@pytest.mark.slow
def test_a_limit_that_nobody_set_gives_way(tiny: Tiny, tiny_server: Callable[..., Tiny]) -> None:
    """Near the end of the context, which a longer negative prompt or a prefix brings nearer."""
    context = tiny.model.offers.context or 0
    strict = tiny_server(max_tokens=100)
    for server in (tiny, strict):
        body = {"guidance_scale": 2, "ignore_eos": True, "return_token_ids": True}
        for path, prompt in (
            (COMPLETIONS, {"prompt": "hello"}),
            (CHAT, {"messages": [{"role": "user", "content": "hello"}]}),
        ):
            negative = "b" * (context - 5 if path == COMPLETIONS else context - 60)
            answer = post(server.client, path, {**body, **prompt, "negative_prompt": negative}).json()
            assert 1 <= len(answer["choices"][0]["token_ids"]) < 60
        near = {"prompt": "a" * (context - 40), "prefix_text": "b" * 35, "ignore_eos": True}
        (choice,) = post(server.client, COMPLETIONS, {**near, "return_token_ids": True}).json()["choices"]
        assert (len(choice["token_ids"]), choice["finish_reason"]) == (5, "length")
        told = error(server.client.post(COMPLETIONS, json={**near, "prefix_text": "b" * 41}), 400)
        assert told["code"] == "context_length_exceeded"


def conversation(last: Any = "The answer") -> list[dict[str, Any]]:
    return [{"role": "user", "content": "hello"}, {"role": "assistant", "content": last}]


@pytest.mark.slow
def test_the_final_message_goes_on(tiny: Tiny) -> None:
    """As if the model had written it: the same as `prefix_text` after the messages before."""
    body = {"seed": 1, "max_tokens": 20, "return_token_ids": True}
    expected = post(
        tiny.client, CHAT, {**body, "messages": conversation()[:1], "prefix_text": "the answer"}
    ).json()
    for more in ({}, {"add_generation_prompt": False}):
        asked = {**body, "messages": conversation("the answer"), "continue_final_message": True, **more}
        answer = post(tiny.client, CHAT, asked).json()
        assert answer["choices"] == expected["choices"]
        assert answer["prompt_token_ids"] == expected["prompt_token_ids"]
        assert answer["usage"]["prompt_tokens"] == len(answer["prompt_token_ids"]) + 10
        grown, _ = streamed(tiny.client, CHAT, asked)
        assert grown[0].ids == answer["choices"][0]["token_ids"]
    parts = [{"type": "text", "text": "the "}, {"type": "text", "text": "answer"}]
    asked = {**body, "messages": conversation(parts), "continue_final_message": True}
    assert post(tiny.client, CHAT, asked).json()["choices"] == expected["choices"]
    spelled = {**body, "messages": conversation("<|im_end|>"), "continue_final_message": True}
    assert (
        post(tiny.client, CHAT, spelled).json()["usage"]["prompt_tokens"]
        > len(expected["prompt_token_ids"]) + 1
    )


def test_an_answer_cut_short_goes_on_as_a_message(served: Tiny) -> None:
    """A greedy reply, cut at a word and sent back as the assistant's message, ends as it would have."""
    body = {"temperature": 0, "max_tokens": 24}
    question = [{"role": "user", "content": "Name three colours."}]
    text = post(served.client, CHAT, {**body, "messages": question}).json()["choices"][0]["message"][
        "content"
    ]
    cut = text.index(" ", len(text) // 2)
    messages = [*question, {"role": "assistant", "content": text[:cut]}]
    asked = {**body, "messages": messages, "continue_final_message": True, "add_generation_prompt": False}
    answer = post(served.client, CHAT, asked).json()["choices"][0]["message"]["content"]
    assert text[:cut] + answer == text


REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a token that is none": (COMPLETIONS, {"prefix_token_ids": [1, 64]}, "prefix_token_ids", "from 0 to 63"),
    "a negative token": (COMPLETIONS, {"prefix_token_ids": [-1]}, "prefix_token_ids", "from 0 to 63"),
    "no number": (COMPLETIONS, {"prefix_token_ids": ["a"]}, "prefix_token_ids", "a whole number"),
    "no text": (CHAT, {"prefix_text": 3}, "prefix_text", "text"),
    "both": (
        COMPLETIONS,
        {"prefix_text": "a", "prefix_token_ids": [1]},
        "prefix_token_ids",
        "left out with prefix_text",
    ),
    "a lineage that is none": (COMPLETIONS, {"lineage": [[1]]}, "lineage", "pairs of whole numbers"),
    "a lineage of branch 0": (COMPLETIONS, {"lineage": [[0, 0]]}, "lineage", "pairs of whole numbers"),
    "a lineage beyond the prefix": (
        COMPLETIONS,
        {"lineage": [[3, 1]], "prefix_token_ids": [1, 2]},
        "lineage",
        "at most 2 tokens",
    ),
    "echo": (COMPLETIONS, {"prefix_text": "a", "echo": True}, "echo", "left out or false with prefix_text"),
    "longer than max_tokens": (
        COMPLETIONS,
        {"prefix_text": "abc", "max_tokens": 2},
        "max_tokens",
        "at least 3",
    ),
    "longer than max_completion_tokens": (
        CHAT,
        {"prefix_text": "abc", "max_completion_tokens": 2},
        "max_completion_tokens",
        "at least 3",
    ),
    "not allowed by bad_words": (
        COMPLETIONS,
        {"prefix_text": "abc", "bad_words": ["b"]},
        "prefix_text",
        "its token 1 is not",
    ),
    "the last message is the user's": (
        CHAT,
        {"continue_final_message": True},
        "continue_final_message",
        "not the assistant's",
    ),
    "a message opened and gone on with": (
        CHAT,
        {"continue_final_message": True, "add_generation_prompt": True, "messages": conversation()},
        "add_generation_prompt",
        "with continue_final_message",
    ),
    "a message and a prefix": (
        CHAT,
        {"continue_final_message": True, "messages": conversation(), "prefix_text": "a"},
        "prefix_text",
        "with continue_final_message",
    ),
    "a message without text": (
        CHAT,
        {"continue_final_message": True, "messages": conversation(None)},
        "messages",
        "text",
    ),
    "a message that bad_words forbid": (
        CHAT,
        {"continue_final_message": True, "messages": conversation("abc"), "bad_words": ["c"]},
        "messages",
        "its token 2 is not",
    ),
    "continue_final_message in a completion": (
        COMPLETIONS,
        {"continue_final_message": True},
        "continue_final_message",
        "unknown",
    ),
}


@pytest.mark.parametrize(("path", "body", "param", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(tiny: Tiny, path: str, body: dict[str, Any], param: str, part: str) -> None:
    """By the name that the request used, in a sentence that says what is allowed; nothing is left running."""
    prompt = {"prompt": "a"} if path == COMPLETIONS else {"messages": [{"role": "user", "content": "a"}]}
    told = error(tiny.client.post(path, json={**prompt, **body}), 400)
    assert told["param"] == param
    assert part in told["message"]
    assert tiny.running() == 0


def test_a_text_too_long_is_refused_unread(tiny: Tiny) -> None:
    """However it were cut into tokens."""
    told = error(tiny.client.post(COMPLETIONS, json={"prompt": "a", "prefix_text": "a" * 10**6}), 400)
    assert told["code"] == "context_length_exceeded"


def test_what_may_be_taken_back_is_not_streamed() -> None:
    """Tokens go out once they are settled, in order; those given up never do, and the end releases all."""
    usage = Usage(1, 0, 0, 1, 1)
    told = [
        TokenEvent(1, 0, None, "a", None, usage, settled=0),
        TokenEvent(1, 0, None, "b", None, usage, settled=1),
        TokenEvent(1, 0, None, "c", None, usage, settled=1),
        BackEvent(1, 0, 2, "ab", 2),
        TokenEvent(1, 0, None, "d", None, usage, settled=2),
        TokenEvent(1, 0, None, "e", "stop", usage, settled=2),
    ]
    settling = Settling()
    out = ["".join(settled.text for settled in settling.take(event)) for event in told]
    assert out == ["", "a", "", "b", "", "de"]
