"""Nothing is lost, and nothing runs unasked: reload, files, traces, links, a full disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ponder.traces import read_trace
from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=1024)) as tiny:
        yield tiny


def begun(page: Page, tiny: Tiny) -> Playing:
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "20")
    playing.set("seed", "5")
    playing.say("hello there")
    return playing


def saved(page: Page, playing: Playing, button: str, path: Path) -> Path:
    """Save something by its button of the history."""
    history = playing.dialog("History")
    with page.expect_download() as download:
        history.get_by_role("button", name=button).click()
    download.value.save_as(path)
    page.keyboard.press("Escape")
    return path


def opened(page: Page, playing: Playing, path: Path) -> None:
    history = playing.dialog("History")
    with page.expect_file_chooser() as chooser:
        history.get_by_role("button", name="Open a session or a trace").click()
    chooser.value.set_files(path)


def test_a_session_is_there_again(page: Page, tiny: Tiny) -> None:
    """After the page was loaded anew, with its tokens, and asks nothing of the model."""
    playing = begun(page, tiny)
    texts = playing.texts()
    expect(playing.dialog("History").get_by_role("button", name="hello there", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    again = Playing(page, tiny.server.url).ready()
    again.dialog("History").get_by_role("button", name="hello there", exact=True).click()
    expect(again.tokens).to_have_count(len(texts))
    assert again.texts() == texts
    assert again.bodies() == []
    again.choose(3)
    assert "rank" in again.inspector.inner_text()


def test_a_session_travels(
    context_of: Callable[..., BrowserContext], page: Page, tiny: Tiny, tmp_path: Path
) -> None:
    """Saved here and opened in another profile, it is the same session, which saves as the same again."""
    playing = begun(page, tiny)
    file = saved(page, playing, "Save the session", tmp_path / "session.json")
    other = Playing(context_of().new_page(), tiny.server.url).ready()
    opened(other.page, other, file)
    expect(other.tokens).to_have_count(len(playing.texts()))
    assert other.texts() == playing.texts()
    assert other.bodies() == []
    again = saved(other.page, other, "Save the session", tmp_path / "again.json")
    one, two = (json.loads(path.read_text()) for path in (file, again))
    assert one["format"] == two["format"] == "ponder-session"
    traces = [[run["trace"] for run in session_runs(whole)] for whole in (one, two)]
    assert traces[0] == traces[1] != []


def session_runs(whole: dict) -> list[dict]:
    """The runs of a session's file, wherever they stand in it."""
    runs = whole["session"]["runs"] if "session" in whole else whole["runs"]
    return list(runs.values()) if isinstance(runs, dict) else runs


def test_a_trace_is_a_file_of_ponders(page: Page, tiny: Tiny, tmp_path: Path) -> None:
    """`ponder trace show` reads what the page saved."""
    playing = begun(page, tiny)
    trace = read_trace(saved(page, playing, "Save the trace", tmp_path / "trace.json"))
    assert len(trace.texts[0].tokens) == len(playing.texts())
    assert trace.texts[0].text == "".join(playing.texts()).replace("<|im_end|>", "")


def test_a_link_fills_the_form_and_runs_nothing(
    context_of: Callable[..., BrowserContext], page: Page, tiny: Tiny
) -> None:
    """A person presses Run, and the same text comes."""
    playing = begun(page, tiny)
    texts = playing.texts()
    link = playing.dialog("Share").get_by_role("textbox").first.input_value()
    assert len(link) < 16_000
    other = Playing(context_of().new_page(), link).ready()
    other.page.wait_for_timeout(300)
    assert other.bodies() == []
    other.run()
    assert other.texts() == texts


@pytest.mark.refused
def test_a_full_disk_loses_nothing(page: Page, tiny: Tiny) -> None:
    """Where the browser can keep no more, the page says so, and the text stays."""
    page.add_init_script(
        "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') }"
    )
    playing = begun(page, tiny)
    assert playing.texts()
    expect(page.get_by_role("alert").first).to_be_visible()
    playing.say("and again")
    assert playing.texts()


HOSTILE = (
    "{",
    "[]",
    '{"format": "ponder-session", "version": 99}',
    '{"format": "ponder-session", "version": 1, "session": {"__proto__": {"x": 1}}}',
    '{"version": 1, "model": "<img src=x onerror=alert(1)>", "tokens": [{"parent": 5}]}',
    '{"version": 1, "rows": ' + "[" * 5000 + "]" * 5000 + "}",
)


@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_file_is_refused(page: Page, tiny: Tiny, tmp_path: Path, content: str) -> None:
    """In a sentence; what was there stays."""
    playing = begun(page, tiny)
    texts = playing.texts()
    path = tmp_path / "hostile.json"
    path.write_text(content)
    opened(page, playing, path)
    expect(page.get_by_role("alert").first).to_be_visible()
    page.keyboard.press("Escape")
    assert playing.texts() == texts
