"""`ponder explain`: what each system would keep of the next token, or where two runs part and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.cli.options import (
    SAMPLING,
    Chat,
    Context,
    Device,
    Json,
    Model,
    Quantize,
    System,
    TemplateArg,
    sampling_options,
    takes,
    template_args,
)
from ponder.cli.terminal import load_lm, out, read_prompt
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.sampling import SEMANTICS, resolve_params
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.sampling.explain import Kept
    from ponder.text import Tokenizer

SHOWN = 6  # tokens of each system


@takes(sampling=SAMPLING)
def explain(
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt; standard input where it is left out.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    chat: Chat = None,
    system: System = None,
    template_arg: TemplateArg = None,
    of: Annotated[
        list[str] | None,
        typer.Option(
            "--of", help="A semantics to show, the first to compare with; repeatable; all by default."
        ),
    ] = None,
    runs: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--runs", help="Two files that `ponder run --json` wrote: where do they part, and why?"),
    ] = None,
    json: Json = False,
    device: Device = None,
    quantize: Quantize = None,
    context: Context = None,
    *,
    sampling: dict[str, Any],
) -> None:
    """Show what each system keeps of the next token's distribution, and the first token they disagree on."""
    if runs is not None:
        _explain_runs(runs, json)
        return
    if sampling["semantics"] is not None:
        raise ParameterError("semantics", sampling["semantics"], "left unset: --of chooses which are shown")
    if sampling["real_temperature"]:
        allowed = "left unset: no entropy head is read here"
        raise ParameterError("real_temperature", sampling["real_temperature"], allowed)
    names = tuple(of or SEMANTICS)
    for name in names:
        if name not in tuple(SEMANTICS):
            raise ParameterError("of", name, "one of " + ", ".join(SEMANTICS))
    options = sampling_options(sampling)
    args = template_args(template_arg)
    text = read_prompt(prompt)
    lm = load_lm(model, device, quantize, context=context)
    request = lm.request(text, system=system, chat=chat, template_args=args)
    import torch

    from ponder.asks import Logits, Path, Read, fronts
    from ponder.sampling.explain import compare
    from ponder.sampling.row import Row
    from ponder.text import TokenIds

    ids = lm.resolve(request).token_ids
    rows = fronts.read(lm.model, Read(Path(TokenIds(ids)), at="last", of=Logits())).rows
    assert rows is not None, "rows were asked for"
    breakers = lm.tokenizer.containing(resolve_params(options, {}).params.dry_sequence_breakers)
    results = compare(torch.from_numpy(rows[0]), Row(0, ids, (), breakers=breakers), options, names)
    if all(kept.refused for kept in results):
        raise ParameterError("of", ", ".join(names), f"a semantics that has it all: {results[0].refused}")
    if json:
        from ponder.cli.report import print_json

        print_json([_as_json(kept, lm.tokenizer) for kept in results])
        return
    console = out()
    for line in lines(results, lm.tokenizer):
        console.print(line, highlight=False, markup=False)


def lines(results: list[Kept], tokenizer: Tokenizer) -> Iterator[str]:
    """Say for each semantics what it keeps and how it differs from the first."""
    first = next(kept for kept in results if kept.refused is None)
    width = max(len(kept.semantics) for kept in results)
    for kept in results:
        if kept.refused is not None:
            yield f"{kept.semantics:<{width}}  refused: {kept.refused}"
            continue
        count = len(kept.token_ids)
        shown = ", ".join(
            f"{tokenizer.token_text(token)!r} {prob:.3f}"
            for token, prob in zip(kept.token_ids[:SHOWN], kept.probs, strict=False)
        )
        more = ", ..." if count > SHOWN else ""
        yield f"{kept.semantics:<{width}}  keeps {count}: {printable(shown)}{more}"
        difference = kept.difference
        if difference is not None:
            token = printable(repr(tokenizer.token_text(difference.token_id)))
            here, there = ("keeps", "drops") if difference.kept else ("drops", "keeps")
            yield f"{'':<{width}}  {here} {token}, which {first.semantics} {there}: by {difference.cause}"


def _as_json(kept: Kept, tokenizer: Tokenizer) -> dict[str, Any]:
    return {**asdict(kept), "tokens": [tokenizer.token_text(token) for token in kept.token_ids]}


def _explain_runs(runs: tuple[Path, Path], json: bool) -> None:
    from ponder.cli.report import print_json
    from ponder.traces.compare import first_divergence, read_run

    found = first_divergence(read_run(runs[0]), read_run(runs[1]))
    if json:
        print_json(asdict(found) if found else None)
    elif found is None:
        print("the two runs are the same")
    else:
        print(found.sentence())
