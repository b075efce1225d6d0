"""Draw docs/tour.svg: the first parts of `ponder tour` as a terminal shows them."""

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

import ponder
from ponder.cli import terminal, tour
from ponder.cli.run import Color, style_of


def draw(path: Path) -> None:
    """Write the picture."""
    console = Console(
        record=True,
        width=110,
        file=io.StringIO(),
        force_terminal=True,
        color_system="256",
        markup=False,
        highlight=False,
    )
    lm = ponder.load()
    console.print(f'ponder run "{tour.QUESTION}" --temperature 0.7 --top-p 0.9 --color entropy', style="bold")
    console.print(terminal.entropy_legend())
    # Printed as one text, because a recording does not wrap what comes token by token.
    text = Text()
    for event in lm.stream(tour.QUESTION, temperature=0.7, top_p=tour.NUCLEUS, seed=1, max_tokens=70):
        text.append(event.text, style_of(event.trace, Color.entropy))
    console.print(text)
    for part in (tour.nucleus, tour.choice):
        part(lm, console)
    svg = console.export_svg(title="ponder tour", clear=True)
    # No fonts from the network.
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))


if __name__ == "__main__":
    draw(Path(__file__).with_name("tour.svg"))
