"""Draw docs/tour.svg: the first parts of `ponder tour` as a terminal shows them."""

import io
import re
from pathlib import Path

from rich.console import Console

import ponder
from ponder.cli import tour

console = Console(
    record=True,
    width=104,
    file=io.StringIO(),
    force_terminal=True,
    color_system="256",
    markup=False,
    highlight=False,
)
lm = ponder.load()
for part in (tour.answer, tour.nucleus, tour.choice):
    part(lm, console)
svg = console.export_svg(title="ponder tour", clear=True)
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no fonts from the network
Path(__file__).with_name("tour.svg").write_text(svg)
