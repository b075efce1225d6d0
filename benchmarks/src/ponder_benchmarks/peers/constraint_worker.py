"""llguidance, XGrammar, outlines-core or lm-format-enforcer in this process; see `serve.py`. Imports nothing
of ponder.

Times are processor time of the thread that asks, as these libraries work in it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

SPACE = r"(\n[ \t]{0,40}| )?"  # that llguidance may put between two tokens of JSON


def load(engine: str) -> Engine:
    """Return an engine: a library's name, after which "lenient" may stand."""
    name, _, mode = engine.partition(" ")
    makers: dict[str, Callable[[bool], Any]] = {
        "llguidance": Guidance,
        "XGrammar": XGrammar,
        "outlines-core": Outlines,
        "lm-format-enforcer": FormatEnforcer,
    }
    return Engine(makers[name](mode == "lenient"))


class Engine:
    """What a `PeerProcess` is asked, of any library."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    def describe(self) -> dict[str, Any]:
        """Say which version it is."""
        return {"version": version(self.peer.package)}

    def read(self, tokens: Sequence[str], ends: Sequence[int]) -> dict[str, Any]:
        """Read a vocabulary: its tokens in hexadecimal, "" where a token is no text, and what ends a text."""
        start = time.process_time()
        self.peer.read([bytes.fromhex(token) for token in tokens], list(ends))
        return {"seconds": time.process_time() - start}

    def ban(
        self, phrases: Sequence[str], ignore_case: bool, whole_word: bool, streams: Sequence[Sequence[int]]
    ) -> dict[str, Any]:
        """Compile a ban and follow it along streams of tokens, each from the beginning."""
        return self._followed(lambda: self.peer.ban(phrases, ignore_case, whole_word), streams)

    def schema(self, schema: Any, streams: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Compile a JSON schema and follow it along streams of tokens."""
        return self._followed(lambda: self.peer.schema(schema), streams)

    def fork(self, schema: Any, stream: Sequence[int], times: int) -> dict[str, Any]:
        """Follow a stream, then time forks alone, and forks with the masks after one token and its own."""
        matcher = self.peer.schema(schema)
        if not all(matcher.take(token) for token in stream[:-1]):
            raise ValueError("the stream is not allowed")
        matcher.mask()
        alone, whole, kept = [], [], []
        for _ in range(times):
            start = time.thread_time_ns()
            other = matcher.fork()
            forked = time.thread_time_ns()
            other.take(stream[-1])
            other.mask()
            alone.append(forked - start)
            whole.append(time.thread_time_ns() - start)
            kept.append(other)
        return {"fork_us": summary(alone), "fork_step_mask_us": summary(whole)}

    def judge(self, groups: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """Say for each schema with its instances' texts which instances are allowed; None: it is refused."""
        return {"judged": [self._judged(schema, instances) for schema, instances in groups]}

    def _judged(self, schema: Any, instances: Sequence[Sequence[str]]) -> list[bool | None] | None:
        try:
            allows = self.peer.reader(schema)
        except BaseException as error:  # a panic of Rust is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            return None
        return [_any(allows, texts) for texts in instances]

    def _followed(self, make: Callable[[], Any], streams: Sequence[Sequence[int]]) -> dict[str, Any]:
        before, start = resident(), time.process_time()
        matcher = make()
        build_s = time.process_time() - start
        masks, steps, refused = [], [], 0
        for stream in streams:
            at = matcher.fork()
            for token in stream:
                start_ns = time.thread_time_ns()
                at.mask()
                masked = time.thread_time_ns()
                refused += not at.take(token)
                stepped = time.thread_time_ns()
                masks.append(masked - start_ns)
                steps.append(stepped - start_ns)
        return {
            "build_s": build_s,
            "mask_us": summary(masks),
            "step_and_mask_us": summary(steps),
            "refused_tokens": refused,
            "bytes": resident() - before,
        }


class Guidance:
    """llguidance, with limits raised far enough for every list here."""

    package = "llguidance"

    def __init__(self, lenient: bool) -> None:
        self.lenient = lenient
        self.module: Any = import_module("llguidance")
        self.numpy: Any = import_module("llguidance.numpy")

    def read(self, tokens: list[bytes], ends: list[int]) -> None:
        """Build its tokenizer; one more token is the end."""

        named = [*tokens, b"<|end|>"]
        special = [number for number, token in enumerate(tokens) if not token or number in ends]
        for number in special:
            named[number] = f"<|{number}|>".encode()
        described = Described(named, [*special, len(tokens)], len(tokens))
        self.tokenizer = self.module.LLTokenizer(self.module.TokenizerWrapper(described))
        self.room = self.numpy.allocate_token_bitmask(1, len(tokens) + 1)

    def ban(self, phrases: Sequence[str], ignore_case: bool, whole_word: bool) -> GuidanceMatcher:
        """Use the complement of the texts with a phrase in them."""
        one = "|".join(map(_escaped, phrases))
        one = f"(?i:{one})" if ignore_case else f"({one})"
        found = rf"((?s:.*)\W)?{one}(\W(?s:.*))?" if whole_word else f"(?s:.*){one}(?s:.*)"
        lark = f"start: TEXT\nTEXT: /(?s:.*)/ & ~/{found}/\n"
        return self._matcher(self.module.LLMatcher.grammar_from_lark(lark))

    def schema(self, schema: Any) -> GuidanceMatcher:
        """Take a schema as it is."""
        overrides = {"whitespace_pattern": SPACE, "lenient": self.lenient}
        grammar = self.module.LLMatcher.grammar_from_json_schema(schema, overrides=overrides)
        return self._matcher(grammar)

    def reader(self, schema: Any) -> Callable[[str], bool]:
        """Return what reads a text byte by byte: its vocabulary has to be that of all bytes."""
        matcher = self.schema(schema)

        def allows(text: str) -> bool:
            at = matcher.fork().matcher
            spelled = list(text.encode())
            return at.try_consume_tokens(spelled) == len(spelled) and bool(at.is_accepting())

        return allows

    def _matcher(self, grammar: str) -> GuidanceMatcher:
        limits = self.module.LLParserLimits(
            initial_lexer_fuel=1_000_000_000,
            step_lexer_fuel=100_000_000,
            step_max_items=10_000_000,
            max_lexer_states=1_000_000,
            max_grammar_size=10_000_000,
            verbose_errors=False,
        )
        matcher = self.module.LLMatcher(self.tokenizer, grammar, log_level=0, limits=limits)
        made = GuidanceMatcher(matcher, self.numpy, self.room)
        made.check()
        return made


class Described:
    """A vocabulary as llguidance reads it."""

    bos_token_id = None

    def __init__(self, tokens: list[bytes], special: list[int], end: int) -> None:
        self.tokens, self.special_token_ids, self.eos_token_id = tokens, special, end

    def __call__(self, text: Any) -> list[int]:
        return []


class GuidanceMatcher:
    """A place in a text."""

    def __init__(self, matcher: Any, numpy: Any, room: Any) -> None:
        self.matcher, self.numpy, self.room = matcher, numpy, room

    def mask(self) -> None:
        self.numpy.fill_next_token_bitmask(self.matcher, self.room, 0)
        if self.matcher.is_error():
            self.check()

    def take(self, token: int) -> bool:
        taken = self.matcher.try_consume_tokens([token]) == 1
        return bool(taken)

    def fork(self) -> GuidanceMatcher:
        return GuidanceMatcher(self.matcher.deep_copy(), self.numpy, self.room)

    def check(self) -> None:
        """Raise what it met."""
        if self.matcher.is_error():
            raise ValueError(self.matcher.get_error())


class XGrammar:
    """XGrammar on one thread, without its cache."""

    package = "xgrammar"

    def __init__(self, lenient: bool) -> None:
        self.lenient = lenient
        self.module: Any = import_module("xgrammar")

    def read(self, tokens: list[bytes], ends: list[int]) -> None:
        """Build its compiler."""
        self.ends = ends or [len(tokens)]
        named = [*tokens, b"<|end|>"] if not ends else tokens
        info = self.module.TokenizerInfo(named, stop_token_ids=self.ends)
        self.compiler = self.module.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        self.room = self.module.allocate_token_bitmask(1, len(named))

    def ban(self, phrases: Sequence[str], ignore_case: bool, whole_word: bool) -> XGrammarMatcher:
        """Exclude phrases from any text: as they are written, for it cannot ignore case."""
        if whole_word:
            raise ValueError("it has no bans of whole words")
        tag = {
            "type": "structural_tag",
            "format": {"type": "any_text", "excludes": list(dict.fromkeys(phrases))},
        }
        return self._matcher(self.compiler.compile_structural_tag(tag))

    def schema(self, schema: Any) -> XGrammarMatcher:
        """Take a schema as it is."""
        text = import_module("json").dumps(schema)
        return self._matcher(self.compiler.compile_json_schema(text, strict_mode=not self.lenient))

    def reader(self, schema: Any) -> Callable[[str], bool]:
        """Return what reads a text."""
        made = self.schema(schema)

        def allows(text: str) -> bool:
            at = made.again().matcher
            return bool(at.accept_string(text)) and bool(at.accept_token(self.ends[0]))

        return allows

    def _matcher(self, compiled: Any) -> XGrammarMatcher:
        return XGrammarMatcher(self.module.GrammarMatcher, compiled, self.room)


class XGrammarMatcher:
    """A place in a text."""

    def __init__(self, make: Any, compiled: Any, room: Any, matcher: Any = None) -> None:
        self.make, self.compiled, self.room = make, compiled, room
        self.matcher = make(compiled) if matcher is None else matcher

    def mask(self) -> None:
        self.matcher.fill_next_token_bitmask(self.room)

    def take(self, token: int) -> bool:
        return bool(self.matcher.accept_token(token))

    def fork(self) -> XGrammarMatcher:
        return XGrammarMatcher(self.make, self.compiled, self.room, self.matcher.fork())

    def again(self) -> XGrammarMatcher:
        """Return the beginning of a text."""
        return XGrammarMatcher(self.make, self.compiled, self.room)


class Outlines:
    """outlines-core: a schema is a regular expression, and that an index of states."""

    package = "outlines_core"

    def __init__(self, lenient: bool) -> None:
        self.module: Any = import_module("outlines_core")
        self.schemas: Any = import_module("outlines_core.json_schema")

    def read(self, tokens: list[bytes], ends: list[int]) -> None:
        """Build its vocabulary."""
        named: dict[bytes, list[int]] = {}
        for number, token in enumerate(tokens):
            if token and number not in ends:
                named.setdefault(token, []).append(number)
        self.end = ends[0] if ends else len(tokens)
        self.vocabulary = self.module.Vocabulary(self.end, named)

    def reader(self, schema: Any) -> Callable[[str], bool]:
        """Return what reads a text byte by byte: its vocabulary has to be that of all bytes."""
        pattern = self.schemas.build_regex_from_schema(import_module("json").dumps(schema))
        index = self.module.Index(pattern, self.vocabulary)

        def allows(text: str) -> bool:
            state = index.get_initial_state()
            for byte in text.encode():
                state = index.get_next_state(state, byte)
                if state is None:
                    return False
            return bool(index.is_final_state(state))

        return allows


class FormatEnforcer:
    """lm-format-enforcer: a parser of characters in Python."""

    package = "lm-format-enforcer"

    def __init__(self, lenient: bool) -> None:
        self.module: Any = import_module("lmformatenforcer")

    def read(self, tokens: list[bytes], ends: list[int]) -> None:
        """Read nothing: its parsers know no tokens."""

    def reader(self, schema: Any) -> Callable[[str], bool]:
        """Return what reads a text character by character."""
        if not isinstance(schema, dict):
            raise ValueError("a schema is a dict")
        first = self.module.JsonSchemaParser(schema)
        first.get_allowed_characters()

        def allows(text: str) -> bool:
            at = first
            for character in text:
                if character not in at.get_allowed_characters():
                    return False
                at = at.add_character(character)
            return bool(at.can_end())

        return allows


def _any(allows: Callable[[str], bool], texts: Sequence[str]) -> bool | None:
    """Return whether one of the texts is allowed; None: the library fails at it."""
    try:
        return any(allows(text) for text in texts)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return None


def _escaped(phrase: str) -> str:
    return "".join(f"\\{sign}" if sign in r"\.^$|?*+()[]{}/-#&~" else sign for sign in phrase)


def summary(nanoseconds: Sequence[int]) -> dict[str, float]:
    """Return the median, the 99th hundredth and the most, in microseconds."""
    ordered = sorted(nanoseconds)
    places = {"p50": len(ordered) // 2, "p99": min(len(ordered) * 99 // 100, len(ordered) - 1), "max": -1}
    return {name: ordered[place] / 1000 for name, place in places.items()} | {"count": len(ordered)}


def resident() -> int:
    """Return the bytes of memory that are resident, without what has been freed."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
