"""`ponder bench serve`: what a server does under load. Further commands are found by `bench_group`."""

from __future__ import annotations

import asyncio
import json as json_format
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ponder.cli.bench_group import BenchGroup
from ponder.cli.bench_output import check_files
from ponder.cli.options import Device, Json
from ponder.cli.terminal import out, progress
from ponder.errors import ParameterError, PonderError
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from rich.table import Table

    from ponder.bench.session import Result
    from ponder.bench.settings import Settings
    from ponder.bench.summary import Distribution, Summary

HELP = "Measure servers under load, and with ponder-benchmarks the engine beside others."

app = typer.Typer(cls=BenchGroup, help=HELP, no_args_is_help=True)


class Endpoint(StrEnum):
    """Where requests go."""

    completions = "completions"
    chat = "chat"


@app.callback(help=HELP)
def bench() -> None:
    """Take no options of its own."""


@app.command()
def serve(
    url: Annotated[
        str | None, typer.Option(help="A running server; without it `ponder serve` is started and ended.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="What to serve; with --url the name to ask for, by default the first."
        ),
    ] = None,
    device: Device = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="PONDER_API_KEY", show_envvar=True, help="Sent as a bearer token.")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", "-c", help="Closed loop: so many clients that wait for their answers."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", "-r", help="Open loop: requests a second, at the times of a Poisson process."),
    ] = None,
    max_concurrency: Annotated[
        int | None, typer.Option(help="With --rate: at most so many requests under way.")
    ] = None,
    requests: Annotated[int, typer.Option(help="How many requests are measured.")] = 100,
    warmup: Annotated[int, typer.Option(help="How many are sent before those.")] = 4,
    prompt_tokens: Annotated[int, typer.Option(help="Length of each made-up prompt.")] = 128,
    shared_prefix_tokens: Annotated[
        int, typer.Option(help="So many of these are the same in all prompts.")
    ] = 0,
    dataset: Annotated[
        Path | None, typer.Option(help="A JSONL file of prompts to send in place of made-up ones.")
    ] = None,
    field: Annotated[str, typer.Option(help="Field of the prompt in --dataset.")] = "prompt",
    max_tokens: Annotated[int, typer.Option(help="The most tokens to generate for a request.")] = 64,
    n: Annotated[int, typer.Option("--n", "-n", help="Choices for each request.")] = 1,
    temperature: Annotated[float | None, typer.Option("--temperature", "-t", help="0 is greedy.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Keep a token iff the mass ahead of it is < p.")] = None,
    ignore_eos: Annotated[
        bool, typer.Option("--ignore-eos", help="Always generate --max-tokens, so that the work is equal.")
    ] = False,
    endpoint: Annotated[Endpoint, typer.Option(help="Where requests go.")] = Endpoint.completions,
    seed: Annotated[int, typer.Option(help="Same seed, same prompts and arrivals.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds for one request.")] = 120.0,
    seconds: Annotated[float, typer.Option(help="Stop measuring after so many.")] = 600.0,
    start_timeout: Annotated[float, typer.Option(help="Seconds for the started server to be ready.")] = 300.0,
    json: Json = False,
    output: Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file too.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw latencies and throughput into this PNG file.")
    ] = None,
) -> int:
    """Put load on an OpenAI-compatible server and measure it; exit 1 if a request failed but for a 429."""
    _check_options(url, device, start_timeout, output, plot)
    from ponder.bench.settings import Settings

    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_concurrency=max_concurrency,
        requests=requests,
        warmup=warmup,
        prompt_tokens=prompt_tokens,
        shared_prefix_tokens=shared_prefix_tokens,
        dataset=str(dataset) if dataset else None,
        field=field,
        max_tokens=max_tokens,
        n=n,
        temperature=temperature,
        top_p=top_p,
        ignore_eos=ignore_eos,
        endpoint=endpoint.value,
        seed=seed,
        timeout_s=timeout,
        seconds=seconds,
    )
    with progress() as say:
        result = asyncio.run(_run(settings, url, model, device, api_key, start_timeout, say))
    _report(result, json, output, plot)
    if result.run.stopped == "interrupted":
        return 130
    return int(result.summary.failed > 0)


def _check_options(
    url: str | None, device: str | None, start_timeout: float, output: Path | None, plot: Path | None
) -> None:
    """Refuse what would otherwise fail after minutes of measuring."""
    for package in ("httpx", *(["matplotlib"] if plot else [])):
        if find_spec(package) is None:
            raise PonderError(f"ponder bench serve needs {package}: pip install 'ponder[bench]'")
    if url is not None and device is not None:
        raise ParameterError("device", device, "set only without --url")
    if not 0 < start_timeout < float("inf"):
        raise ParameterError("start_timeout", start_timeout, "a number greater than 0")
    check_files(output, plot)


async def _run(
    settings: Settings,
    url: str | None,
    model: str | None,
    device: str | None,
    api_key: str | None,
    start_timeout: float,
    say: Callable[[str], None],
) -> Result:
    from ponder.bench.child_server import child_server, free_port
    from ponder.bench.session import prepare
    from ponder.bench.target import base_url, connect

    async with AsyncExitStack() as stack:
        if url is None:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            command = _serve_command(model, device, port)
            environment = {"PONDER_API_KEY": api_key} if api_key else {}
            say("starting ponder serve")
            await stack.enter_async_context(
                child_server(command, url, environment=environment, timeout_s=start_timeout, say=say)
            )
            model = None  # the server names it
        url = base_url(url)
        http = await stack.enter_async_context(connect(url, api_key))
        benchmark = await prepare(settings, http, url, model)
        say("warming up")
        await benchmark.warm_up()
        stop = asyncio.Event()
        with _signals_set(stop):
            return await benchmark.measure(
                stop,
                lambda ended: say(f"{ended} of {settings.requests} requests; Ctrl-C shows what there is"),
            )


def _serve_command(model: str | None, device: str | None, port: int) -> list[str]:
    from ponder.hub.registry import DEFAULT_MODEL, resolve

    model = model or DEFAULT_MODEL
    resolve(model)  # an unknown name should not wait for a server
    command = [sys.executable, "-m", "ponder", "serve", "--model", model]
    command += ["--host", "127.0.0.1", "--port", str(port)]  # whatever the environment says
    return command + (["--device", device] if device else [])


@contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM set an event; the second does what it always does."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def restore() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    def first() -> None:
        stop.set()
        restore()

    for number in numbers:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        restore()


def _report(result: Result, json: bool, output: Path | None, plot: Path | None) -> None:
    if output is not None:
        output.write_text(json_format.dumps(result.as_json(), indent=2, allow_nan=False) + "\n")
    if plot is not None:
        from ponder.bench.plot import plot as draw

        draw(result.run, plot, title(result))
    if json:
        from ponder.cli.report import print_json

        print_json(result.as_json())
        return
    console = out()
    console.print(printable(title(result)), style="bold")
    console.print(latency_table(result.summary, open_loop=result.settings.rate is not None))
    for line in summary_lines(result):
        console.print(printable(line))


def title(result: Result) -> str:
    """Return one line on what was measured."""
    settings, target = result.settings, result.target
    load = f"{settings.rate:g} requests/s" if settings.rate else f"{settings.concurrency} at a time"
    version = f", version {target.version}" if target.version else ""
    return f"{target.model} at {target.url}{version}: {settings.requests} requests, {load}"


def latency_table(summary: Summary, *, open_loop: bool) -> Table:
    """Return the latencies in milliseconds."""
    from rich import box
    from rich.table import Table

    rows = {
        "first token": summary.time_to_first_token,
        "between tokens": summary.inter_token,
        "per output token": summary.time_per_output_token,
        "whole request": summary.latency,
        **({"sent late": summary.sent_late} if open_loop else {}),
    }
    columns = ("mean", "p50", "p90", "p95", "p99", "max")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("milliseconds", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", min_width=7, no_wrap=True)
    for name, values in rows.items():
        table.add_row(name, *(_milliseconds(values, column) for column in columns))
    return table


def summary_lines(result: Result) -> list[str]:
    """Return what is not a latency, a line for each kind."""
    summary, settings = result.summary, result.settings
    answered = max(summary.answered, 1)
    exact = "" if result.exact_prompts else " (sent as text)"
    lines = [
        f"requests   {summary.requests_per_s:.2f}/s over {summary.duration_s:.1f} s: "
        f"{summary.answered} answered, {summary.refused} refused (429), {summary.failed} failed, "
        f"{summary.unfinished} unfinished",
        f"tokens     {summary.prompt_tokens_per_s:.1f}/s prompt, {summary.generated_tokens_per_s:.1f}/s "
        f"generated; {summary.prompt_tokens / answered:.1f}{exact} and "
        f"{summary.generated_tokens / answered:.1f} a request",
    ]
    if summary.cache_hit_rate is not None:
        lines.append(f"cache      {summary.cache_hit_rate:.1%} of prompt tokens came from it")
    for name, grown in summary.server_counters.items():
        lines.append(f"           {name} +{grown:.0f}")
    for kind, failures in summary.failures.items():
        lines.append(
            f"{kind:<10} {failures.count} requests, first: {' '.join((failures.message or '').split())}"
        )
    if summary.retry_after is not None:
        lines.append(f"           told to retry after {summary.retry_after.mean:.1f} s on average")
    first_token = summary.time_to_first_token
    silent = summary.answered - (first_token.count if first_token else 0)
    if silent:
        lines.append(f"note       {silent} answers had no text: when their first token came is not known")
    if summary.without_usage:
        lines.append(
            f"note       {summary.without_usage} answers told no usage: their tokens are their chunks"
        )
    if summary.client_cpu_share > 0.7:
        lines.append(
            f"note       the client used {summary.client_cpu_share:.0%} of a core and may be the limit"
        )
    if summary.stopped:
        lines.append(f"note       {summary.stopped} before all {settings.requests} requests were answered")
    return lines


def _milliseconds(values: Distribution | None, name: str) -> str:
    return "-" if values is None else f"{1000 * getattr(values, name):.1f}"
