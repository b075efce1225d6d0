"""A trace, drawn in the terminal: what each token was chosen from, and a search's tree."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text as Line
from rich.tree import Tree

from ponder.traces.colours import entropy_style, printable
from ponder.traces.document import Row, Text, Token, Trace
from ponder.traces.redraw import nucleus, redraw

PROMPT = -1
SPARKS = "▁▂▃▄▅▆▇█"
CHOSEN, OTHERS, REST = "█", "▒░", "·"
BAR, SPELLED, SHOWN = 24, 14, 3
LONGEST = 200  # characters that are shown of a prompt, a parameter, a token


@dataclass(frozen=True, slots=True)
class Redraw:
    """Draw each nucleus at this temperature and top-p instead of what the token was chosen from."""

    temperature: float
    top_p: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Probabilities of a row's top tokens, 0 where they are cut off, and of what is kept beyond them."""

    probs: tuple[float, ...]
    rest: float


def shares(trace: Trace, row: Row, how: Redraw | None) -> Shares:
    """Return what a row's token was drawn with, or would be with raw logits at another temperature."""
    if how is None:
        return Shares(row.truncated, max(0.0, 1 - math.fsum(row.truncated)))
    again = redraw(row, trace.temperatures, how.temperature)
    count = nucleus(again.probs, how.top_p)
    kept = again.probs[:count]
    rest = again.tail if count == len(again.probs) and math.fsum(kept) < how.top_p else 0.0
    total = math.fsum(kept) + rest
    cut = (0.0,) * (len(again.probs) - count)
    return Shares((*(prob / total for prob in kept), *cut), rest / total)


def draw(console: Console, trace: Trace, *, how: Redraw | None = None, pruned: bool = False) -> None:
    """Print a whole trace; `pruned` shows each candidate that a search gave up, not just how many."""
    _head(console, trace)
    if any(token.score is not None for token in trace.tokens):
        console.print(tree(trace, pruned=pruned))
    for number, text in enumerate(trace.texts):
        console.print(f"\n[{number}] {text.finish_reason}, logprob {text.logprob:.2f}", style="bold")
        if not text.tokens:
            continue
        rows = [trace.rows[trace.tokens[token].row] for token in text.tokens]
        most = max(1.0, *(row.entropy for row in rows))
        console.print(Line("entropy ", style="dim").append(sparkline([row.entropy for row in rows], most)))
        heads = ("token", "entropy", "rank", "kept", "nucleus")
        console.print("{:>4}  {:<14}    {:>7} {:>6} {:>6}  {}".format("", *heads), style="dim")
        for place, token in enumerate(text.tokens):
            console.print(_token_line(trace, place, trace.tokens[token], most, how))


def draw_token(console: Console, trace: Trace, text: Text, place: int, how: Redraw | None = None) -> None:
    """Print all that is known of one token of a text."""
    token = trace.tokens[text.tokens[place]]
    row = trace.rows[token.row]
    drawn = shares(trace, row, how)
    console.print(
        f"token {place}: {spelled(trace, token.id)} (id {token.id}), rank {token.rank}, "
        f"entropy {row.entropy:.3f} nats, {row.kept} of {trace.vocab_size} kept",
        style="bold",
    )
    console.print(
        f"logprob {token.logprob:.4f} raw, {token.tempered_logprob:.4f} tempered, "
        f"{token.truncated_logprob:.4f} truncated"
    )
    for step in row.steps:
        changed = f", changed {step.changed}" if step.changed else ""
        name = one_line(step.step)
        console.print(f"  {name:<22} removed {step.removed} tokens that held {step.mass:.4f}{changed}")
    title = "nucleus" if how is None else f"at {how.temperature:g}, top-p {how.top_p:g}"
    console.print(f"\n{'':<2}{'':<{SPELLED}} {'tempered':>8} {'share':>6}  {title}", style="dim")
    largest = max((*drawn.probs, drawn.rest, 1e-9))
    for one, tempered, share in zip(row.ids, row.tempered, drawn.probs, strict=True):
        mark = "▶ " if one == token.id else "  "
        line = Line(mark + set_cell_size(spelled(trace, one), SPELLED))
        line.append(f" {tempered:8.4f} {share:6.3f}  " if share else f" {tempered:8.4f} {'cut':>6}  ")
        line.append(CHOSEN * round(share / largest * 2 * BAR), style="green" if one == token.id else "cyan")
        console.print(line, style="" if share else "dim")
    if drawn.rest > 5e-4:
        console.print(f"  {'all others':<{SPELLED}} {'':>8} {drawn.rest:6.3f}", style="dim")


def spelled(trace: Trace, token: int) -> str:
    """Return a token's text on one line, nothing in it that drives a terminal."""
    return one_line(trace.vocabulary[str(token)].text)


def one_line(text: str) -> str:
    """Return a text, or as much of it as is shown, on one line and safe for a terminal."""
    shown = printable(text[:LONGEST]).replace("\n", "⏎").replace("\t", "⇥")
    return shown if len(text) <= LONGEST else shown + "…"


def sparkline(values: Sequence[float], most: float) -> Line:
    """Return one bar a value, from 0 to `most`."""
    line = Line()
    for value in values:
        level = min(len(SPARKS) - 1, max(0, int(value / most * len(SPARKS))))
        line.append(SPARKS[level], style=entropy_style(value))
    return line


def bar(drawn: Shares, chosen: int | None) -> Line:
    """Return a bar that kept tokens divide by their probabilities; `chosen` is the place of the one drawn."""
    line, ahead, end = Line(), 0.0, 0
    for place, share in enumerate(drawn.probs):
        ahead += share
        start, end = end, max(end, min(BAR, round(ahead * BAR)))
        if place == chosen:
            line.append(CHOSEN * (end - start) or "▏", style="green")
        else:
            line.append(OTHERS[place % len(OTHERS)] * (end - start), style="cyan")
    return line.append(REST * (BAR - line.cell_len), style="dim")


def tree(trace: Trace, *, pruned: bool) -> Tree:
    """Return a search's tree; a line is what all texts below it share."""
    living = {token for text in trace.texts for token in text.tokens}
    ends = {text.tokens[-1]: text for text in trace.texts if text.tokens}
    below: dict[int, list[int]] = {}
    for number, token in enumerate(trace.tokens):
        below.setdefault(token.parent, []).append(number)
    root = Tree(Line("prompt", style="dim"), guide_style="dim")
    waiting = [(root, child) for child in reversed(_shown(below, PROMPT, living, pruned))]
    while waiting:
        above, number = waiting.pop()
        words, lost = _spelling(trace, number), _lost(below, number, living)
        while number not in ends and len(children := _shown(below, number, living, pruned)) == 1:
            (number,) = children
            words += _spelling(trace, number)
            lost += _lost(below, number, living)
        line = Line(words, style="" if number in living else "dim")
        score = trace.tokens[number].score
        if score is not None:
            line.append(f"  {score:.2f}", style="green" if number in ends else "dim")
        if number in ends:
            line.append(f" {ends[number].finish_reason}", style="green")
        elif number not in living and number not in below:
            line.append(f" {trace.tokens[number].ended or ''} pruned".replace("  ", " "), style="red")
        if lost and not pruned:
            line.append(f"  ({lost} pruned)", style="dim")
        branch = above.add(line)
        waiting += [(branch, child) for child in reversed(_shown(below, number, living, pruned))]
    return root


def _shown(below: dict[int, list[int]], number: int, living: set[int], pruned: bool) -> list[int]:
    return [child for child in below.get(number, []) if pruned or child in living]


def _lost(below: dict[int, list[int]], number: int, living: set[int]) -> int:
    return sum(child not in living for child in below.get(number, []))


def _spelling(trace: Trace, number: int) -> str:
    return spelled(trace, trace.tokens[number].id)


def _head(console: Console, trace: Trace) -> None:
    console.print(f"{one_line(trace.model)}, {trace.prompt_tokens} prompt tokens", style="bold")
    console.print(one_line(trace.prompt), style="dim")
    set_ = [
        f"{one_line(name)} {one_line(json.dumps(param.value, ensure_ascii=False))}"
        for name, param in trace.params.items()
        if param.source != "default"
    ]
    if set_:
        console.print(", ".join(set_), style="dim")


def _token_line(trace: Trace, place: int, token: Token, most: float, how: Redraw | None) -> Line:
    row = trace.rows[token.row]
    drawn = shares(trace, row, how)
    line = Line(f"{place:>4}  {set_cell_size(spelled(trace, token.id), SPELLED)}  ")
    line.append(sparkline([row.entropy], most))
    line.append(f" {row.entropy:>7.2f} {token.rank:>6} {row.kept:>6}  ")
    line.append(bar(drawn, row.ids.index(token.id) if token.id in row.ids else None))
    line.append("  " + " · ".join(_likeliest(trace, row, drawn)), style="dim")
    return line


def _likeliest(trace: Trace, row: Row, drawn: Shares) -> Iterator[str]:
    best = sorted(range(len(row.ids)), key=lambda place: -drawn.probs[place])[:SHOWN]
    for place in best:
        if drawn.probs[place]:
            yield f"{spelled(trace, row.ids[place]).strip() or '␣'} {drawn.probs[place]:.0%}"
