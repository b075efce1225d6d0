"""Draw the pictures of docs/token.md and ARCHITECTURE.md: rows.svg, pages.svg, step.svg."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

INK, LINE, FAINT, PAPER = "#1f2328", "#57606a", "#8c959f", "#f6f8fa"
GREEN, BLUE, YELLOW, GREY = "#dafbe1", "#ddf4ff", "#fff8c5", "#eaeef2"


class Picture:
    """Shapes and text on a panel of its own, so that it can be read on a light page and on a dark one."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, *, size: int = 13, ink: str = INK, at: str = "start"
    ) -> None:
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" fill="{ink}" text-anchor="{at}">{escape(text)}</text>'
        )

    def box(
        self, x: float, y: float, width: float, height: float, lines: Sequence[str], fill: str, dash: str = ""
    ) -> None:
        """A box with lines in its middle, the first of them larger."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" '
            f'fill="{fill}" stroke="{LINE}"{dashed}/>'
        )
        top = y + height / 2 - 8 * (len(lines) - 1) + 4
        for number, line in enumerate(lines):
            size, ink = (13, INK) if not number else (11, LINE)
            self.text(x + width / 2, top + 16 * number, line, size=size, ink=ink, at="middle")

    def arrow(
        self, points: Sequence[tuple[float, float]], label: str = "", dx: float = 0, dy: float = -6
    ) -> None:
        """A line with a head at its end and a label beside its middle."""
        path = " ".join(f"{x},{y}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.5" '
            'marker-end="url(#head)"/>'
        )
        if label:
            (x1, y1), (x2, y2) = points[len(points) // 2 - 1 : len(points) // 2 + 1]
            self.text((x1 + x2) / 2 + dx, (y1 + y2) / 2 + dy, label, size=12, at="middle")

    def write(self, path: Path, title: str) -> None:
        width, height = self.size
        body = "\n".join(self.parts)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="ui-monospace, Menlo, Consolas, monospace" role="img">\n'
            f"<title>{escape(title)}</title>\n"
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker></defs>\n'
            f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}" stroke="{FAINT}"/>\n'
            f"{body}\n</svg>\n"
        )


def rows(path: Path) -> None:
    """What the rows of logits of a step are rows of."""
    picture = Picture(860, 452)
    columns = (20, 210, 400, 640)
    for x, head in zip(
        columns, ("request, text", "context", "tokens computed", "rows of logits, after …"), strict=True
    ):
        picture.text(x, 28, head, ink=LINE)
    lines = (
        ("A, sample 0", "prompt", ("t₂",), ("t₂",), GREEN),
        ("A, sample 1", "prompt", ("t₂",), ("t₂",), GREEN),
        ("B, guidance", "prompt", ("t₅",), ("t₅",), BLUE),
        ("", "against", ("t₅",), ("t₅",), BLUE),
        ("C, chain", "prompt", ("t₃", "g₁?", "g₂?"), ("t₃", "g₁", "g₂"), YELLOW),
        ("D, star", "tries a", ("a?",), ("a",), GREY),
        ("", "tries b", ("b?",), ("b",), GREY),
        ("", "tries c", ("c?",), ("c",), GREY),
        ("E, a prompt's chunk", "prompt", ("p₄", "p₅", "p₆"), (), PAPER),
    )
    y = 42.0
    for text, context, tokens, after, fill in lines:
        if text:
            picture.text(columns[0], y + 19, text)
        picture.box(columns[1], y, 120, 28, [context], fill)
        for place, token in enumerate(tokens):
            guess = "4 3" if token.endswith("?") else ""
            picture.box(columns[2] + 72 * place, y, 62, 28, [token.rstrip("?")], fill, guess)
        if after:
            picture.arrow([(columns[2] + 72 * len(tokens), y + 14), (columns[3] - 8, y + 14)])
            width = 200 / len(after)
            for place, row in enumerate(after):
                picture.box(columns[3] + width * place, y, width - 6, 28, [row], fill)
        else:
            picture.text(columns[3], y + 19, "none: there is more to come", size=11, ink=LINE)
        y += 39
    picture.text(
        20,
        y + 16,
        "One pass computes all tokens. Dashed: not known to come. A mixture makes one row of B's two;",
        size=12,
    )
    picture.text(
        20, y + 34, "C keeps guesses as long as they are its own choice; D keeps one of a, b, c.", size=12
    )
    picture.write(path, "The rows of logits of a step")


def pages(path: Path) -> None:
    """The states of a page."""
    picture = Picture(860, 300)
    picture.box(30, 110, 170, 70, ["free", "holds nothing"], PAPER)
    picture.box(345, 110, 170, 70, ["busy", "branches hold it"], GREEN)
    picture.box(660, 110, 170, 70, ["idle", "only the tree keeps it"], BLUE)
    picture.arrow([(200, 128), (345, 128)], "allocate")
    picture.arrow([(345, 162), (200, 162)], "release", dy=18)
    picture.text(272, 198, "not kept", size=11, ink=LINE, at="middle")
    picture.arrow([(515, 128), (660, 128)], "release")
    picture.text(588, 104, "kept", size=11, ink=LINE, at="middle")
    picture.arrow([(660, 162), (515, 162)], "hold", dy=18)
    picture.text(588, 198, "a branch follows", size=11, ink=LINE, at="middle")
    picture.arrow([(400, 110), (400, 62), (460, 62), (460, 110)], "hold: a fork; keep: published in the tree")
    picture.arrow(
        [(745, 180), (745, 252), (115, 252), (115, 180)],
        "evict: the leaf unused for longest, when a page is wanted",
    )
    picture.write(path, "The states of a page")


def step(path: Path) -> None:
    """A step as a pipe."""
    picture = Picture(860, 300)
    stages = (
        ("_expire", "deadlines,", "paths that have ended"),
        ("_schedule", "whose tokens,", "into which slots"),
        ("_forward", "one pass:", "tokens → logits"),
        ("_decode", "mixture, decoder:", "rows → growths"),
        ("_apply", "fork, append, drop;", "look ahead"),
    )
    for number, stage in enumerate(stages):
        x = 20 + 168 * number
        picture.box(x, 90, 146, 76, stage, (PAPER, YELLOW, BLUE, GREEN, GREY)[number])
        if number:
            picture.arrow([(x - 22, 128), (x, 128)])
    flows = ("", "list[Scheduled]", "list[Logits]", "(Job, [Growth])")
    for number, flow in enumerate(flows):
        if flow:
            picture.text(177 + 168 * number, 78, flow, size=11, ink=LINE, at="middle")
    picture.box(188, 214, 146, 44, ["tree, pages"], PAPER)
    picture.box(356, 214, 146, 44, ["weights, kernels"], PAPER)
    picture.box(524, 214, 146, 44, ["sampler, masks"], PAPER)
    for x in (261, 429, 597):
        picture.arrow([(x, 214), (x, 166)])
    picture.arrow([(765, 90), (765, 40), (93, 40), (93, 90)], "texts that are still live: the next step")
    picture.arrow([(765, 166), (765, 258)])
    picture.text(765, 278, "events: who asked", size=12, at="middle")
    picture.write(path, "A step of the engine")


if __name__ == "__main__":
    here = Path(__file__).parent
    rows(here / "rows.svg")
    pages(here / "pages.svg")
    step(here / "step.svg")
