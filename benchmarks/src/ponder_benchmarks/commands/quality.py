"""`ponder bench quality`: what a system's arithmetic does to a model."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ponder.cli.bench_output import check_files
from ponder.cli.options import Json, Model, Quantize
from ponder.cli.terminal import out, progress
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable
from ponder_benchmarks.commands.figures import RUN, run_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ponder_benchmarks.quality.divergence import Quality
    from ponder_benchmarks.quality.run import QualityResult


def quality(
    text: Annotated[Path, typer.Argument(help="A text file: benchmarks/data/alice.txt in ponder's source.")],
    model: Model = DEFAULT_MODEL,
    quantize: Quantize = None,
    kernels: Annotated[
        list[str] | None,
        typer.Option(help="native or reference; repeatable; by default what ponder runs on."),
    ] = None,
    reference: Annotated[
        str, typer.Option(help="Whose float32 it is: ponder (its reference kernels) or transformers.")
    ] = "ponder",
    against: Annotated[str | None, typer.Option(metavar="PEER,…", help="Of llama.cpp.")] = None,
    peer_python: Annotated[
        list[str] | None, typer.Option(metavar="PEER=PYTHON", help="The interpreter that has the peer.")
    ] = None,
    tokens: Annotated[int | None, typer.Option(help="Read only the first so many tokens.")] = None,
    window: Annotated[int, typer.Option(help="Tokens of a window; its second half is scored.")] = 512,
    chunk: Annotated[
        int | None,
        typer.Option(help="Tokens computed in one pass: 1 as in decoding; by default a whole window."),
    ] = None,
    json: Json = False,
    output: Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file too.")] = None,
) -> None:
    """Read a text and compare every system's logits with those of a reference in float32.

    Prints perplexity, the divergence KL(reference || system) in nats a token, and how often both have the
    same likeliest token. All systems read the same token ids, on the CPU.
    """
    check_files(output, None)
    who = run_settings({**dict.fromkeys(RUN), "model": model, "against": against, "peer_python": peer_python})
    from ponder_benchmarks.quality.run import QualitySettings, run_quality

    settings = QualitySettings(
        text=text,
        model=model,
        quantize=quantize,
        kernels=tuple(kernels) if kernels else None,
        reference=reference,
        against=who.against,
        peer_python=who.peer_python,
        tokens=tokens,
        window=window,
        chunk=chunk,
    )
    with progress() as say:
        result = run_quality(settings, say)
    if output is not None:
        output.write_text(json_format.dumps(result.as_json(), indent=2, allow_nan=False) + "\n")
    if json:
        from ponder.cli.report import print_json

        print_json(result.as_json())
        return
    console = out()
    console.print(printable(title(result)), style="bold")
    console.print(table(result.results))


def title(result: QualityResult) -> str:
    """Return one line on what was measured."""
    settings, text = result.settings, result.text
    chunk = "" if settings.chunk is None else f", {settings.chunk} at a time"
    return (
        f"{settings.model} on {text['name']}: {result.results[0].tokens} tokens scored in {text['windows']} "
        f"windows of {settings.window}{chunk}"
    )


def table(results: Sequence[Quality]) -> Table:
    """Return a row for each system."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("system", no_wrap=True)
    for column in ("perplexity", "KL mean", "99%", "max", "same top", "max diff"):
        made.add_column(column, justify="right", no_wrap=True)
    for result in results:
        made.add_row(*_row(result))
    return made


def _row(result: Quality) -> tuple[str, ...]:
    found = result.divergence
    if found is None:
        return (result.system, f"{result.perplexity:.4f}", "-", "-", "-", "-", "-")
    kls = (f"{kl:.2g}" for kl in (found.mean_kl, found.p99_kl, found.max_kl))
    return (
        result.system,
        f"{result.perplexity:.4f}",
        *kls,
        f"{found.top1_agreement:.2%}",
        f"{found.max_logprob_difference:.2g}",
    )
