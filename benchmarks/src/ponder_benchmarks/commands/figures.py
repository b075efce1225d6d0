"""`ponder bench decode`, `prefill`, `fork`, `sample`, `load`: ponder, others in turn with it; `profile`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.cli.bench_output import check_files
from ponder.cli.options import takes
from ponder.cli.terminal import out, progress
from ponder.errors import ParameterError
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from rich.table import Table

    from ponder_benchmarks.figures.result import Comparison, Operation, Quantity, Result
    from ponder_benchmarks.figures.session import Say
    from ponder_benchmarks.figures.settings import RunSettings

RUN = {
    "model": Annotated[
        str | None, typer.Option("--model", "-m", help="A name or a .gguf file; peers read the same file.")
    ],
    "against": Annotated[
        str | None, typer.Option(metavar="PEER,…", help="Of llama.cpp, transformers, vllm.")
    ],
    "peer_python": Annotated[
        list[str] | None,
        typer.Option(metavar="PEER=PYTHON", help="An interpreter that has the peer; repeatable."),
    ],
    "repeats": Annotated[int | None, typer.Option(help="Rounds that count; by default 5.")],
    "warmup": Annotated[int | None, typer.Option(help="Rounds before those; by default 1.")],
    "threads": Annotated[int | None, typer.Option(help="Of each system; by default the cores.")],
    "seed": Annotated[int | None, typer.Option(help="Same seed, same prompts; by default 0.")],
    "timeout": Annotated[
        float | None, typer.Option(help="Seconds for one turn of one system; by default 600.")
    ],
    "transformers_dtype": Annotated[
        str | None, typer.Option(help="bfloat16 (default), float32 or both: bfloat16,float32.")
    ],
    "vllm_mode": Annotated[
        str | None, typer.Option(help="eager (default), compiled or both: eager,compiled.")
    ],
    "vllm_model": Annotated[
        str | None, typer.Option(metavar="DIR", help="The model as a Hugging Face directory, for vllm.")
    ],
}
ALONE = {name: RUN[name] for name in ("model", "repeats", "warmup", "threads", "seed", "timeout")}
OUTPUT = {
    "json": Annotated[bool | None, typer.Option("--json", help="Print JSON.")],
    "out": Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file too.")],
    "plot": Annotated[Path | None, typer.Option(help="Draw the figure into this PNG file.")],
}
PROFILE_NOTES = (
    "of limit: bytes at that bandwidth or 8-bit MACs at that peak, whichever takes longer, over ms",
    "bytes only: it multiplies in floating point, whose peak is not measured",
    "rest: sampling and Python",
    "prompt: all its steps together, each of which reads the weights",
)


@takes(run=RUN, output=OUTPUT)
def decode(
    prompt_tokens: Annotated[int, typer.Option(help="Length of the prompt that branches share.")] = 512,
    branches: Annotated[str, typer.Option(help="How many grow at once, one case each.")] = "1,4,16,32",
    new_tokens: Annotated[int, typer.Option(help="By how many tokens each grows.")] = 32,
    temperature: Annotated[float, typer.Option("--temperature", "-t", help="Ponder's; 0 is greedy.")] = 0.0,
    top_p: Annotated[float, typer.Option(help="Ponder's.")] = 1.0,
    *,
    run: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Generated tokens a second of branches that share a prompt."""
    from ponder_benchmarks.figures.decode import DecodeSettings, measure_decode

    settings = DecodeSettings(prompt_tokens, numbers("branches", branches), new_tokens, temperature, top_p)
    _measure(lambda who, say: measure_decode(who, settings, say), run, output)


@takes(run=RUN, output=OUTPUT)
def prefill(
    prompt_tokens: Annotated[int, typer.Option(help="Length of the prompt, another in each round.")] = 1024,
    *,
    run: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Prompt tokens a second until the first token, nothing cached."""
    from ponder_benchmarks.figures.prefill import PrefillSettings, measure_prefill

    settings = PrefillSettings(prompt_tokens)
    _measure(lambda who, say: measure_prefill(who, settings, say), run, output)


@takes(run=RUN, output=OUTPUT)
def fork(
    branches: Annotated[int, typer.Option(help="How many grow at once.")] = 16,
    prefix_tokens: Annotated[str, typer.Option(help="Lengths of the prefix, one case each.")] = "64,2048",
    new_tokens: Annotated[int, typer.Option(help="By how many tokens each branch grows.")] = 32,
    *,
    run: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Milliseconds of a step over short and long shared prefixes."""
    from ponder_benchmarks.figures.fork import ForkSettings, measure_fork

    settings = ForkSettings(branches, numbers("prefix_tokens", prefix_tokens), new_tokens)
    _measure(lambda who, say: measure_fork(who, settings, say), run, output)


@takes(run=RUN, output=OUTPUT)
def sample(
    rows: Annotated[int, typer.Option(help="Rows of logits, a token each.")] = 32,
    temperature: Annotated[float, typer.Option("--temperature", "-t", help="Over 0.")] = 0.8,
    top_p: Annotated[float, typer.Option(help="Keep a token iff the mass ahead of it is < p.")] = 0.9,
    prompt_tokens: Annotated[int, typer.Option(help="Length of the prompt of the step beside it.")] = 512,
    *,
    run: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Milliseconds to choose tokens, and the share of a step that this is."""
    from ponder_benchmarks.figures.sample import SampleSettings, measure_sample

    settings = SampleSettings(rows, temperature, top_p, prompt_tokens)
    _measure(lambda who, say: measure_sample(who, settings, say), run, output)


@takes(run=RUN, output=OUTPUT)
def load(*, run: dict[str, Any], output: dict[str, Any]) -> None:
    """Seconds from the start of a process to its first token, and the memory of a model."""
    from ponder_benchmarks.figures.load import measure_load

    _measure(measure_load, run, output)


@takes(run=ALONE, output=OUTPUT)
def profile(
    rows: Annotated[
        str, typer.Option(help="How many sequences decode at once, one case each.")
    ] = "1,4,16,32",
    prompt: Annotated[
        str, typer.Option(help="Lengths of a prompt, one case each; nothing is cached.")
    ] = "512",
    prompt_tokens: Annotated[int, typer.Option(help="Length of the cached prompt that rows share.")] = 512,
    *,
    run: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Milliseconds of a step by operation, and how near each is to the machine's limits."""
    from ponder_benchmarks.figures.profile import ProfileSettings, measure_profile

    settings = ProfileSettings(numbers("rows", rows), numbers("prompt", prompt), prompt_tokens)
    _measure(lambda who, say: measure_profile(who, settings, say), dict.fromkeys(RUN) | run, output)


def numbers(name: str, text: str) -> tuple[int, ...]:
    """Read whole numbers between commas.

    Raises
    ------
    ParameterError : it is something else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ParameterError(name, text, "whole numbers between commas, such as 1,4,16") from None


def run_settings(given: Mapping[str, Any]) -> RunSettings:
    """Return the settings that the options of `RUN` stand for.

    Raises
    ------
    ParameterError : a value is not allowed.
    """
    from ponder_benchmarks.figures.settings import RunSettings

    named = {
        "timeout_s": given["timeout"],
        "against": _names(given["against"]),
        "transformers_dtypes": _names(given["transformers_dtype"]),
        "vllm_modes": _names(given["vllm_mode"]),
        "peer_python": _interpreters(given["peer_python"] or []),
        **{name: given[name] for name in ("model", "repeats", "warmup", "threads", "seed", "vllm_model")},
    }
    return RunSettings(**{name: value for name, value in named.items() if value is not None})


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(","))


def _interpreters(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, python = pair.partition("=")
        if not python or name in found:
            raise ParameterError("peer_python", pair, "PEER=PYTHON, once for each peer")
        found[name] = python
    return found


def _measure(
    measure: Callable[[RunSettings, Say], Result], run: Mapping[str, Any], output: Mapping[str, Any]
) -> None:
    """Measure and report."""
    check_files(output["out"], output["plot"])
    settings = run_settings(run)
    with progress() as say:
        result = measure(settings, say)
    if output["out"] is not None:
        output["out"].write_text(json.dumps(result.as_json(), indent=2, allow_nan=False) + "\n")
    if output["plot"] is not None:
        from ponder_benchmarks.figures.plot import plot

        plot(result, output["plot"], title(result))
    if output["json"]:
        from ponder.cli.report import print_json

        print_json(result.as_json())
        return
    console = out()
    console.print(printable(title(result)), style="bold")
    console.print(operations_table(result.operations) if result.operations else table(result))
    for quantity in result.quantities:
        console.print(printable(quantity_line(quantity)))
    for note in PROFILE_NOTES if result.operations else ():
        console.print(note)


def title(result: Result) -> str:
    """Return one line on what was measured."""
    run = result.run
    rounds = f"{run.repeats} repeat{'s' if run.repeats > 1 else ''}"
    return f"{result.figure}: {run.model}, {run.threads} threads, median of {rounds}"


def table(result: Result) -> Table:
    """Return a row for each case and system, 80 columns wide at most with the default settings."""
    from rich import box
    from rich.table import Table

    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column("", no_wrap=True)
    rows.add_column("system", no_wrap=True)
    for name in (result.comparisons[0].unit, "range", "ponder is"):
        rows.add_column(name, justify="right", no_wrap=True)
    for comparison in result.comparisons:
        for place, (label, samples) in enumerate(comparison.samples.items()):
            name = "" if place else comparison.name
            spread = f"{_figures(min(samples))} - {_figures(max(samples))}"
            median = _figures(comparison.median(label))
            rows.add_row(name, label, median, spread, _advantage(comparison, label))
        if len(comparison.samples) > 1:
            rows.add_section()
    return rows


def operations_table(operations: Sequence[Operation]) -> Table:
    """Return a row for each case, which is its last operation, and below it one for each of the others."""
    from rich import box
    from rich.table import Table

    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column("", no_wrap=True)
    for name in ("ms", "MB", "MMAC", "GB/s", "GMAC/s"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("of limit", no_wrap=True)
    for case, group in groupby(operations, lambda one: one.case):
        *parts, step = group
        rows.add_row(case, *_cells(step), style="bold")
        for operation in parts:
            rows.add_row(f" {operation.name}", *_cells(operation))
        rows.add_section()
    return rows


def _cells(one: Operation) -> tuple[str, ...]:
    read, gb_s = (f"{one.bytes / 1e6:.1f}", f"{one.rate(one.bytes):.1f}") if one.bytes else ("-", "-")
    macs, gmac_s = (f"{one.macs / 1e6:.0f}", f"{one.rate(one.macs):.1f}") if one.macs else ("-", "-")
    share = f"{median(one.share):4.0%} {one.limit}" if one.share else "-"
    return f"{median(one.ms):.2f}", read, macs, gb_s, gmac_s, share


def quantity_line(quantity: Quantity) -> str:
    """Return a quantity's name and median, or that it was not measured."""
    value = quantity.median
    if value is None:
        return f"{quantity.name}: not measured"
    return f"{quantity.name}: " + (f"{_figures(value)} {quantity.unit}" if quantity.unit else f"{value:.1%}")


def _advantage(comparison: Comparison, label: str) -> str:
    from ponder_benchmarks.figures.systems import PONDER

    return "" if label == PONDER else f"{median(comparison.advantage(label)):.2f}x as fast"


def _figures(value: float) -> str:
    """Return a number with three or more digits that matter."""
    return f"{value:.{0 if value >= 1000 else 1 if value >= 100 else 2}f}"
