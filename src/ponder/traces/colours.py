"""Text that is safe for a terminal, and the colours of certainty."""

from __future__ import annotations

from rich.text import Text

# Colours from certain to uncertain, readable on dark and on light grounds (256-colour palette).
SHADES = ("color(34)", "color(106)", "color(178)", "color(172)", "color(166)", "color(160)")
ENTROPY_STEPS = (0.25, 0.75, 1.5, 2.5, 4.0)  # nats
PROBABILITY_STEPS = (0.9, 0.7, 0.5, 0.25, 0.1)


def printable(text: str) -> str:
    """Show control and direction-changing characters as escapes, so that text cannot drive the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def entropy_style(entropy: float) -> str:
    """Return the colour of a token drawn from a distribution of this entropy in nats."""
    return SHADES[sum(entropy >= step for step in ENTROPY_STEPS)]


def probability_style(probability: float) -> str:
    """Return the colour of a token of this probability."""
    return SHADES[sum(probability < step for step in PROBABILITY_STEPS)]


def entropy_legend() -> Text:
    """Return one line that explains `entropy_style`."""
    return _legend("entropy in nats:", ENTROPY_STEPS, "<{}", "more")


def probability_legend() -> Text:
    """Return one line that explains `probability_style`."""
    return _legend("probability:", PROBABILITY_STEPS, ">={}", "less")


def _legend(title: str, steps: tuple[float, ...], form: str, last: str) -> Text:
    text = Text(title, style="dim")
    for shade, label in zip(SHADES, [*(form.format(step) for step in steps), last], strict=True):
        text.append("  ■ ", style=shade).append(label)
    return text
