"""For everyone: axe finds nothing in any pane, theme or width; nothing is cut off; keys reach everything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing

pytestmark = pytest.mark.slow

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
TABS = ("Choice", "Six systems", "Tree", "Constraints", "Search")
DIALOGS = ("Presets", "Compare", "Code", "History", "Share")
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced": {"forced_colors": "active"},
}


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=4096)) as tiny:
        yield tiny


def begun(page: Page, tiny: Tiny) -> Playing:
    """A page with a text, one of whose tokens is looked at."""
    playing = Playing(page, tiny.server.url).ready()
    playing.say("hello", wait=True)
    return playing


def faults(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": list(RULES)}).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(
    context_of: Callable[..., BrowserContext], tiny: Tiny, look: str, width: int
) -> None:
    page = context_of(viewport={"width": width, "height": 800}, **LOOKS[look]).new_page()
    begun(page, tiny)
    found: dict[str, list[str]] = {"text": faults(page)}
    if width >= 800:
        page.get_by_role("listbox").locator("[data-token]").first.click()
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            found[tab] = faults(page)
        for name in DIALOGS:
            page.get_by_role("navigation", name="Tools").get_by_role("button", name=name).click()
            found[name] = faults(page)
            page.keyboard.press("Escape")
    else:
        for pane in page.get_by_role("navigation", name="Panes").get_by_role("button").all():
            pane.click()
            found[pane.inner_text()] = faults(page)
    assert {name: one for name, one in found.items() if one} == {}


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_nothing_is_cut_off(context_of: Callable[..., BrowserContext], tiny: Tiny, width: int) -> None:
    """No horizontal scroll; what is pressed is 24 pixels wide and high, but for tokens in a line."""
    page = context_of(viewport={"width": width, "height": 800}).new_page()
    begun(page, tiny)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, summary, [role=tab]")]
            .filter(one => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
            .map(one => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.width < 23.5 || box.height < 23.5))
            .map(([html, box]) => `${html}: ${box.width} x ${box.height}`)"""
    )
    assert small == []


def test_by_keyboard_alone(page: Page, tiny: Tiny) -> None:
    """Type, run, look at a token, branch: focus is never lost."""
    playing = Playing(page, tiny.server.url).ready()
    composer = page.get_by_role("textbox", name="Message", exact=True)
    for _ in range(60):
        if composer.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.type("hello")
    page.keyboard.press("Control+Enter")
    playing.wait()
    page.keyboard.press("Alt+ArrowRight")
    if not page.get_by_role("option", selected=True).count():
        page.keyboard.press("F6")
    focused = "document.activeElement !== null && document.activeElement !== document.body"
    assert page.evaluate(focused)
    before = len(playing.bodies())
    listbox = page.get_by_role("listbox").first
    listbox.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert "rank" in playing.inspector.inner_text()
    page.keyboard.press("Control+.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    playing.wait()
    assert len(playing.bodies()) == before + 1
    assert "prefix_token_ids" in playing.bodies()[-1]
    assert page.evaluate(focused)


HOSTILE = (
    "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>",
    "\u202egnp.exe \u2066\u2069 \u200b",
    "a\x00b\x07c \ud800 lone",
    "x" * 100_000,
)


@pytest.mark.refused
@pytest.mark.parametrize("text", HOSTILE, ids=["markup", "bidi", "controls", "long"])
def test_hostile_text_is_text(page: Page, tiny: Tiny, text: str) -> None:
    """What a person or a model writes never runs. What the server refuses is said, and the page goes on."""
    playing = Playing(page, tiny.server.url).ready()
    system = page.get_by_role("textbox", name="System message")
    system.fill(text)
    playing.set("max tokens", "8")
    playing.say("hi " + text[:200], wait=False)
    expect(page.locator(".status .word")).to_have_text(re.compile("done|failed"), timeout=20_000)
    assert page.title() != "pwned"
    assert page.locator("img, script:not([src])").count() == 0
    system.fill("")
    page.get_by_role("button", name="Commands").click()
    page.get_by_role("option", name="New session").click()
    playing.say("hello")
    assert playing.texts()
