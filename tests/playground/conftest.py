"""A browser, and pages of a server over a tiny model.

The browser is $PONDER_BROWSER, or what is installed as chromium or google-chrome. Without one these tests are
skipped, but where PONDER_REQUIRE_BROWSER=1 they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright  # noqa: E402

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    given = os.environ.get("PONDER_BROWSER")
    return given or next(filter(None, map(shutil.which, NAMES)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all that is here in one line where there is no browser."""
    if browser_path() is not None or os.environ.get("PONDER_REQUIRE_BROWSER") == "1":
        return
    skip = pytest.mark.skip(reason="needs a browser: install chromium, or name one in PONDER_BROWSER")
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window, for one file: until it ends no other event loop runs in this thread."""
    path = browser_path()
    assert path is not None, "PONDER_REQUIRE_BROWSER=1, and there is no browser: install chromium"
    with sync_playwright() as playwright:
        # Without a sandbox of its own: Chromium has none for root, as whom containers run.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context_of(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Return a function that makes a profile of its own, with some settings."""
    contexts: list[BrowserContext] = []

    def make(**settings: Any) -> BrowserContext:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **settings}))
        contexts[-1].set_default_timeout(10_000)
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(context_of: Callable[..., BrowserContext], request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page. No script may fail, and nothing be written to the console, where a browser also writes
    that a request was refused: tests of that are marked `refused`."""
    page = context_of().new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    if request.node.get_closest_marker("refused") is None:
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    yield page
    assert said == []
