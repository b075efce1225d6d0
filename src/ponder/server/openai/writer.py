"""From events to the objects a client gets, whole or as the chunks of a stream; for both endpoints alike."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from ponder.asks import (
    BackEvent,
    Completion,
    Output,
    ProgressEvent,
    TokenEvent,
    TreeEvent,
    TreeNode,
    Usage,
)
from ponder.asks import Told as Event
from ponder.asks.path import branched
from ponder.asks.settling import Settling
from ponder.sampling.trace import PromptTrace
from ponder.server.front.errors import ApiError
from ponder.server.openai.logprobs import finite, prompt_logprobs, token_text
from ponder.server.openai.plan import Piece, Plan, chosen, told, told_prompt
from ponder.server.openai.tracing import Tracing
from ponder.text import Tokenizer

_UNASKED = {"prompt_logprobs": None, "prompt_token_ids": None}


class Face(Protocol):
    """How an endpoint writes a text.

    Attributes
    ----------
    id_prefix, whole_object, chunk_object : what `id` begins with, and the two names of `object`.
    prompt_in_choice : whether each choice tells of its prompt's tokens; else the whole answer does.
    """

    id_prefix: str
    whole_object: str
    chunk_object: str
    prompt_in_choice: bool

    def whole(self, piece: Piece) -> dict[str, Any]:
        """Return the members of a choice for all of a text."""
        ...

    def chunk(self, piece: Piece) -> dict[str, Any]:
        """Return the members of a choice for what a text grew by."""
        ...

    def opening(self) -> dict[str, Any] | None:
        """Return the members of the choice that a streamed text begins with, if there is one."""
        ...


class Writer:
    """Writes the answer to one request."""

    done_after_failure = False

    def __init__(self, plan: Plan, face: Face, model: str, tokenizer: Tokenizer) -> None:
        self._plan = plan
        self._face = face
        self._tokenizer = tokenizer
        self._tracing = [Tracing(traced, tokenizer) for traced in plan.traced]
        self._head = {
            "id": f"{face.id_prefix}-{secrets.token_hex(16)}",
            "object": face.chunk_object if plan.stream else face.whole_object,
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": None,
        }
        if not plan.stream:
            self._head["service_tier"] = self._head["kv_transfer_params"] = None  # as vLLM has them
        self._usages: dict[int, Usage] = {}
        self._thoughts: dict[int, int] = {}  # tokens of each prompt's texts, where they are counted
        self._traces: dict[int, list[PromptTrace | None]] = {}  # of the prompts, as they come
        self._prompts: set[int] = set()  # whose texts have begun
        self._choices: set[int] = set()  # that have begun
        self._settling: defaultdict[int, Settling] = defaultdict(Settling)  # of each prompt
        self._grown: set[int] = set()  # those whose tokens were told as they came
        self._ended: set[int] = set()  # and those that have ended

    def watch(self, prompt: int, event: Event) -> list[dict[str, Any]]:
        """See what happened to a prompt; return the parts that its trace grew by, if that is told."""
        return list(self._tracing[prompt].take(event)) if self._tracing else []

    def whole(self, completions: Sequence[Completion]) -> dict[str, Any]:
        """Return the answer, of whose traces `watch` has seen all events."""
        choices = []
        about: dict[str, Any] = {}
        for prompt, completion in enumerate(completions):
            self._note(prompt, completion)
            about = self._about_prompt(prompt, completion.prompt_traces)
            for piece in self._texts(prompt, completion):
                if self._plan.echo:
                    piece = piece.with_prompt_of(self._echo(prompt, piece.index, completion.prompt_traces))
                choice = self._choice(piece, self._face.whole(piece)) | self._lineage(piece)
                choices.append(choice | about if self._face.prompt_in_choice else choice)
        answer = {**self._head, "choices": choices, "usage": self._usage()}
        if self._tracing:
            answer["traces"] = [one.whole() for one in self._tracing]
        return answer if self._face.prompt_in_choice else answer | about

    def opening(self) -> Iterator[dict[str, Any]]:
        """Yield the chunks a stream begins with."""
        members = self._face.opening()
        if members is None:
            return
        about = self._about_prompt(0, ())
        if not self._plan.token_ids:
            members = members | {"token_ids": None}
        for index in range(len(self._plan.prompts) * self._plan.n):
            choice = {"index": index, **members, "logprobs": None, "finish_reason": None}
            yield self._chunk([choice], **about)
            about = {}

    def chunks(self, prompt: int, event: Event) -> Iterator[dict[str, Any]]:
        """Yield the chunks that tell what happened to a prompt, tokens once they are settled."""
        if isinstance(event, Completion):
            self._note(prompt, event)
        elif not isinstance(event, BackEvent):
            self._usages[prompt] = event.usage
        for part in self.watch(prompt, event):
            yield self._chunk([], prompt_index=prompt, trace=part)
        for settled in self._settling[prompt].take(event):
            yield from self._told(prompt, settled)

    def _told(self, prompt: int, event: Event) -> Iterator[dict[str, Any]]:
        match event:
            case ProgressEvent():
                self._traces.setdefault(prompt, []).extend(event.traces)
                if self._plan.include_progress:
                    progress = {"state": event.state, "done": event.done, "of": event.usage.prompt_tokens}
                    yield self._chunk([], prompt_index=prompt, progress=progress)
            case TreeEvent():
                if self._plan.include_tree:
                    nodes = [self._node(prompt, node) for node in event.nodes]
                    yield self._chunk([], prompt_index=prompt, tree=nodes)
            case TokenEvent():
                yield from self._begin(prompt)
                piece = self._growth(prompt, event)
                self._grown.add(piece.index)
                yield from self._grow(piece.open() if self._plan.reported else piece)
            case Completion():
                yield from self._begin(prompt)
                for piece in self._texts(prompt, event):
                    if piece.index in self._grown:
                        piece = piece.end()
                    # Of others, all is new: they were found by a search, or their prefix had ended.
                    if piece.index not in self._ended:
                        yield from self._grow(piece)

    def ending(self) -> Iterator[dict[str, Any]]:
        """Yield the chunks a stream ends with."""
        if self._plan.include_usage:
            yield self._chunk([]) | {"usage": self._usage()}

    def failing(self, error: ApiError) -> Iterator[dict[str, Any]]:
        """Yield the chunks a stream ends with that cannot go on."""
        yield error.as_json()

    def _chunk(self, choices: list[dict[str, Any]], **members: Any) -> dict[str, Any]:
        chunk = {**self._head, "choices": choices}
        if self._plan.include_usage:
            chunk["usage"] = self._usage() if self._plan.continuous_usage else None
        return chunk | members

    def _begin(self, prompt: int) -> Iterator[dict[str, Any]]:
        """Yield what comes before a prompt's first token."""
        if prompt in self._prompts:
            return
        self._prompts.add(prompt)
        if self._plan.echo:
            for i in range(self._plan.n):
                yield from self._grow(
                    self._echo(prompt, prompt * self._plan.n + i, self._traces.get(prompt, ()))
                )

    def _grow(self, piece: Piece) -> Iterator[dict[str, Any]]:
        """Yield the chunk of a piece, unless it says nothing."""
        says = piece.text or piece.prompt_text or piece.told or piece.finish_reason
        if not says and not (piece.token_ids and self._plan.token_ids):
            return
        choice = self._choice(piece, self._face.chunk(piece))
        if piece.index not in self._choices:
            choice |= self._lineage(piece)
            if self._face.prompt_in_choice:
                choice |= self._about_prompt(piece.prompt, ())
        elif self._face.prompt_in_choice:
            choice |= _UNASKED
        self._choices.add(piece.index)
        if piece.finish_reason:
            self._ended.add(piece.index)
        yield self._chunk([choice])

    def _choice(self, piece: Piece, members: dict[str, Any]) -> dict[str, Any]:
        return {
            "index": piece.index,
            "finish_reason": piece.finish_reason,
            **members,
            "stop_reason": piece.stop_reason,
            "token_ids": list(piece.token_ids) if self._plan.token_ids else None,
            **piece.search,
        }

    def _lineage(self, piece: Piece) -> dict[str, Any]:
        """Return where a text branched off, for a client that goes on with its tokens."""
        if not self._plan.token_ids or piece.lineage is None:
            return {}
        return {"lineage": [list(pair) for pair in piece.lineage]}

    def _about_prompt(self, prompt: int, traces: Sequence[PromptTrace | None]) -> dict[str, Any]:
        """Return what is told of a prompt; vLLM's members are always there, and null unless asked for."""
        plan = self._plan
        ids = plan.prompts[prompt].token_ids
        about: dict[str, Any] = {**_UNASKED}
        if plan.token_ids:
            about["prompt_token_ids"] = list(ids)
        if plan.prompt_logprobs is not None:
            tokens = told_prompt(ids, traces, plan.prompt_logprobs)
            about["prompt_logprobs"] = prompt_logprobs(tokens, self._tokenizer)
        return about

    def _texts(self, prompt: int, completion: Completion) -> list[Piece]:
        outputs = chosen(completion, self._plan)
        weighted = any(output.inclusion is not None for output in outputs)
        return [
            self._text(prompt, prompt * self._plan.n + i, output, weighted)
            for i, output in enumerate(outputs)
        ]

    def _text(self, prompt: int, index: int, output: Output, weighted: bool) -> Piece:
        """Return a finished text; `weighted` says that it was drawn with a known probability."""
        if self._plan.discard:
            return Piece(prompt, index).ended("length")
        tokens = told(output.traces, self._plan)
        search = {**(_search(output, weighted) if self._plan.beams else {}), **_weight(output)}
        search |= output.constrained_json()
        piece = Piece(
            prompt, index, output.text, tokens, output.token_ids, search=search, lineage=output.lineage
        )
        return piece.ended(output.finish_reason, self._stop_reason(output.stopped_by))

    def _growth(self, prompt: int, event: TokenEvent) -> Piece:
        """Return what a token added to a text."""
        index = prompt * self._plan.n + event.index
        if self._plan.discard:
            piece = Piece(prompt, index)
            return piece.ended("length") if event.finish_reason else piece
        traces = () if event.trace is None else (event.trace,)
        tokens = told(traces, self._plan)
        prefix = self._plan.prefix
        lineage = branched(prefix.lineage, len(prefix.token_ids), event.index)
        ids = tuple(trace.token_id for trace in traces)
        piece = Piece(prompt, index, event.text, tokens, ids, lineage=lineage)
        if event.finish_reason is None:
            return piece
        return piece.ended(event.finish_reason, self._stop_reason(event.stopped_by))

    def _stop_reason(self, stopped_by: str | int | None) -> str | int | None:
        """What ended a text, unless it is the model's own end token, as in vLLM."""
        return None if stopped_by in self._plan.own_ends else stopped_by

    def _echo(self, prompt: int, index: int, traces: Sequence[PromptTrace | None]) -> Piece:
        """Return the prompt as the beginning of a text."""
        encoded, alternatives = self._plan.prompts[prompt], self._plan.echo_logprobs
        tokens = () if alternatives is None else told_prompt(encoded.token_ids, traces, alternatives)
        return Piece(prompt, index, prompt_text=encoded.text, prompt_told=tokens)

    def _node(self, prompt: int, node: TreeNode) -> dict[str, Any]:
        shown: dict[str, Any] = {"node": node.node, "parent": node.parent, "text": node.text}
        if node.trace is not None:
            shown["token_id"] = node.trace.token_id
            shown["token"] = token_text(node.trace.token_id, self._tokenizer)
            shown["logprob"] = finite(node.trace.logprob)
            if self._tracing:
                shown["row"] = self._tracing[prompt].row_of(node.node)
        return {**shown, "score": finite(node.score), "finish_reason": node.finish_reason}

    def _note(self, prompt: int, completion: Completion) -> None:
        self._usages[prompt] = completion.usage
        thoughts = [output.thoughts for output in completion.outputs if output.thoughts is not None]
        if thoughts:
            self._thoughts[prompt] = sum(thoughts)

    def _usage(self) -> dict[str, Any]:
        usages = self._usages.values()
        plan = self._plan
        prompt = sum(usage.prompt_tokens for usage in usages) + sum(
            len(plan.prompts[one].token_ids) + len(plan.prefix.token_ids)
            for one in range(len(plan.prompts))
            if one not in self._usages  # nothing was heard of it yet
        )
        generated = 0 if plan.discard else sum(usage.generated_tokens for usage in usages)
        proposed = sum(usage.proposed_tokens for usage in usages)
        accepted = sum(usage.accepted_tokens for usage in usages)
        thoughts = {"reasoning_tokens": sum(self._thoughts.values())} if self._thoughts else {}
        return {
            "prompt_tokens": prompt,
            "completion_tokens": generated,
            "total_tokens": prompt + generated,
            "prompt_tokens_details": {"cached_tokens": sum(usage.hit_tokens for usage in usages)},
            "completion_tokens_details": {
                "accepted_prediction_tokens": accepted,
                "rejected_prediction_tokens": proposed - accepted,
                **thoughts,
            },
        }


def _weight(output: Output) -> dict[str, float | None]:
    """Return what faithful sampling says of a text."""
    if output.log_weight is None:
        return {}
    passes = {} if output.passes is None else {"passes": output.passes}
    return {"log_weight": finite(output.log_weight), **passes}


def _search(output: Output, weighted: bool) -> dict[str, float | None]:
    """Return what a search says of a text."""
    search: dict[str, float | None] = {"score": finite(output.score)}
    if weighted:
        search["truncated_logprob"] = finite(output.truncated_logprob)
        search["inclusion_probability"] = output.inclusion
    return search
