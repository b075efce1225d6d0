"""`ponder run`: one prompt, its answer."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.asks import fronts
from ponder.asks.settling import settled
from ponder.cli.options import (
    CONSTRAINT,
    MIXTURE,
    SAMPLING,
    SEARCH,
    SPECULATION,
    Chat,
    Context,
    Device,
    Json,
    Model,
    Quantize,
    System,
    TemplateArg,
    generation_options,
    takes,
    template_args,
)
from ponder.cli.terminal import err, load_lm, out, read_conversation, read_prompt, write
from ponder.cli.trace import last, recorded, trace_settings
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import entropy_legend, entropy_style, probability_legend, probability_style

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from ponder.asks import Completion, Grow, Told
    from ponder.lm import LM
    from ponder.sampling import TokenTrace
    from ponder.text import Prompt


class Color(StrEnum):
    """What a token's colour tells."""

    entropy = "entropy"
    prob = "prob"
    none = "none"


@takes(
    sampling=SAMPLING,
    search=SEARCH,
    speculation=SPECULATION,
    mixture=MIXTURE,
    constraint=CONSTRAINT,
)
def run(
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt; standard input where it is left out.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    chat: Chat = None,
    system: System = None,
    template_arg: TemplateArg = None,
    messages: Annotated[
        Path | None,
        typer.Option(
            help="A JSON file with the conversation, in place of a prompt: a list of messages, or an object"
            " of messages and tools; - is standard input."
        ),
    ] = None,
    continue_final_message: Annotated[
        bool,
        typer.Option(
            "--continue-final-message",
            help="With --messages: the last message is the assistant's, and the answer goes on with it.",
        ),
    ] = False,
    prefix: Annotated[
        str,
        typer.Option(
            help="What the answer begins with. It goes on from there; --max-tokens, penalties, stop strings"
            " and bans take it in."
        ),
    ] = "",
    color: Annotated[Color, typer.Option(help="Colour tokens by entropy or probability.")] = Color.none,
    tree: Annotated[bool, typer.Option("--tree", help="Draw a beam search's tree as it grows.")] = False,
    no_bos: Annotated[
        bool, typer.Option("--no-bos", help="Put no beginning-of-text token before a raw prompt.")
    ] = False,
    json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved request and run nothing.")
    ] = False,
    trace: Annotated[
        Path | None, typer.Option(help="Write how each token was chosen to this file (ponder trace show).")
    ] = None,
    trace_top: Annotated[
        int | None, typer.Option(help="How many of the likeliest tokens a trace names; by default 50.")
    ] = None,
    device: Device = None,
    quantize: Quantize = None,
    context: Context = None,
    entropy_head: Annotated[
        str | None, typer.Option(help="An entropy head's file, for --real-temperature.")
    ] = None,
    *,
    sampling: dict[str, Any],
    search: dict[str, Any],
    speculation: dict[str, Any],
    mixture: dict[str, Any],
    constraint: dict[str, Any],
) -> None:
    """Answer a prompt, streaming the text as it comes."""
    options = generation_options(sampling, search, constraint, speculation, mixture)
    searches = "decoder" in options and not options["decoder"].streams
    if color is not Color.none and (json or options.get("n", 1) > 1 or searches):
        raise ParameterError("color", color.value, "none with --json, several samples or beams")
    for name in ("top_logprobs", "logprob_token_ids"):
        if name in options and not (json or dry_run):
            raise ParameterError(name, options[name], "set only together with --json")
    if tree and (json or dry_run or not searches):
        raise ParameterError("tree", tree, "set only with num_beams, and without --json or --dry-run")
    settings = trace_settings(trace, trace_top, dry_run=dry_run)
    args = template_args(template_arg)
    asked: Prompt
    if messages is None:
        if continue_final_message:
            raise ParameterError("continue_final_message", True, "set only together with messages")
        asked = read_prompt(prompt)
    else:
        if prompt is not None:
            raise ParameterError("messages", str(messages), "used without a prompt")
        asked = read_conversation(messages, continue_final=continue_final_message, args=args)
        args = {}  # which it has
    draft = speculation["draft"] or _amateur(options, mixture)
    lm = load_lm(model, device, quantize, draft, entropy_head, context)
    if no_bos:
        options["add_special_tokens"] = False
    request = lm.request(
        asked, system=system, chat=chat, prefix=prefix, template_args=args, trace=settings, **options
    )
    if json or dry_run:
        from ponder.cli.report import completion_json, print_json, request_json

        if dry_run:
            resolved = lm.resolve(request)
            described = request_json(lm.name, resolved.prompt, resolved.params, request)
            print_json({**described, "prompt_tokens": len(resolved.token_ids)})
        else:
            print_json(completion_json(_answer(lm, request, trace), lm.tokenizer))
        return
    console = out()
    if console.is_terminal and color is not Color.none:
        err().print(entropy_legend() if color is Color.entropy else probability_legend())
    if tree:
        from ponder.cli.tree import show_tree

        show_tree(console, _events(lm, request, trace))
        return
    one = options.get("n", 1) == 1
    if one:
        write(console, request.path.text, "dim")
    completion = show(console, _events(lm, request, trace), color, live=one)
    if err().is_terminal:
        err().print(summary(completion), style="dim")


def _amateur(options: dict[str, Any], mixture: dict[str, Any]) -> str | None:
    """Return the smaller model that is named to contrast with, if one is."""
    named: str | None = mixture["contrast"]
    return named if "mixture" in options and named and not named.isdecimal() else None


def _events(lm: LM, request: Grow, trace: Path | None) -> Iterable[Told]:
    events = fronts.stream(lm.model, request)
    return events if trace is None else recorded(events, lm, request, trace)


def _answer(lm: LM, request: Grow, trace: Path | None) -> Completion:
    return fronts.generate(lm.model, request) if trace is None else last(_events(lm, request, trace))


def show(console: Console, events: Iterable[Told], color: Color, *, live: bool) -> Completion:
    """Print an answer's text, as it grows if `live` (one text at a time can be shown so), and return it."""
    from ponder.asks import Completion, TokenEvent

    streamed = False
    for event in settled(events):
        if isinstance(event, Completion):
            break
        if live and isinstance(event, TokenEvent) and event.text:
            streamed = True
            write(console, event.text, style_of(event.trace, color))
    assert isinstance(event, Completion)
    if not streamed:
        for i, output in enumerate(event.outputs):
            if len(event.outputs) > 1:
                console.print(f"[{i}] logprob {output.logprob:.2f}, {output.finish_reason}", style="bold")
            write(console, output.text + "\n")
    else:
        write(console, "\n")
    return event


def style_of(trace: TokenTrace | None, color: Color) -> str:
    """Return the style of a token."""
    from math import exp

    if trace is None:
        return ""
    if color is Color.entropy:
        return entropy_style(trace.entropy)
    return probability_style(exp(trace.logprob)) if color is Color.prob else ""


def summary(completion: Completion) -> str:
    """Return one line on what an answer took, and one on its constraint where that changed something."""
    from ponder.cli.report import constrained_line

    usage, timing = completion.usage, completion.timing
    speed = f", {timing.decode_tok_s:.0f} tokens/s" if timing.decode_tok_s else ""
    method = completion.request.method
    drawn = method is None or "seed" not in method.unused
    seed = f", seed {completion.params.params.seed}" if drawn else ""
    proposed = usage.proposed_tokens
    guessed = f", {usage.accepted_tokens} of {proposed} guessed tokens right" if proposed else ""
    changed = constrained_line(completion)
    return (
        f"{usage.prompt_tokens} prompt and {usage.generated_tokens} generated tokens, "
        f"first after {timing.ttft_s:.2f} s{speed}{guessed}{seed}" + (f"\n{changed}" if changed else "")
    )
