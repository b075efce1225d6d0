"""Files of the page: the schema and `ponder trace show` take them, and damaged ones do no harm."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import Page, expect

from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing
from .test_history import begun, saved

pytestmark = pytest.mark.slow

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "trace.schema.json").read_text())
MUTATED = 200  # the reader itself is held against 2,000 in web/test
VALUE = re.compile(r'(?<=[:\[,])(-?[\d.]+|"[^"]*"|null)(?!:)')
PUT = (
    "null", "-1", "1e308", "4294967296", "0.5", '""', "[]", "{}", "true", '{"__proto__": {"x": 1}}',
    '"<img src=x onerror=\\"document.title=\'pwned\'\\">"', '"\\ud800"', '"\\u202e"',
)  # fmt: skip

# Give the history's input one file after another; return how many were opened, how many refused.
OPEN_ALL = """async contents => {
    let opened = 0, refused = 0;
    for (const content of contents) {
        let input = document.querySelector('input[type=file]');
        if (!input) {
            [...document.querySelectorAll('nav[aria-label=Tools] button')]
                .find(one => one.textContent.includes('History')).click();
            while (!(input = document.querySelector('input[type=file]')))
                await new Promise(requestAnimationFrame);
        }
        const files = new DataTransfer();
        const name = `mutated-${opened + refused}.json`;
        files.items.add(new File([content], name));
        input.files = files.files;
        const dialog = input.closest('dialog');
        input.dispatchEvent(new Event('change', { bubbles: true }));
        for (let frame = 0; ; frame++) {
            await new Promise(requestAnimationFrame);
            if (!dialog.isConnected) { opened++; break; }
            if (dialog.textContent.includes(name + ' cannot be opened')) { refused++; break; }
            if (frame > 300) throw new Error('neither opened nor refused: ' + content.slice(0, 200));
        }
    }
    return [opened, refused];
}"""


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=1024)) as tiny:
        yield tiny


def test_a_saved_trace_is_as_the_schema_says(page: Page, tiny: Tiny, tmp_path: Path) -> None:
    """And `ponder trace show` has a line for each of its tokens."""
    playing = begun(page, tiny)
    file = saved(page, playing, "Save the trace", tmp_path / "trace.json")
    trace = json.loads(file.read_text())
    Draft202012Validator(SCHEMA).validate(trace)
    shown = subprocess.run(
        [sys.executable, "-m", "ponder", "trace", "show", str(file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    lines = [int(place) for place in re.findall(r"^ *(\d+)  ", shown.stdout, re.MULTILINE)]
    assert lines == list(range(len(trace["texts"][0]["tokens"])))


def test_damaged_sessions_do_no_harm(page: Page, tiny: Tiny, tmp_path: Path) -> None:
    """Each is opened or refused in a sentence; nothing throws, runs or is sent."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "4")
    playing.set("seed", "5")
    playing.say("hi")
    whole = saved(page, playing, "Save the session", tmp_path / "session.json").read_text()
    values = list(VALUE.finditer(whole))
    dice = random.Random(3)
    mutated = []
    for _ in range(MUTATED):
        one = dice.choice(values)
        mutated.append(whole[: one.start()] + dice.choice(PUT) + whole[one.end() :])
    asked = len(playing.bodies())
    playing.dialog("History")
    opened, refused = page.evaluate(OPEN_ALL, mutated)
    assert opened + refused == MUTATED
    assert opened
    assert refused
    assert page.title() != "pwned"
    assert page.locator("img, script:not([src])").count() == 0
    assert len(playing.bodies()) == asked
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_attached()
