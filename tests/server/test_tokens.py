"""POST /tokenize and /detokenize, GET /tokenizer_info."""

import httpx

from ponder.text import Message
from serving import Tiny, error


def test_there_and_back(client: httpx.Client, local_model) -> None:
    """The ids of the model's tokenizer, and the text they came from."""
    text = "Zażółć 日本 <|im_end|>\n"
    answer = client.post("/tokenize", json={"prompt": text, "return_token_strs": True}).json()
    assert answer["tokens"] == list(local_model.encode(text).token_ids)
    assert answer["count"] == len(answer["tokens"]) == len(answer["token_strs"])
    assert answer["max_model_len"] == 8192
    assert client.post("/detokenize", json={"tokens": answer["tokens"]}).json() == {"prompt": text}


def test_pieces(client: httpx.Client, local_model) -> None:
    """The pieces of the vocabulary, as vLLM gives them: not the text they stand for."""
    told = client.post("/tokenize", json={"prompt": "This is\n<|im_end|>", "return_token_strs": True}).json()
    assert told["token_strs"] == ["This", "Ġis", "Ċ", "<|im_end|>"]
    assert [local_model.tokenizer.id_of(piece) for piece in told["token_strs"]] == told["tokens"]


def test_messages(tiny: Tiny) -> None:
    """A conversation as the chat template writes it."""
    answer = tiny.client.post("/tokenize", json={"messages": [{"role": "user", "content": "hi"}]}).json()
    assert answer["tokens"] == list(tiny.model.encode([Message("user", "hi")]).token_ids)
    assert answer["token_strs"] is None


def test_what_is_refused(tiny: Tiny) -> None:
    """Neither or both of prompt and messages; ids that are none."""
    error(tiny.client.post("/tokenize", json={}), 400)
    both = {"prompt": "a", "messages": [{"role": "user", "content": "a"}]}
    error(tiny.client.post("/tokenize", json=both), 400)
    for tokens in ([64], [-1], ["a"], [2**63], [1.0]):
        assert error(tiny.client.post("/detokenize", json={"tokens": tokens}), 400)["param"] == "tokens"


def test_tokenizer_info(client: httpx.Client) -> None:
    """What lm-eval asks to use the server's tokenizer."""
    info = client.get("/tokenizer_info").json()
    assert info["eos_token"] == "<|im_end|>"
    assert info["vocab_size"] == 49152
