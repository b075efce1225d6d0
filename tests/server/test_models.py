"""GET /v1/models, /version, /health."""

import httpx

from ponder import __version__
from serving import Tiny, error


def test_models(client: httpx.Client) -> None:
    """One model, as OpenAI lists it, with the context it has."""
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    (card,) = listed["data"]
    assert (card["id"], card["object"], card["owned_by"]) == ("smollm2-135m", "model", "ponder")
    assert card["max_model_len"] == 8192
    assert client.get("/v1/models/smollm2-135m").json() == card


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
