"""The page as a person uses it: by roles, labels and keys."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, Request, expect

READY_MS = 20_000


class Playing:
    """The playground in a browser's tab.

    Attributes
    ----------
    sent : the requests that the page has made, the page's own files left out.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.sent: list[Request] = []
        self._answers: list[tuple[dict[str, Any], Any]] = []
        page.on("request", self._note)
        page.goto(url)

    def _note(self, request: Request) -> None:
        if "/v1/" in request.url:
            self.sent.append(request)

    def ready(self) -> Playing:
        """Wait until the model is there."""
        expect(self.page.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=READY_MS)
        expect(self.page.locator(".banner")).to_have_count(0, timeout=READY_MS)
        return self

    def mode(self, name: str) -> None:
        """Chat, Completion or Solve."""
        self.page.get_by_role("radio", name=name).click()

    def set(self, label: str, value: str) -> None:
        """Write a setting's value."""
        settings = self.page.get_by_role("complementary", name="Settings")
        number = settings.get_by_role("spinbutton", name=label, exact=True)
        field = number.or_(settings.get_by_role("textbox", name=label, exact=True))
        field.fill(value)
        field.press("Tab")

    @property
    def inspector(self) -> Any:
        """The pane that shows the choice of a token."""
        return self.page.get_by_role("complementary", name="Inspector")

    def say(self, text: str, *, wait: bool = True) -> None:
        """Write a message and run."""
        self.page.get_by_role("textbox", name="Message", exact=True).fill(text)
        self.run(wait=wait)

    def run(self, *, wait: bool = True) -> None:
        self.page.get_by_role("button", name="Run", exact=True).click()
        if wait:
            self.wait()

    def wait(self, word: str = "done") -> None:
        """Wait until the last run has ended so."""
        expect(self.page.locator(".status .word")).to_have_text(word, timeout=READY_MS)

    @property
    def tokens(self) -> Any:
        """The spans of the last answer."""
        return self.page.get_by_role("listbox").locator("[data-token]")

    def texts(self) -> list[str]:
        found: list[str] = self.tokens.all_text_contents()
        return found

    def choose(self, place: int) -> None:
        """Click a token, whose choice the inspector then shows."""
        self.tokens.nth(place).click()

    def tab(self, name: str) -> Any:
        """Open a tab of the inspector, and return it."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        return self.page.get_by_role("tabpanel", name=name)

    def dialog(self, name: str) -> Any:
        """Open Presets, Compare, Code, History or Share."""
        tools = self.page.get_by_role("navigation", name="Tools")
        tools.get_by_role("button", name=name).click()
        return self.page.get_by_role("dialog", name=name)

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of what was asked of the model."""
        asked = [request for request in self.sent if request.url.endswith(("completions", "responses"))]
        return [json.loads(request.post_data or "{}") for request in asked]
