"""Draw the pictures of docs/playground.md: the page, with the default model, as a browser shows it.

It needs Chromium ($PONDER_BROWSER, or chromium on the path) and `pip install -e '.[browser,server]'`.
"""

import os
import shutil
import threading
from io import BytesIO
from pathlib import Path

from PIL import Image
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


def take(page: Page, path: Path) -> None:
    """Write a picture of the page, in few colours: a tenth of a photograph's size."""
    image = Image.open(BytesIO(page.screenshot()))
    image.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


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
        take(page, folder / "playground.png")
        what_if = page.get_by_role("region", name="What if")
        what_if.get_by_role("spinbutton", name="temperature").fill("1.4")
        take(page, folder / "playground_what_if.png")
        what_if.get_by_role("button", name="Reset").click()
        page.get_by_role("list", name="Alternatives").get_by_role("button").nth(1).click()
        expect(page.locator(".status .word")).to_have_text("done", timeout=LOADED_MS)
        page.get_by_role("tab", name="Tree").click()
        take(page, folder / "playground_tree.png")
        page.get_by_role("listbox").locator("[data-token]").nth(12).click()
        page.get_by_role("tab", name="Six systems").click()
        page.get_by_role("button", name="What do they keep?").click()
        page.wait_for_load_state("networkidle")
        take(page, folder / "playground_six_systems.png")
        tools = page.get_by_role("navigation", name="Tools")
        tools.get_by_role("button", name="Compare").click()
        page.get_by_role("dialog").get_by_role("button", name="Run all").click()
        expect(page.get_by_role("dialog").get_by_text("tok/s")).to_have_count(2, timeout=LOADED_MS)
        take(page, folder / "playground_compare.png")
        page.keyboard.press("Escape")
        tools.get_by_role("button", name="Presets").click()
        take(page, folder / "playground_presets.png")
        page.keyboard.press("Escape")
        page.get_by_role("radio", name="Solve").click()
        page.get_by_role("textbox", name="Problem").fill(
            "Anna has 3 apples and buys 2 more. How many apples has she?"
        )
        page.get_by_role("button", name="Solve", exact=True).click()
        expect(page.get_by_role("button", name="Solve", exact=True)).to_be_visible(timeout=LOADED_MS)
        page.get_by_role("tab", name="Search").click()
        take(page, folder / "playground_solve.png")
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
