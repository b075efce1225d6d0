"""What users of the command `llm` type: the model is listed in extra-openai-models.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import BASE, MODEL, SCHEMA, TRUTH, Refused, check, equal, fits, main

USER_PATH = Path(tempfile.mkdtemp(prefix="llm-"))
LLM = Path(sys.executable).with_name("llm")
CHAT, RAW = TRUTH["chats"][0], TRUTH["prompts"][0]
QUESTION = CHAT["messages"][0]["content"]
ENTRIES = (
    {"model_id": "here", "supports_schema": True, "supports_tools": True, "vision": True, "reasoning": True},
    {"model_id": "raw", "completion": True},
    {"model_id": "responses", "responses": True, "supports_schema": True},
    {"model_id": "nobody", "model_name": "gpt-17"},
)
(USER_PATH / "extra-openai-models.yaml").write_text(
    json.dumps([{"model_name": MODEL, "api_base": BASE, **entry} for entry in ENTRIES])
)


def llm(*arguments: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command; `said` is its standard input."""
    environment = {**os.environ, "LLM_USER_PATH": str(USER_PATH), "OPENAI_API_KEY": "none"}
    return subprocess.run(
        [LLM, *arguments], input=said or "", capture_output=True, text=True, env=environment, check=False
    )


def written(*arguments: str, said: str | None = None) -> str:
    """Return what the command writes, which must succeed."""
    done = llm(*arguments, said=said)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout.removesuffix("\n")


def refused(*arguments: str, names: str, said: str | None = None) -> None:
    """Raise Refused, for the command must fail with the server's words."""
    done = llm(*arguments, said=said)
    assert done.returncode != 0, done.stdout
    assert names in done.stderr, done.stderr[-500:]
    assert "Traceback" not in done.stderr, done.stderr[-500:]
    raise Refused(done.stderr.strip())


GREEDY = ("-o", "temperature", "0", "-o", "max_tokens", "8")


@check("a prompt, streamed, is what transformers writes")
def prompt() -> None:
    equal(written("-m", "here", *GREEDY, QUESTION), CHAT["text"])


@check("a prompt, not streamed")
def whole() -> None:
    equal(written("-m", "here", *GREEDY, "--no-stream", QUESTION), CHAT["text"])


@check("a system prompt, the prompt from standard input")
def system() -> None:
    said, asked = (message["content"] for message in TRUTH["chats"][1]["messages"])
    equal(written("-m", "here", *GREEDY, "-s", said, said=asked), TRUTH["chats"][1]["text"])


@check("a completion model")
def completion() -> None:
    equal(written("-m", "raw", *GREEDY, RAW["prompt"]), RAW["text"])
    equal(written("-m", "raw", *GREEDY, "--no-stream", RAW["prompt"]), RAW["text"])


@check("log-probabilities of a completion model, in the log")
def logprobs() -> None:
    written("-m", "raw", *GREEDY, "-o", "logprobs", "2", "--no-stream", RAW["prompt"])
    last = json.loads(written("logs", "-n", "1", "--json"))[0]
    found = last["response_json"]["choices"][0]["logprobs"]["token_logprobs"]
    for value, true in zip(found, RAW["logprobs"], strict=True):
        assert abs(value - true) < 0.35, (value, true)


@check("usage, in the log")
def usage() -> None:
    written("-m", "here", *GREEDY, QUESTION)
    last = json.loads(written("logs", "-n", "1", "--json"))[0]
    equal((last["input_tokens"], last["output_tokens"]), (CHAT["prompt_tokens"], len(CHAT["token_ids"])))


@check("a conversation goes on")
def conversation() -> None:
    written("-m", "here", *GREEDY, QUESTION)
    first = json.loads(written("logs", "-n", "1", "--json"))[0]
    assert written("-c", *GREEDY, "And who wrote Faust?")
    last = json.loads(written("logs", "-n", "1", "--json"))[0]
    equal(last["conversation_id"], first["conversation_id"])
    assert last["input_tokens"] > first["input_tokens"] + len(CHAT["token_ids"])


@check("a seed says the text")
def seeds() -> None:
    def drawn(seed: int) -> str:
        options = ("-o", "temperature", "1", "-o", "max_tokens", "12", "-o", "seed", str(seed))
        return written("-m", "here", *options, QUESTION)

    equal(drawn(3), drawn(3))
    assert {drawn(4), drawn(5)} != {drawn(3)}


@check("stop and logit_bias")
def stop() -> None:
    text = TRUTH["prompts"][1]["text"]
    cut = written("-m", "raw", *GREEDY, "-o", "stop", ", 9", TRUTH["prompts"][1]["prompt"])
    equal(cut, text[: text.index(", 9")].rstrip("\n"))
    token = RAW["token_ids"][0]
    forced = ("-o", "max_tokens", "1", "-o", "logit_bias", json.dumps({token: 100}))
    assert RAW["text"].startswith(written("-m", "raw", *forced, "1, 2, 3"))


@check("the endpoint command: its models, a prompt")
def endpoint() -> None:
    equal(written("openai", "endpoint", BASE, "--models").split(), [MODEL])
    equal(written("openai", "endpoint", BASE, "-m", MODEL, *GREEDY, QUESTION), CHAT["text"])


@check("an interactive chat")
def chat() -> None:
    shown = written("chat", "-m", "here", *GREEDY, said=f"{QUESTION}\nexit\n")
    assert CHAT["text"] in shown, shown


@check("reasoning_effort asks nothing of this model")
def effort() -> None:
    equal(written("-m", "here", *GREEDY, "-o", "reasoning_effort", "low", QUESTION), CHAT["text"])


@check("an unknown model is told in the server's words")
def unknown_model() -> None:
    done = llm("-m", "nobody", QUESTION)
    assert done.returncode != 0
    assert "there is no model 'gpt-17' here" in done.stderr, done.stderr[-500:]


@check("a prompt that is too long is told in the server's words")
def too_long() -> None:
    done = llm("-m", "here", said="word " * 9000)
    assert done.returncode != 0
    assert "the prompt is too long" in done.stderr, done.stderr[-500:]


@check("a schema")
def schema() -> None:
    shape = ("--schema", json.dumps(SCHEMA), "-o", "temperature", "1", "-o", "max_tokens", "40")
    for streamed in ((), ("--no-stream",)):
        fits(written("-m", "here", *shape, *streamed, "A dog"))
    told = json.loads(written("-m", "here", "--schema", "name, age int", "-o", "max_tokens", "60", "A dog"))
    equal((type(told["name"]), type(told["age"])), (str, int))


@check("json_object")
def json_object() -> None:
    told = written("-m", "here", "-o", "json_object", "true", "-o", "max_tokens", "60", "A dog in JSON")
    equal(type(json.loads(told)), dict)


@check("a tool")
def tool() -> None:
    if "qwen" not in MODEL:
        refused("-m", "here", "-T", "llm_version", "What version?", names="tools")
    shown = written(
        "-m", "here", "-T", "llm_version", "-o", "temperature", "0", "--td", "Which version of llm is this?"
    )
    assert shown, shown


@check("an image")
def image() -> None:
    path = USER_PATH / "dot.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    refused("-m", "here", "-a", str(path), "What is this?", names="image_url")


@check("the responses endpoint")
def responses() -> None:
    asked = ("-m", "responses", "-o", "temperature", "0", "-o", "max_tokens", "16")
    streamed = written(*asked, QUESTION)
    assert streamed.startswith(CHAT["text"]), streamed
    equal(written(*asked, "--no-stream", QUESTION), streamed)
    last = json.loads(written("logs", "-n", "1", "--json"))[0]
    equal((last["input_tokens"], last["output_tokens"]), (CHAT["prompt_tokens"], 16))


@check("the responses endpoint: a schema, whole and streamed")
def responses_schema() -> None:
    shape = ("--schema", json.dumps(SCHEMA), "-o", "temperature", "1", "-o", "max_tokens", "40")
    for streamed in ((), ("--no-stream",)):
        fits(written("-m", "responses", *shape, *streamed, "A dog"))


@check("the responses endpoint: a conversation goes on")
def responses_conversation() -> None:
    options = ("-o", "temperature", "0", "-o", "max_tokens", "16", "--no-stream")
    written("-m", "responses", *options, QUESTION)
    first = json.loads(written("logs", "-n", "1", "--json"))[0]
    assert written("-c", *options, "And who wrote Faust?")
    last = json.loads(written("logs", "-n", "1", "--json"))[0]
    equal(last["conversation_id"], first["conversation_id"])
    assert last["input_tokens"] > first["input_tokens"] + first["output_tokens"]


if __name__ == "__main__":
    main()
