"""Draw the pictures of docs/playground.md: the page, with the default model, as a browser shows it.

It needs Chromium ($PONDER_BROWSER, or chromium on the path) and `pip install -e '.[browser,server]'`.
"""

import os
import shutil
import threading
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from ponder.backends.local import load_local
from ponder.server.front.settings import ServerSettings
from ponder.server.run import Server

QUESTION = "Why is the sky blue?"
LOADED_MS = 60_000


def run(page: Page, text: str, **settings: str) -> None:
    """Set what is asked for, write a message and wait for its answer."""
    fields = page.get_by_role("complementary", name="Settings")
    for name, value in settings.items():
        label = name.replace("_", " ")
        field = fields.get_by_role("spinbutton", name=label, exact=True)
        field.or_(fields.get_by_role("textbox", name=label, exact=True)).fill(value)
    page.get_by_role("textbox", name="Message", exact=True).fill(text)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".status .word")).to_have_text("done", timeout=LOADED_MS)


def draw(folder: Path, url: str) -> None:
    """Write playground*.png."""
    browser = os.environ.get("PONDER_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1360, "height": 860})
        page.goto(url)
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=LOADED_MS)
        run(page, QUESTION, temperature="0.8", top_p="0.9", seed="1", max_tokens="90")
        page.get_by_role("listbox").locator("[data-token]").nth(8).click()
        page.screenshot(path=folder / "playground.png")
        what_if = page.get_by_role("region", name="What if")
        what_if.get_by_role("spinbutton", name="temperature").fill("1.4")
        page.screenshot(path=folder / "playground_what_if.png")
        for tab in ("Tree", "Constraints", "Six systems"):
            page.get_by_role("tab", name=tab).click()
            page.screenshot(path=folder / f"playground_{tab.lower().replace(' ', '_')}.png")
        for dialog in ("Presets", "Compare", "Code", "History", "Share"):
            page.get_by_role("navigation", name="Tools").get_by_role("button", name=dialog).click()
            page.screenshot(path=folder / f"playground_{dialog.lower()}.png")
            page.keyboard.press("Escape")
        chromium.close()


if __name__ == "__main__":
    server = Server(ServerSettings(port=0, quiet=True), lambda: load_local("smollm2-135m"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        draw(Path(__file__).parent, server.url)
    finally:
        server.stop()
        thread.join()
