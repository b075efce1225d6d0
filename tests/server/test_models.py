"""GET /v1/models, /version, /health."""

import httpx
import pytest

from ponder import __version__
from ponder.errors import ParameterError
from ponder.server.front.settings import ServerSettings
from serving import Tiny, error, events


def test_models(client: httpx.Client) -> None:
    """One model, as OpenAI lists it, with the context it has."""
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    (card,) = listed["data"]
    assert (card["id"], card["object"], card["owned_by"]) == ("smollm2-135m", "model", "ponder")
    assert card["max_model_len"] == 8192
    assert client.get("/v1/models/smollm2-135m").json() == card


@pytest.mark.slow
def test_unknown_model(tiny: Tiny) -> None:
    """404 wherever a model is named."""
    assert error(tiny.client.get("/v1/models/org/other"), 404)["code"] == "model_not_found"
    for path, body in (
        ("/v1/completions", {"prompt": "a"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]}),
        ("/tokenize", {"prompt": "a"}),
        ("/detokenize", {"tokens": [1]}),
    ):
        refused = error(tiny.client.post(path, json={**body, "model": "gpt-17"}), 404)
        assert (refused["code"], refused["param"]) == ("model_not_found", "model")
        assert "gpt-17" in refused["message"]
        assert "tiny" in refused["message"]
        assert tiny.client.post(path, json={**body, "model": "tiny"}).status_code == 200


@pytest.mark.slow
def test_served_names(tiny_server) -> None:
    """The model goes by the names it was given and by no other; an answer has the name that was asked for."""
    tiny: Tiny = tiny_server(served_model_name=("gpt-4o", "org/mini", "gpt-4o"))
    cards = tiny.client.get("/v1/models").json()["data"]
    assert [(card["id"], card["root"]) for card in cards] == [("gpt-4o", "tiny"), ("org/mini", "tiny")]
    assert tiny.client.get("/v1/models/org/mini").json() == cards[1]
    messages = [{"role": "user", "content": "a"}]
    for asked, called in (
        ({}, "gpt-4o"),
        ({"model": "gpt-4o"}, "gpt-4o"),
        ({"model": "org/mini"}, "org/mini"),
    ):
        for path, body in (
            ("/v1/completions", {"prompt": "a", "max_tokens": 1}),
            ("/v1/chat/completions", {"messages": messages, "max_tokens": 1}),
            ("/v1/embeddings", {"input": "a"}),
            ("/v1/score", {"text_1": "a", "text_2": "b"}),
        ):
            assert tiny.client.post(path, json={**body, **asked}).json()["model"] == called
        streamed = {"prompt": "a", "max_tokens": 2, "stream": True, **asked}
        chunks = events(tiny.client.post("/v1/completions", json=streamed).text)
        assert {chunk["model"] for chunk in chunks} == {called}
    refused = error(tiny.client.post("/v1/completions", json={"prompt": "a", "model": "tiny"}), 404)
    assert "gpt-4o" in refused["message"]
    assert "org/mini" in refused["message"]


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 257])
def test_names_that_are_none(name: str) -> None:
    """A name has to be readable."""
    with pytest.raises(ParameterError, match="served_model_name"):
        ServerSettings(served_model_name=(name,))


def test_version(tiny: Tiny) -> None:
    """The version of ponder."""
    assert tiny.client.get("/version").json() == {"version": __version__}


def test_health_asks_the_decode_loop(tiny: Tiny) -> None:
    """200 with the loop's answer; 503 once the loop is gone."""
    healthy = tiny.client.get("/health")
    assert healthy.status_code == 200
    assert healthy.json()["status"] == "ok"
    tiny.model.close()
    assert error(tiny.client.get("/health"), 503)["code"] == "closed"


def test_health_of_a_stuck_loop(tiny_server, monkeypatch) -> None:
    """A loop that does not answer in time is not healthy, though HTTP is."""
    tiny = tiny_server(health_timeout_s=0.2)
    assert tiny.client.get("/health").status_code == 200

    async def stuck(timeout_s: float) -> float:
        assert timeout_s == 0.2
        raise TimeoutError

    monkeypatch.setattr(tiny.model, "probe", stuck)
    stalled = tiny.client.get("/health")
    assert error(stalled, 503)["code"] == "stuck"
    assert int(stalled.headers["Retry-After"]) > 0
