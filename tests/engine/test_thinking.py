"""Thoughts keep to their budget, token by token, by the rules that `Thinking` states, and by nothing else."""

from __future__ import annotations

import copy
import os
import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from asking import engine_ask
from ponder.asks import Output, Path, Read
from ponder.asks.read import Logits
from ponder.checkpoints import GgufVocabulary, SpecialTokens
from ponder.constraints import Ban, OneOf, Thinking, bits
from ponder.decoders import BeamSearch, PromptLookup, Speculative
from ponder.engine import Engine, FinishedEvent, ReadEvent
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder.text import TokenIds, Tokenizer, build_tokenizer
from stepping import assert_at_rest, run
from tiny_models import CONTROL, tiny_engine

PIECES = (
    *(bytes([byte]) for byte in b"abt<>()\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
    *(b"t>", b"at", b"a<", b"<a", b">\n", b"b\n", b"\xc3\xa9", b"\xe2\x82", b"a\xf0\x9f", b")b"),
)
IDS = {piece: token for token, piece in enumerate(PIECES)}
CONTROL_MARK = CONTROL[1]
SIZE = len(PIECES) + len(CONTROL)
ENDS = (SIZE - 1, SIZE - 3)
CALLS = ("(", ")")
CASES = 200 if os.environ.get("PONDER_WHOLE_GRID") == "1" else 30
MARKS = (("<", ">"), ("<", "t>"), ("<", "t>"), (CONTROL_MARK, ">"), ("<", CONTROL_MARK))


def tokenizer() -> Tokenizer:
    """Tokens that cut marks, characters and lines in every way, as byte-level tokenizers name them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {byte: chr(byte) for byte in plain}
    names |= {byte: chr(256 + i) for i, byte in enumerate(b for b in range(256) if b not in names)}
    tokens = (*("".join(names[byte] for byte in piece) for piece in PIECES), *CONTROL)
    types = (*(1,) * len(PIECES), *(3,) * len(CONTROL))
    return build_tokenizer(GgufVocabulary("gpt2", "smollm", tokens, types, ()), SpecialTokens(None, ENDS))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return tiny_engine(tokenizer(), seed=3, row_invariant=True)


def spelled(mark: str) -> tuple[int, ...]:
    """The fewest tokens that spell a text."""
    if mark == CONTROL_MARK:
        return (SIZE - 2,)
    text = mark.encode()
    cuts = [end for end in range(1, len(text) + 1) if text[:end] in IDS]
    ways = [(IDS[text[:end]], *spelled(text[end:].decode())) for end in cuts]
    return min(ways, key=len) if text else ()


def lacking(text: bytes) -> int | None:
    """How many bytes the last character of a text lacks; None: the text is no UTF-8."""
    for cut in range(min(3, len(text)) + 1):
        try:
            text[: len(text) - cut].decode()
        except UnicodeDecodeError:
            continue
        if cut == 0:
            return 0
        lead = text[len(text) - cut]
        length = 2 if lead >> 5 == 6 else 3 if lead >> 4 == 14 else 4 if lead >> 3 == 30 else 0
        rest = text[len(text) - cut + 1 :]
        if lead == 0xF0 and b"" < rest[:1] < b"\x90":
            return None
        if cut < length and all(byte >> 6 == 2 for byte in rest):
            return length - cut
    return None


@dataclass
class Reader:
    """Reads a text token by token as the rules of `Thinking` say, from its bytes alone."""

    thinking: Thinking
    max_tokens: int
    ban: bytes = b""
    where: str = "outside"
    text: bytes = b""  # since the last mark
    starts: list[int] = field(default_factory=list)  # of the tokens in it
    block: int = 0  # tokens of this block
    spent: int = 0
    place: int = 0
    landing: tuple[int, ...] = ()  # what is left of a message and what follows
    whole: bytes = b""
    blocks: list[tuple[int, int, bool]] = field(default_factory=list)  # thoughts, place after it, had a call
    had_call: bool = False

    def __post_init__(self) -> None:
        if self.thinking.opened is True:
            self.where = "thought"
        elif self.thinking.opened is False:
            self.where, self.landing = "opening", spelled(self.thinking.open)

    def close(self) -> tuple[int, ...]:
        return spelled(self.thinking.close)

    def counted(self) -> int:
        return self.block + (self.spent if self.thinking.per == "turn" else 0)

    def room(self, counted: int, place: int) -> float:
        end, rooms = len(spelled(self.thinking.message)), [float("inf")]
        if self.thinking.maximum is not None:
            rooms.append(self.thinking.maximum - end - counted)
        if self.thinking.reserve:
            rooms.append(self.max_tokens - self.thinking.reserve - end - len(self.close()) - place)
        return min(rooms)

    def left(self) -> float:
        return self.room(self.counted(), self.place)

    def closing(self) -> int:
        """How many of the last tokens spell nothing but a beginning of `close`."""
        mark = self.thinking.close.encode() if self.thinking.close != CONTROL_MARK else b""
        for start in self.starts:
            if len(mark) > len(self.text) - start and mark.startswith(self.text[start:]):
                return sum(one >= start for one in self.starts)
        return 0

    def begun(self) -> bytes:
        """The longest beginning of `close` that the text ends with."""
        mark = self.thinking.close.encode()
        if self.thinking.close == CONTROL_MARK:
            return b""
        return next((mark[:n] for n in range(len(mark) - 1, 0, -1) if self.text.endswith(mark[:n])), b"")

    def lands(self) -> bool:
        enough = self.counted() - self.closing() >= self.thinking.minimum
        return lacking(self.text) == 0 and enough and self.left() <= self.thinking.grace

    def rest(self) -> tuple[int, ...]:
        begun = self.begun()
        return spelled(self.thinking.close[len(begun) :]) if begun else self.close()

    def forced(self) -> tuple[int, ...]:
        if self.landing:
            return self.landing
        if self.where != "thought" or not self.lands():
            return ()
        if self.closing():
            return self.rest()
        if self.left() <= 0 or self.text.endswith(b"\n"):
            message = spelled(self.thinking.message)
            return (*message, *self.close()) if message else self.rest()
        return ()

    def due(self, row: np.ndarray) -> tuple[int, ...]:
        """What must come by the model's row of logits."""
        if not self.thinking.rank or self.where != "thought" or self.forced() or not self.lands():
            return ()
        token = self.rest()[0]
        rank = int((row > row[token]).sum() + (row[:token] == row[token]).sum())
        return (token,) if rank < self.thinking.rank else ()

    def take(self, token: int) -> None:
        """Go on by a token, whatever may come."""
        forced, message = self.forced(), spelled(self.thinking.message)
        if message and forced == (*message, *self.close()):
            self.landing = forced
        piece = PIECES[token] if token < len(PIECES) else b""
        self.place += 1
        self.whole += piece
        if self.landing:
            self.landing = self.landing[1:]
            if self.where == "opening":
                if not self.landing:
                    self.begin("thought", b"")
                return
            self.block += len(self.landing) >= len(self.close())
            if not self.landing:
                self.end(self.block)
            return
        opens, closes = (self.thinking.open, self.thinking.close)
        after = self.text + piece
        if self.where == "outside":
            if token == SIZE - 2:
                self.text = b""
                if opens == CONTROL_MARK:
                    self.begin("thought", b"")
            elif opens.encode() in after:
                self.begin("thought", after.partition(opens.encode())[2])
            elif b"(" in piece:
                self.begin("call", after.partition(b"(")[2])
            else:
                self.text = after
        elif self.where == "call":
            self.text = after
            if b")" in after:
                self.begin("outside", after.partition(b")")[2])
        elif self.where == "call in thoughts":
            self.block += 1
            self.text = after
            if b")" in after:
                self.where, self.text, self.starts = "thought", after.partition(b")")[2], []
        elif b"(" in piece:
            self.block += 1
            self.had_call = True
            self.where, self.text = "call in thoughts", after.partition(b"(")[2]
        elif token == SIZE - 2 and closes == CONTROL_MARK:
            self.end(self.block)
        elif closes != CONTROL_MARK and closes.encode() in after:
            found = after.index(closes.encode())
            self.starts.append(len(self.text))
            self.end(self.block + 1 - sum(start >= found for start in self.starts))
        else:
            self.block += 1
            self.starts.append(len(self.text))
            self.text = after

    def begin(self, where: str, rest: bytes) -> None:
        self.where, self.text, self.starts, self.block, self.had_call = where, rest, [], 0, False

    def end(self, thoughts: int) -> None:
        self.spent += thoughts
        self.blocks.append((thoughts, self.place, self.had_call))
        self.begin("outside", b"")

    def after(self, token: int) -> Reader:
        """The same after a token."""
        reader = copy.copy(self)
        reader.starts, reader.blocks = [*self.starts], [*self.blocks]
        reader.take(token)
        return reader

    def allows(self, token: int) -> bool:
        """Whether a token may come, where nothing is due by the model's row."""
        piece = PIECES[token] if token < len(PIECES) else b""
        if self.ban and self.ban in self.whole + piece:
            return False
        if forced := self.forced():
            return token == forced[0]
        if token in ENDS:
            return self.where in ("outside", "call")
        after = self.after(token)
        if self.where == "outside":
            if after.where != "thought":
                return True
            counted = 0 if self.thinking.per == "block" else self.spent
            return self.room(counted, after.place) >= max(1, self.thinking.minimum - counted)
        if self.where == "call":
            return after.where == "call" or self.thinking.open.encode() not in after.text
        if not piece and after.where != "outside":
            return False
        if self.where == "call in thoughts":
            if after.where != "thought":
                return True
            return lacking(after.text) == 0
        left = self.left() - 1
        if after.where == "call in thoughts":
            return left > self.thinking.grace and lacking(self.text + piece) is not None
        if after.where == "outside":
            ends = not piece or (self.text + piece).endswith(self.thinking.close.encode())
            spent = after.blocks[-1][0] + (self.spent if self.thinking.per == "turn" else 0)
            whole = lacking(self.text) == 0 or (piece and lacking(self.text + piece) == 0)
            return bool(ends and whole and spent >= self.thinking.minimum)
        missing = lacking(after.text)
        if missing is None or missing > max(left, 0):
            return False
        return left > 0 or after.counted() - after.closing() >= self.thinking.minimum


@dataclass(frozen=True)
class Case:
    """A random request."""

    prompt: tuple[int, ...]
    thinking: Thinking
    ban: bytes
    params: SamplingParams
    draft: bool

    @property
    def constraint(self) -> Any:
        return self.thinking & Ban((self.ban.decode(),)) if self.ban else self.thinking


def case(seed: int) -> Case:
    rng = random.Random(seed)
    pick = rng.choice
    opened, (opens, closes) = pick((True, True, False, "auto", "auto")), pick(MARKS)
    minimum, message = pick((0, 0, 1, 3, 6)), pick(("", "", "b", "\nb"))
    least = minimum + len(spelled(message))
    thinking = Thinking(
        minimum,
        pick((None, least, least + 1, least + 2, least + 5, least + 9)),
        opens,
        closes,
        pick((None, None, None, OneOf(("a", "bt")))),
        opened,
        pick((0, 0, 2, 4, 8)),
        pick((0, 0, 1, 4)),
        message,
        pick((0, 0, 4, 9)),
        pick(("turn", "block")),
        CALLS,
    )
    prompt = tuple(rng.randrange(len(PIECES)) for _ in range(rng.randrange(1, 40)))
    if opened == "auto" and rng.random() < 0.4:
        prompt = (*prompt, *spelled(opens), IDS[b"\n"])
    elif opened == "auto":
        prompt = (*prompt, IDS[b"b"])
    greedy = rng.random() < 0.2
    bias = dict.fromkeys(ENDS, -2.0)
    bias |= {IDS[piece]: pick((0.0, 2.0)) for piece in (b"<", b">", b"t", b"\n", b"(", b")", b"\xe2")}
    params = SamplingParams(
        n=1 if greedy else pick((1, 1, 2, 3)),
        seed=seed,
        temperature=0.0 if greedy else pick((0.7, 1.0, 1.5)),
        max_tokens=rng.randrange(28, 42),
        logit_bias=bias,
    )
    return Case(prompt, thinking, pick((b"", b"", b"ab")), params, rng.random() < 0.5)


def outputs(engine: Engine, one: Case, draft: bool, begun: tuple[int, ...] = ()) -> tuple[Output, ...]:
    decoder = Speculative(PromptLookup(tokens=4, max_ngram=2, min_ngram=1)) if draft else None
    ask = engine_ask(one.prompt, one.params, one.constraint, decoder, tokens=begun)
    *_, last = run(engine, ask)
    assert isinstance(last, FinishedEvent)
    assert_at_rest(engine)
    return last.outputs


def rows_of(engine: Engine, prompt: tuple[int, ...], tokens: tuple[int, ...]) -> np.ndarray:
    """The row of logits before each token."""
    at = tuple(range(len(prompt) - 1, len(prompt) + len(tokens) - 1))
    number = engine.submit(Read(Path(TokenIds(prompt), tokens), at=at, of=Logits()))
    read = [event for _ in range(20) for event in engine.step() if event.request_id == number]
    rows = next(event.reading.rows for event in read if isinstance(event, ReadEvent))
    assert rows is not None
    return rows


def reader_of(one: Case) -> Reader:
    thinking = one.thinking
    opened = thinking.opened
    if opened == "auto" and one.prompt[-1:] == (IDS[b"\n"],):
        opened = True
    fields = {name: getattr(thinking, name) for name in Thinking.__dataclass_fields__}
    return Reader(Thinking(**{**fields, "opened": opened}), one.params.max_tokens, one.ban)


def check(engine: Engine, one: Case) -> dict[str, int]:
    """Hold each text of a request to the rules; return what was seen."""
    seen = dict.fromkeys(("texts", "tokens", "masks", "forced", "likely", "blocks", "messages", "calls"), 0)
    plain = outputs(engine, one, draft=False)
    if one.draft:
        guessed = outputs(engine, one, draft=True)
        assert [(text.token_ids, text.thoughts) for text in guessed] == [
            (text.token_ids, text.thoughts) for text in plain
        ]
    for text in plain:
        check_text(engine, one, text, seen)
    if one.params.n == 1 and plain[0].token_ids:
        (text,) = plain
        begun = text.token_ids[: len(text.token_ids) // 2]
        (rest,) = outputs(engine, one, one.draft, begun)
        assert rest.token_ids == text.token_ids[len(begun) :]
    return seen


def check_text(engine: Engine, one: Case, text: Output, seen: dict[str, int]) -> None:
    reader, rows = reader_of(one), rows_of(engine, one.prompt, text.token_ids)
    thinking, free = reader.thinking, one.thinking.answer is None
    told = text.constrained
    assert told is not None
    untouched = not (told.refused or told.late or told.rewinds)
    seen["texts"] += 1
    answered = None
    for token, row, trace in zip(text.token_ids, rows, text.traces, strict=True):
        if not free and reader.where == "outside":
            if reader.blocks or answered is not None:
                answered = (answered or b"") + (PIECES[token] if token < len(PIECES) else b"")
                continue
            opens = reader.after(token).where == "thought"
            if not opens:
                answered = PIECES[token] if token < len(PIECES) else b""
                continue
        due, forced = reader.due(row), reader.forced()
        if due and reader.allows(due[0]):
            assert token == due[0]
            seen["likely"] += 1
        else:
            assert reader.allows(token), (one, text.token_ids, reader)
            if untouched and (free or reader.where != "outside"):
                p = np.exp(np.asarray(row, np.float64) - row.max())
                mass = p[[reader.allows(other) for other in range(SIZE)]].sum() / p.sum()
                assert trace.allowed_mass == pytest.approx(mass, abs=1e-4), (one, text.token_ids, reader)
                seen["masks"] += 1
            seen["forced"] += bool(forced)
        if token in ENDS:
            break
        seen["messages"] += bool(thinking.message) and forced[:1] == spelled(thinking.message)[:1]
        reader.take(token)
        seen["tokens"] += 1
    check_budget(one, reader, text)
    if not free:
        assert (answered or b"") in (b"a", b"bt"), text
    seen["blocks"] += len(reader.blocks)
    seen["calls"] += sum(had_call for _, _, had_call in reader.blocks)


def check_budget(one: Case, reader: Reader, text: Output) -> None:
    """What was asked for, of what was written."""
    thinking = reader.thinking
    assert reader.where in ("outside", "call"), "it ended while it thought"
    assert text.thoughts == sum(count for count, _, _ in reader.blocks)
    spent = 0
    for count, place, had_call in reader.blocks:
        spent = count if thinking.per == "block" else spent + count
        assert spent >= thinking.minimum
        if not had_call:
            assert thinking.maximum is None or spent <= thinking.maximum
            assert place <= one.params.max_tokens - thinking.reserve
    assert thinking.opened == "auto" or reader.blocks


@pytest.mark.slow
def test_random_requests(engine: Engine) -> None:
    """Each token may come by the rules, and what may come has the mass that the trace tells."""
    total: dict[str, int] = {}
    for seed in range(CASES):
        for name, count in check(engine, case(seed)).items():
            total[name] = total.get(name, 0) + count
    assert all(total.values()), total


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_masks_are_the_rules(seed: int) -> None:
    """Along random walks the tokens of each mask are those that the rules allow, and are taken."""
    tokens, rng = tokenizer(), random.Random(seed)
    for one in map(case, range(seed * CASES // 4, (seed + 1) * CASES // 4)):
        reader = replace(reader_of(one), ban=b"")
        automaton: Any = reader.thinking.situated("", one.params.max_tokens).compile(tokens.vocabulary)
        state = automaton.start
        for _ in range(30):
            if reader.where == "outside" and one.thinking.answer is not None:
                break
            ends = ENDS if automaton.may_end(state) else ()
            allowed = {*bits.members(automaton.mask(state)), *ends}
            assert allowed == {token for token in range(SIZE) if reader.allows(token)}, (one, reader)
            token = rng.choice(sorted(allowed.difference(ENDS)))
            state = automaton.step(state, token)
            assert state is not None
            reader.take(token)


def test_only_samples_look_at_the_likeliest(engine: Engine) -> None:
    """A search refuses `rank` by name, and does the rest."""
    params = SamplingParams(max_tokens=20)
    ask = engine_ask((1, 2), params, Thinking(0, 4, "<", ">", rank=2), BeamSearch(2))
    with pytest.raises(ParameterError) as caught:
        engine.submit(ask)
    assert caught.value.field == "rank"
    *_, last = run(engine, engine_ask((1, 2), params, Thinking(0, 4, "<", ">"), BeamSearch(2)))
    assert isinstance(last, FinishedEvent)
    for text in last.outputs:
        assert text.thoughts is not None
        assert text.thoughts <= 4
        assert ">" in text.text
