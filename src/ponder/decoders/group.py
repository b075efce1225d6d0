"""The texts of one request and what they have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Any

import torch

from ponder.asks.events import FinishReason
from ponder.asks.grow import Boundary, End, Tokens, Until
from ponder.asks.needs import Replay
from ponder.asks.path import branched, redrawn, stream_of
from ponder.constraints import bits
from ponder.constraints.ending import Ending
from ponder.decoders.ranker import Ranker, Summary, host_ranker
from ponder.decoders.text import Growth, Joined, Node, Reason, Text
from ponder.models.entropy_head import EntropyHead
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.trace import TokenTrace
from ponder.text import StopStrings, spell

MAX_BACK = 32  # tokens that a text can go back from a dead end
MAX_REWINDS = 200  # of a text


@dataclass(slots=True, eq=False)
class Group:
    """All texts of one request.

    At first the only live text is the path, which may have tokens already.

    Attributes
    ----------
    prompt : the request's own.
    params : as they apply.
    end_ids : tokens that end a text: end-of-text tokens unless ignored, and the caller's.
    spellings : the bytes of each token.
    live, finished : texts that grow, and those that have ended.
    begun : the tokens of the path.
    replay : how the path is gone through, token by token, before texts grow (`Needs.replay`).
    grew : whether texts have begun to grow, and the path to branch.
    allowed : what the constraint allows, within `max_tokens`.
    breakers, sentence_ends : the tokens that end a repetition and a sentence, where that matters.
    entropy_head : there if it narrows the nucleus.
    ranker : what makes candidates, and with its sampler tokens, of the model's rows of logits.
    """

    prompt: tuple[int, ...]
    params: SamplingParams
    end_ids: frozenset[int]
    spellings: Seq[bytes]
    live: list[Text]
    finished: list[Text] = field(default_factory=list)
    begun: tuple[int, ...] = ()
    replay: Replay = "no"
    grew: bool = False
    allowed: Ending | None = None
    until: Until = field(default_factory=End)
    breakers: frozenset[int] = frozenset()
    sentence_ends: frozenset[int] = frozenset()
    entropy_head: EntropyHead | None = None
    vocabulary: int = 0
    ranker: Ranker = field(default_factory=host_ranker)
    stops: StopStrings = field(init=False)

    def __post_init__(self) -> None:
        self.stops = StopStrings(self.params.stop, self.params.include_stop_str_in_output)

    @property
    def reach(self) -> int:
        """The longest a text may become, prompt included."""
        return len(self.prompt) + self.params.max_tokens

    @property
    def length(self) -> int:
        """How many tokens the live texts have; they grow in step."""
        return self.live[0].depth

    def forced(self, depth: int) -> int | None:
        """Return the token that the path has after `depth` tokens, while it is replayed."""
        return self.begun[depth] if self.replay != "no" and depth < len(self.begun) else None

    @property
    def replays(self) -> bool:
        """Whether the next tokens are the path's."""
        return bool(self.live) and self.forced(self.length) is not None

    def stream(self, text: Text, index: int) -> int:
        """Return the stream of random numbers of a text's row for sample `index`."""
        if self.grew:
            return text.stream
        return stream_of(branched(text.lineage, text.depth, index))

    def rows(self, parents: Seq[Text], indices: Seq[int]) -> list[Row]:
        """Describe the rows of logits after some texts for the sampler."""
        return [self.row(parent, index) for parent, index in zip(parents, indices, strict=True)]

    def row(self, text: Text, index: int = 0) -> Row:
        """Describe the row after a text, for sample `index`."""
        return self.row_after(text, index, ())

    def row_after(
        self,
        text: Text,
        index: int,
        tokens: Seq[int],
        traces: Seq[TokenTrace] = (),
        refused: Collection[int] = (),
    ) -> Row:
        """Describe the row after a text and some tokens that may follow it, with what is known of those.

        `refused` are tokens that were drawn there and may not come.
        """
        stream, state = self.stream(text, index), self._state_after(text, tokens)
        if not tokens:
            return self._row(text, stream, text.output, state, text.traces, refused)
        output, known = Joined(text.output, tokens), Joined(text.traces, traces)
        return self._row(text, stream, output, state, known, refused)

    def _state_after(self, text: Text, tokens: Seq[int]) -> Any:
        state = text.node.state
        if self.allowed is not None:
            for token in tokens:
                state = self.allowed.step(state, token)
        return state

    def takes(self, text: Text, tokens: Seq[int], token: int) -> bool:
        """Return whether the constraint takes a token that its mask allowed, after a text and some tokens."""
        given = self.forced(text.depth + len(tokens)) is not None
        if self.allowed is None or given or token in self.end_ids:
            return True
        return self.allowed.step(self._state_after(text, tokens), token) is not None

    def landing(self, text: Text, tokens: Seq[int]) -> tuple[int, int] | None:
        """Return a token that must come after a text and some tokens if it is one of so many likeliest."""
        given = self.forced(text.depth + len(tokens)) is not None
        return (
            None if self.allowed is None or given else self.allowed.landing(self._state_after(text, tokens))
        )

    def denied(self, text: Text, tokens: Seq[int], token: int) -> tuple[int, ...]:
        """Count for each part of the constraint, 0 or 1, whether it forbids a token after a text and some."""
        return () if self.allowed is None else self.allowed.denied(self._state_after(text, tokens), token)

    def is_late(self, text: Text, tokens: Seq[int], token: int) -> bool:
        """Return whether a token that the constraint does not take would only leave no time to end."""
        return self.allowed is not None and self.allowed.is_late(self._state_after(text, tokens), token)

    def rows_along(
        self, text: Text, index: int, tokens: Seq[int], traces: Seq[TokenTrace] = ()
    ) -> Iterator[Row]:
        """Describe the row after a text, and after each of some tokens that may follow it."""
        for place in range(len(tokens) + 1):
            yield self.row_after(text, index, tokens[:place], traces[:place])

    def next_rows(self, guessed: Mapping[Text, tuple[int, ...]]) -> list[Row]:
        """Describe the rows after each live text, and after each token of its chain."""
        return [row for text in self.live for row in self.rows_along(text, text.index, guessed.get(text, ()))]

    def _row(
        self,
        text: Text,
        stream: int,
        output: Seq[int],
        state: Any,
        traces: Seq[TokenTrace],
        refused: Collection[int],
    ) -> Row:
        forced = self.forced(len(output))
        sentence = self._sentence(output) if self.sentence_ends else 0
        residual = self.entropy_head.over_window(text.residuals) if self.entropy_head else 0.0
        rest = (traces, sentence, self.breakers, residual, forced)
        if forced is not None and self.replay == "masked":
            only = bits.of((forced,), self.vocabulary)
            return Row(stream, self.prompt, output, (), only, *rest)
        must_go_on, allowed = len(output) < self.params.min_tokens, None
        if self.allowed is not None:
            must_go_on = must_go_on or not self.allowed.may_end(state)
            given_up = text.given_up_at(len(output))
            left_out = given_up.all.union(refused)
            allowed = self.allowed.mask(state, left_out)
            if given_up.unlikely and allowed is not None and not allowed.any():
                allowed = self.allowed.mask(state, given_up.dead.union(refused))
            stream = redrawn(stream, len(left_out))
        forbidden = tuple(self.end_ids) if must_go_on else ()
        return Row(stream, self.prompt, output, forbidden, allowed, *rest)

    def settled(self, text: Text, tokens: int) -> int | None:
        """Return how many tokens a text will never give up once it has so many more; None: all."""
        if self.allowed is None or (self.allowed.exact and not self.params.min_allowed_mass):
            return None
        return max(text.settled, text.depth + tokens - MAX_BACK)

    def retreat(self, text: Text, index: int, why: Reason = "dead") -> Growth:
        """Let a text go back from where its constraint led it; if it cannot, it is stuck.

        It goes back by 1, 2, 1, 4, 1, 2, 1, 8, ... tokens: mostly a little, and sooner or later far enough.
        Every other time it goes as far as the constraint says, where that is known. What the first of the
        tokens that it gives up may do then depends on `why` (`GivenUp`).
        """
        room = text.depth - max(len(self.begun), text.settled)
        if not self.grew or self.settled(text, 0) is None or room <= 0 or text.tally.rewinds >= MAX_REWINDS:
            return Growth(text, index, stuck=True)
        times = text.tally.rewinds + 1
        back = self.allowed.violation(text.node.state) if self.allowed is not None and times % 2 else None
        back = min(back or times & -times, room)
        if why == "unlikely" and text.came_again(back):
            return Growth(text, index, stuck=True)
        return Growth(text, index, back=back, settled=text.settled, why=why)

    def _sentence(self, output: Seq[int]) -> int:
        """How many tokens of the output came after the last that ended a sentence."""
        ends = (place for place, token in enumerate(reversed(output)) if token in self.sentence_ends)
        return next(ends, len(output))

    def summaries(self, logits: torch.Tensor) -> list[Summary]:
        """Summarise rows [R, V] float32, with the alternatives that the request asks for of each token."""
        return self.ranker.summarise(logits, self.params.top_logprobs, self.params.logprob_token_ids)

    def branch_out(self, growths: Seq[Growth]) -> list[Text]:
        """Make the live texts those that the growths make of them; return them in that order.

        A parent of several is forked for all but the last; one without any lets its pages go.
        """
        last_child = {growth.parent: i for i, growth in enumerate(growths)}
        for text in self.live:
            if text not in last_child:
                text.drop()
        children = []
        for i, growth in enumerate(growths):
            child = growth.parent
            if last_child[child] != i:
                child = child.fork()
                self.live.append(child)  # whose pages go back if a later one cannot be forked
            children.append(child)
        numbers = dict.fromkeys(last_child, 0)
        for child, growth in zip(children, growths, strict=True):
            child.settled = growth.settled or child.settled
            child.tally += growth.tally
            if growth.back:
                if growth.why is not None:
                    child.give_up(growth.back, growth.why)
                else:
                    child.go_back(child.depth - growth.back)
                if not growth.traces:
                    child.need_last_row()
            number = numbers[growth.parent]
            numbers[growth.parent] += 1
            if number:
                child.lineage = branched(child.lineage, child.depth, number)
                child.stream = stream_of(child.lineage)
            child.index, child.score, child.note = growth.index, growth.score, growth.note
            if growth.took is not None:
                child.take_tried(growth.took)
        self.grew = self.grew or not self.replays or self.replay == "masked"
        self.live = children
        return list(children)

    def ends(self, token: int, depth: int) -> bool:
        """Return whether a text ends with this token as its `depth`-th, whatever it spells."""
        return depth >= len(self.begun) and (token in self.end_ids or depth >= self.params.max_tokens)

    def forced_by_constraint(self, text: Text) -> tuple[int, ...]:
        """Return the tokens that its constraint leaves as the only way on."""
        return () if self.allowed is None else self.allowed.forced(text.node.state)

    def possible(self, text: Text, guess: Seq[int]) -> tuple[int, ...]:
        """Return a guess up to where it cannot be right, or nothing could come after it.

        An end token is not guessed: the row before it finds it.
        """
        right: list[int] = []
        state = text.node.state
        for token in guess[: self.params.max_tokens - text.depth - 1]:
            if token in self.end_ids:
                break
            if self.allowed is not None:
                state = self.allowed.step(state, token)
                if state is None:
                    break
            right.append(token)
        return tuple(right)

    def part(self) -> list[Text]:
        """Move the texts that have ended from the live to the finished ones, and return them."""
        ended = [text for text in self.live if text.finish_reason]
        self.live = [text for text in self.live if not text.finish_reason]
        self.finished += ended
        return ended

    def give(self, text: Text, token: int) -> None:
        """Let a text have a token of the path, which was not chosen here."""
        self._append(text, token, None)

    def accept(self, text: Text, trace: TokenTrace, number: int) -> str:
        """Append a token and return the text it adds; sets `finish_reason` if it is the last.

        The text of an end token or a stop string is not part of the text; its token is part of `output`.
        `number` is its place in the request's tree.
        """
        return self._append(text, trace.token_id, trace, number)

    def _append(self, text: Text, token: int, trace: TokenTrace | None, number: int = -1) -> str:
        before, depth = text.node, text.depth + 1
        ends = depth >= len(self.begun)  # a path went on after its earlier tokens, whatever they are
        if token in self.end_ids and ends:
            text.move(Node(before, token, trace, "", b"", "", before.state, number))
            text.stopped_by = token
            text.node.begun, text.node.held = before.begun, before.held
            return self.close(text, "stop")
        state = before.state
        if self.allowed is not None:
            state = self.allowed.step(state, token)
        spelled, begun = "", before.begun
        if token < len(self.spellings):
            spelled, begun = spell(before.begun, self.spellings[token])
        may_stop = ends and depth > self.params.min_tokens
        added, held, found = self.stops.read(before.held, spelled, may_stop=may_stop)
        if found is not None and not self._may_stop(before, added, state):
            added, held, found = self.stops.read(before.held, spelled, may_stop=False)
        boundary, unmatched = self._boundary(before.unmatched + spelled)
        text.move(Node(before, token, trace, added, begun, held, state, number, unmatched))
        if found is not None:
            text.stopped_by, text.finish_reason = found, "stop"
        elif ends and depth >= self.params.max_tokens:
            complete = self.allowed is not None and self.allowed.must_end(state)
            return added + self.close(text, "stop" if complete else "length")
        elif depth > len(self.begun) and self._pauses(depth - len(self.begun), boundary):
            text.stopped_by, text.finish_reason = boundary, "until"
        return added

    def _may_stop(self, before: Node, added: str, state: Any) -> bool:
        """Return whether the constraint lets a text end as it is shown, with `added` after a node's text.

        `state` is that after all of its tokens. What is shown may end in the middle of a token: it is
        followed from the last token that is all shown.
        """
        if self.allowed is None:
            return True
        node, told = before, 0  # told: how many characters were added up to the node, less those to `before`
        while (told + len(node.held) > len(added) or node.begun) and node.parent is not None:
            told -= len(node.added)
            node = node.parent
        later = [one.added for one in before.back_to(node.depth)]
        shown = "".join(reversed(later)) + added
        rest = shown[len(node.held) :]
        return self.allowed.may_end_shown(node.state, rest.encode(), state)

    def _boundary(self, text: str) -> tuple[str | None, str]:
        """Return the last boundary that a text completes, and what may become part of the next one.

        Boundaries do not overlap; of two that end together the longer counts.
        """
        if not isinstance(self.until, Boundary):
            return None, ""
        last, longest = None, max(map(len, self.until.strings))
        while True:
            ends = [
                (place + len(string), place, string)
                for string in self.until.strings
                if (place := text.find(string)) >= 0
            ]
            if not ends:
                return last, text[max(0, len(text) - longest + 1) :]
            end, _, last = min(ends)
            text = text[end:]

    def _pauses(self, grown: int, boundary: str | None) -> bool:
        """Return whether a request pauses after so many tokens; what is held back of the text stays so."""
        until = self.until
        if isinstance(until, End):
            return False
        most = until.count if isinstance(until, Tokens) else until.tokens
        return boundary is not None or (most is not None and grown >= most)

    def close(self, text: Text, reason: FinishReason) -> str:
        """End a text with what was held back (half a character, the start of a stop string); return that.

        A path whose last token ended it adds nothing: that token did.
        """
        ended_before = reason in ("stop", "length") and text.depth == len(self.begun)
        held = text.node.held + text.node.begun.decode("utf-8", "replace")
        text.closing = "" if ended_before else held
        text.finish_reason = reason
        return text.closing
