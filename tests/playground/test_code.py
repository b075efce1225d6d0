"""The code of a request, run as it stands, gives the page's text."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from ponder.backends.local import load_local
from serving import Tiny, serving

from .playing import Playing

pytestmark = pytest.mark.slow

MESSAGE = 'It\'s a "test" of $HOME, `code` and \\ backslashes: name a colour.'
RUN = {
    "curl": ("bash",),
    "openai (Python)": (sys.executable,),
    "ponder (Python)": (sys.executable,),
    "JavaScript": ("node", "--input-type=module"),
}


@pytest.fixture(scope="module")
def served(checkpoint: object) -> Iterator[Tiny]:
    """The default model, which the snippets that need no server load by its name."""
    with serving(load_local("smollm2-135m")) as served:
        yield served


def said(language: str, snippet: str, folder: Path) -> str:
    """What a snippet prints, or the text in the JSON that it prints."""
    done = subprocess.run(
        RUN[language], input=snippet, capture_output=True, text=True, timeout=120, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    if language != "curl":
        return done.stdout.removesuffix("\n")
    answer = json.loads(done.stdout)
    if "output" in answer:
        return str(answer["output"][0]["content"][0]["text"])
    choice = answer["choices"][0]
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


@pytest.mark.parametrize("interface", ["Chat", "Completions", "Responses"])
def test_it_gives_the_pages_text(page: Page, served: Tiny, tmp_path: Path, interface: str) -> None:
    playing = Playing(page, served.server.url).ready()
    playing.set("max tokens", "24")
    playing.set("temperature", "0.7")
    playing.set("top p", "0.9")
    playing.say(MESSAGE)
    text = "".join(playing.texts()).removesuffix("<|im_end|>")
    dialog = playing.dialog("Code")
    dialog.get_by_role("combobox", name="Interface").select_option(label=interface)
    for language, command in RUN.items():
        if shutil.which(command[0]) is None:
            continue  # nobody needs Node for the rest
        dialog.get_by_role("tab", name=language).click()
        assert said(language, dialog.get_by_role("tabpanel").inner_text(), tmp_path) == text, language
