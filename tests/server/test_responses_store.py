"""Responses that are remembered: looked up, gone on with, deleted, bounded, and each key's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ponder.server.front.errors import ApiError
from ponder.server.openai.responses.store import Shelf, Shelves, Stored
from responding import PATH, TOOL, able_model, respond, text_of
from serving import Tiny, error, serving


def stored(number: int, text: str = "") -> Stored:
    item = {"type": "message", "id": f"msg_{number}", "text": text}
    return Stored({"id": f"resp_{number}", "output": [item]}, ())


def test_the_least_recently_used_goes() -> None:
    """Where there are too many, and a look counts as use."""
    shelf = Shelf(3, 10**6)
    for number in range(3):
        shelf.keep(stored(number))
    shelf.get("resp_0")
    shelf.keep(stored(3))
    assert list(shelf._stored) == ["resp_2", "resp_0", "resp_3"]
    with pytest.raises(ApiError, match="resp_1"):
        shelf.get("resp_1")


def test_a_thousand_stay_under_the_bound() -> None:
    """Of bytes as of entries; what is larger than all the room is not kept."""
    shelf = Shelf(1000, 50_000)
    for number in range(1000):
        shelf.keep(stored(number, "x" * number))
        assert shelf.bytes == sum(one.size for one in shelf._stored.values()) <= 50_000
    assert 0 < len(shelf) < 1000
    shelf.keep(stored(1000, "x" * 50_000))
    assert (len(shelf), shelf.bytes) == (0, 0)


def test_a_deleted_one_gives_its_room_back() -> None:
    """And is not there any more."""
    shelf = Shelf(10, 10**6)
    shelf.keep(stored(1))
    shelf.delete("resp_1")
    assert shelf.bytes == 0
    with pytest.raises(ApiError):
        shelf.delete("resp_1")


def test_shelves_are_apart() -> None:
    """One key's many do not push out another's."""
    shelves = Shelves(2, 10**6)
    shelves.of("a").keep(stored(0))
    for number in range(1, 9):
        shelves.of("b").keep(stored(number))
    assert len(shelves.of("a")) == 1
    assert len(shelves.of("b")) == 2


@pytest.fixture(scope="module")
def able() -> Iterator[Tiny]:
    """A server whose template has tools, and that remembers three responses."""
    with serving(able_model(), max_stored=3) as tiny:
        yield tiny


def test_a_response_is_remembered(able: Tiny) -> None:
    """Until it is deleted; with store false it is not."""
    response = respond(able)
    where = f"{PATH}/{response['id']}"
    assert able.client.get(where).json() == response
    gone = able.client.delete(where).json()
    assert gone == {"id": response["id"], "object": "response", "deleted": True}
    assert error(able.client.get(where), 404)["code"] == "response_not_found"
    error(able.client.delete(where), 404)
    kept_out = respond(able, store=False)
    assert kept_out["store"] is False
    error(able.client.get(f"{PATH}/{kept_out['id']}"), 404)


@pytest.mark.slow
def test_only_so_many(able: Tiny) -> None:
    """The first of four is forgotten."""
    ids = [respond(able)["id"] for _ in range(4)]
    assert [able.client.get(f"{PATH}/{one}").status_code for one in ids] == [404, 200, 200, 200]


@pytest.mark.slow
def test_going_on(able: Tiny) -> None:
    """As if all items had been sent, calls among them; instructions are not carried over."""
    call = {
        "tools": [TOOL],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_output_tokens": 200,
    }
    first = respond(able, "hi", instructions="be brief", **call)
    (made,) = first["output"]
    result = {"type": "function_call_output", "call_id": made["call_id"], "output": "8"}
    second = respond(able, [result], previous_response_id=first["id"], return_token_ids=True)
    assert second["previous_response_id"] == first["id"]
    sent = [{"role": "user", "content": "hi"}, made, result]
    again = respond(able, sent, return_token_ids=True)
    assert again["prompt_token_ids"] == second["prompt_token_ids"]
    assert text_of(again) == text_of(second)
    third = respond(able, "more", previous_response_id=second["id"])
    assert third["usage"]["input_tokens_details"]["cached_tokens"] > 0
    listed = able.client.get(f"{PATH}/{third['id']}/input_items", params={"order": "asc"}).json()
    kinds = [item["type"] for item in listed["data"]]
    assert kinds == ["message", "function_call", "function_call_output", "message", "message"]


def test_an_item_by_its_id(able: Tiny) -> None:
    """An item_reference is the stored item."""
    first = respond(able)
    (item,) = first["output"]
    hello = {"role": "user", "content": "x"}
    by_id = respond(able, [hello, {"type": "item_reference", "id": item["id"]}], return_token_ids=True)
    said = {"role": "assistant", "content": text_of(first)}
    assert (
        by_id["prompt_token_ids"] == respond(able, [hello, said], return_token_ids=True)["prompt_token_ids"]
    )
    told = error(able.client.post(PATH, json={"input": [{"type": "item_reference", "id": "msg_x"}]}), 404)
    assert "msg_x" in told["message"]


def test_what_is_not_there(able: Tiny) -> None:
    """404 that names the id."""
    told = error(able.client.post(PATH, json={"input": "a", "previous_response_id": "resp_x"}), 404)
    assert told["param"] == "previous_response_id"
    assert "resp_x" in told["message"]
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/input_items")):
        assert "resp_x" in error(able.client.request(method, f"{PATH}/resp_x{path}"), 404)["message"]


def test_pages_of_input(able: Tiny) -> None:
    """The newest first, in pages."""
    items = [{"role": "user", "content": str(number)} for number in range(5)]
    where = f"{PATH}/{respond(able, items)['id']}/input_items"

    def page(**query: Any) -> tuple[list[str], bool, str]:
        told = able.client.get(where, params=query).json()
        texts = [item["content"][0]["text"] for item in told["data"]]
        assert (told["first_id"], told["last_id"]) == (told["data"][0]["id"], told["data"][-1]["id"])
        return texts, told["has_more"], told["last_id"]

    texts, more, last = page(limit=2)
    assert (texts, more) == (["4", "3"], True)
    assert page(after=last)[:2] == (["2", "1", "0"], False)
    assert page(order="asc")[0] == ["0", "1", "2", "3", "4"]
    for query in ({"limit": "0"}, {"limit": "x"}, {"order": "up"}, {"after": "msg_x"}, {"other": "1"}):
        assert next(iter(query)) in error(able.client.get(where, params=query), 400)["message"]
    error(able.client.get(where.removesuffix("/input_items"), params={"stream": "true"}), 400)


@pytest.mark.slow
def test_keys_are_apart(tiny_server: Callable[..., Tiny]) -> None:
    """Another key's id is as one that is not there, in whichever header the key comes."""
    tiny = tiny_server(api_key=("one", "two"), headers={"Authorization": "Bearer one"})
    id_ = respond(tiny)["id"]
    other = {"Authorization": "Bearer two"}
    error(tiny.client.get(f"{PATH}/{id_}", headers=other), 404)
    error(tiny.client.delete(f"{PATH}/{id_}", headers=other), 404)
    going_on = {"input": "a", "previous_response_id": id_}
    error(tiny.client.post(PATH, json=going_on, headers=other), 404)
    own = {"Authorization": "", "X-Api-Key": "one"}
    assert tiny.client.get(f"{PATH}/{id_}", headers=own).status_code == 200
