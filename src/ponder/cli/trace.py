"""`ponder trace`: how a text was decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ponder.cli.options import Json
from ponder.cli.terminal import err, out, working
from ponder.errors import ParameterError
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.asks import Completion, Grow, Told
    from ponder.lm import LM
    from ponder.sampling.distribution import TraceSettings
    from ponder.traces import Trace
    from ponder.traces.drawing import Redraw

app = typer.Typer(help="See how a text was decoded.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def trace() -> None:
    """See how a text was decoded."""


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="What `ponder run --trace` wrote.")],
    text: Annotated[int, typer.Option(help="Which text --token counts in.")] = 0,
    token: Annotated[int | None, typer.Option(help="Show all that is known of one token.")] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", "-t", help="Draw each nucleus at this temperature.")
    ] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw each nucleus with this top-p.")] = None,
    pruned: Annotated[
        bool, typer.Option("--pruned", help="Show each candidate that a search gave up.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write one page that needs no network instead.")] = None,
    json: Json = False,
) -> None:
    """Draw a trace: entropy, rank and nucleus of each token, and a beam search's tree.

    With --temperature or --top-p each nucleus is that of the model's own distribution, before penalties and
    constraint.
    """
    if html is not None and json:
        raise ParameterError("html", str(html), "used without --json")
    from ponder.traces import read_trace

    with working(f"reading {printable(str(file))}"):
        found = read_trace(file)
    how = _redraw(found, temperature, top_p)
    if html is not None:
        from ponder.traces.page import page

        html.write_text(page(found), encoding="utf-8", errors="replace")
        err().print(f"wrote {printable(str(html))}", style="dim")
    elif json:
        from ponder.cli.report import print_json

        print_json(summary(found))
    elif token is not None:
        _show_token(found, text, token, how)
    else:
        from ponder.traces.drawing import draw

        draw(out(), found, how=how, pruned=pruned)


def summary(trace: Trace) -> dict[str, object]:
    """Return what `ponder trace show --json` prints: how large a trace is and how open its questions were."""
    texts = []
    for text in trace.texts:
        entropies = [trace.rows[trace.tokens[token].row].entropy for token in text.tokens]
        texts.append(
            {
                "text": text.text,
                "finish_reason": text.finish_reason,
                "logprob": text.logprob,
                "score": text.score,
                "tokens": len(text.tokens),
                "mean_entropy": sum(entropies) / len(entropies) if entropies else None,
            }
        )
    living = {token for text in trace.texts for token in text.tokens}
    return {
        "version": trace.version,
        "model": trace.model,
        "prompt_tokens": trace.prompt_tokens,
        "tokens": len(trace.tokens),
        "pruned": len(trace.tokens) - len(living),
        "texts": texts,
    }


def _redraw(trace: Trace, temperature: float | None, top_p: float | None) -> Redraw | None:
    if temperature is None and top_p is None:
        return None
    from ponder.traces.drawing import Redraw
    from ponder.traces.redraw import check_temperature

    settled = 1.0 if temperature is None else temperature
    check_temperature(settled, trace.temperatures)
    if top_p is not None and not 0 < top_p <= 1:
        raise ParameterError("top_p", top_p, "a number over 0 and at most 1")
    return Redraw(settled, trace.top_p if top_p is None else top_p)


def _show_token(trace: Trace, number: int, place: int, how: Redraw | None) -> None:
    from ponder.traces.drawing import draw_token

    if not 0 <= number < len(trace.texts):
        raise ParameterError("text", number, f"a whole number from 0 to under {len(trace.texts)}")
    text = trace.texts[number]
    if not 0 <= place < len(text.tokens):
        raise ParameterError("token", place, f"a whole number from 0 to under {len(text.tokens)}")
    draw_token(out(), trace, text, place, how)


def trace_settings(path: Path | None, top: int | None, *, dry_run: bool) -> TraceSettings | None:
    """Return how much `ponder run` should keep, checked before the model is loaded; None keeps nothing."""
    if path is None:
        if top is not None:
            raise ParameterError("trace_top", top, "set only together with --trace")
        return None
    if dry_run:
        raise ParameterError("trace", str(path), "used without --dry-run")
    try:
        possible = path.parent.is_dir() and not path.is_dir()
    except (OSError, ValueError):
        possible = False
    if not possible:
        raise ParameterError("trace", str(path), "a file in a folder that exists")
    from ponder.sampling.distribution import TraceSettings

    return TraceSettings() if top is None else TraceSettings(top)


def recorded(events: Iterable[Told], lm: LM, request: Grow, path: Path) -> Iterator[Told]:
    """Yield an answer's events; its trace is written just before the last."""
    from ponder.asks import Completion
    from ponder.traces import write_trace
    from ponder.traces.record import Recorder, head_of

    recorder = Recorder(lm.tokenizer)
    for event in events:
        recorder.take(event)
        if isinstance(event, Completion):
            tokens = event.usage.prompt_tokens
            head = head_of(event.model, event.prompt, tokens, event.params, request, lm.tokenizer)
            write_trace(recorder.trace(head), path)
        yield event


def last(events: Iterable[Told]) -> Completion:
    """Return an answer, whatever came before it."""
    from ponder.asks import Completion

    *_, event = events
    assert isinstance(event, Completion)
    return event
