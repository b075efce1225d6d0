"""Strings to token ids and back, for every vocabulary a checkpoint can carry.

Both kinds of vocabulary become a `tokenizers.Tokenizer`; what this module adds is what a generator needs
and that library does not give: the exact bytes of every token, and the promise that raw text never turns
into a control token.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, NoReturn

import tokenizers
from tokenizers import AddedToken, normalizers
from tokenizers.models import BPE

from ponder.checkpoints.checkpoint import TURN_ENDS, GgufVocabulary, SpecialTokens, TokenizerJson
from ponder.errors import CheckpointError, ParameterError, PonderWarning
from ponder.text.pre_tokenizers import normalizer, pre_tokenizer, words_of
from ponder.text.vocabulary import Vocabulary

MAX_REMEMBERED = 16  # answers of `Tokenizer.containing`

# GGUF's token types.
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6

# Beyond these a file is damaged or hostile, and would take all memory or time.
_MOST_TOKENS = 2**22
_LONGEST_MERGED_PIECE = 128

_PLACEHOLDER = re.compile(
    r"\[(PAD|unused)[\s_-]?\d+\]|<(unused|pad|reserved)[\w-]*\d+>|<\|(reserved|unused|dummy|placeholder)[^|<>]*\|>",
    re.IGNORECASE,
)

Alphabet = Literal["byte-level", "sentencepiece"]


def build_tokenizer(
    vocabulary: TokenizerJson | GgufVocabulary, special: SpecialTokens, rows: int | None = None
) -> Tokenizer:
    """Make a tokenizer from what a checkpoint says.

    Parameters
    ----------
    special : ids outside the vocabulary stand for none.
    rows : how many tokens the model has, which may be fewer than the tokenizer's; None: all of them.

    Raises
    ------
    CheckpointError
        The vocabulary is malformed, or its kind or pre-tokenizer is not supported.
    """
    if isinstance(vocabulary, TokenizerJson):
        return _from_json(vocabulary, special, rows)
    count = len(vocabulary.tokens)
    if len(vocabulary.token_types) != count:
        raise CheckpointError(
            f"the vocabulary has {count} tokens but {len(vocabulary.token_types)} token types"
        )
    known = range(count if rows is None else min(count, rows))
    special = _known_only(special, known)
    if vocabulary.unk_id not in known:
        vocabulary = replace(vocabulary, unk_id=None)
    if vocabulary.model == "gpt2":
        return _from_gguf_byte_level(vocabulary, special, rows)
    if vocabulary.model == "llama":
        return _from_gguf_sentencepiece(vocabulary, special, rows)
    raise CheckpointError(f"tokenizer model {vocabulary.model!r} is not supported: supported are gpt2, llama")


def _known_only(special: SpecialTokens, known: range) -> SpecialTokens:
    bos = special.bos_id if special.bos_id in known else None
    return SpecialTokens(bos, tuple(i for i in special.eos_ids if i in known))


def _from_gguf_byte_level(vocabulary: GgufVocabulary, special: SpecialTokens, rows: int | None) -> Tokenizer:
    words = words_of(vocabulary.pre)
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in vocabulary.merges)]
    with _faults_are_the_files("the merges do not fit the vocabulary"):
        model = BPE(ids, merges, ignore_merges=words.whole_words)
    inner = tokenizers.Tokenizer(model)
    inner.normalizer = normalizer(words)
    inner.pre_tokenizer = pre_tokenizer(words)
    return _with_gguf_added_tokens(inner, vocabulary, special, "byte-level", rows)


def _from_gguf_sentencepiece(
    vocabulary: GgufVocabulary, special: SpecialTokens, rows: int | None
) -> Tokenizer:
    if len(vocabulary.scores) != len(vocabulary.tokens):
        raise CheckpointError(
            f"the vocabulary has {len(vocabulary.tokens)} tokens but {len(vocabulary.scores)} scores"
        )
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
    unknown = None if vocabulary.unk_id is None else vocabulary.tokens[vocabulary.unk_id]
    byte_fallback = _BYTE in vocabulary.token_types
    merges = _merges_from_scores(vocabulary)
    with _faults_are_the_files("the scores do not fit the vocabulary"):
        model = BPE(ids, merges, unk_token=unknown, fuse_unk=True, byte_fallback=byte_fallback)
    inner = tokenizers.Tokenizer(model)
    # Applied to each stretch between added tokens, so a control token is followed by the prefix too, as in
    # llama.cpp.
    prefix = [normalizers.Prepend("▁")] if vocabulary.add_space_prefix else []
    inner.normalizer = normalizers.Sequence([*prefix, normalizers.Replace(" ", "▁")])
    return _with_gguf_added_tokens(inner, vocabulary, special, "sentencepiece", rows)


def _merges_from_scores(vocabulary: GgufVocabulary) -> list[tuple[str, str]]:
    """List every way to make a piece from two pieces, the piece with the highest score first.

    sentencepiece merges whichever neighbours make the piece with the highest score; this is that rule
    written as a merge list.
    """
    score = {
        token: vocabulary.scores[token_id]
        for token_id, token in enumerate(vocabulary.tokens)
        if vocabulary.token_types[token_id] == _NORMAL and len(token) <= _LONGEST_MERGED_PIECE
    }
    ranked = sorted(score, key=lambda piece: -score[piece])
    return [
        (piece[:cut], piece[cut:])
        for piece in ranked
        for cut in range(1, len(piece))
        if piece[:cut] in score and piece[cut:] in score
    ]


def _with_gguf_added_tokens(
    inner: tokenizers.Tokenizer,
    vocabulary: GgufVocabulary,
    special: SpecialTokens,
    alphabet: Alphabet,
    rows: int | None,
) -> Tokenizer:
    """Add the control and user-defined tokens, which are matched before the model sees the text."""
    added = {
        token_id: AddedToken(token, special=kind != _USER_DEFINED or token in TURN_ENDS, normalized=False)
        for token_id, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.token_types, strict=True))
        if (kind in (_UNKNOWN, _CONTROL, _USER_DEFINED) and token) or (kind == _NORMAL and token in TURN_ENDS)
    }
    inner.add_tokens(list(added.values()))
    return Tokenizer(
        inner,
        vocabulary.tokens,
        added,
        special,
        alphabet,
        add_bos=vocabulary.add_bos,
        unk_id=vocabulary.unk_id if alphabet == "sentencepiece" else None,
        unused=frozenset(i for i, kind in enumerate(vocabulary.token_types) if kind == _UNUSED),
        rows=rows,
    )


def _from_json(vocabulary: TokenizerJson, special: SpecialTokens, rows: int | None) -> Tokenizer:
    with _faults_are_the_files("tokenizer.json cannot be read"):
        config = json.loads(vocabulary.text)
        inner = tokenizers.Tokenizer.from_str(vocabulary.text)
        inner.no_padding()
        inner.no_truncation()
        _add_described(inner, vocabulary)
        ids = inner.get_vocab(with_added_tokens=True)
        count = max(ids.values(), default=-1) + 1
        if count > _MOST_TOKENS:
            raise CheckpointError(
                f"tokenizer.json has a token id {count - 1}; at most {_MOST_TOKENS} are supported"
            )
        tokens = [""] * count
        for token, token_id in ids.items():
            tokens[token_id] = token
        model = config["model"]
        known = range(count if rows is None else min(count, rows))
        special = _all_special(inner, vocabulary, special, known)
        return Tokenizer(
            inner,
            tuple(tokens),
            inner.get_added_tokens_decoder(),
            special,
            _alphabet_of(config),
            add_bos=_put_before(inner) == special.bos_id,
            unk_id=ids.get(model.get("unk_token"), model.get("unk_id")),
            names=vocabulary.names,
            rows=rows,
        )


def _add_described(inner: tokenizers.Tokenizer, vocabulary: TokenizerJson) -> None:
    """Add what the files beside tokenizer.json know of its tokens, as transformers' AutoTokenizer does.

    A token that a file calls by a name, such as `eos_token`, is a control token if the vocabulary has it.
    What pads batches is left as it is: some files name a word for that.
    """
    there = {token.content: token.special for token in inner.get_added_tokens_decoder().values()}
    for token in vocabulary.added:
        if there.get(token.content) != token.special:
            flags = {name: getattr(token, name) for name in ("single_word", "lstrip", "rstrip", "normalized")}
            inner.add_tokens([AddedToken(token.content, special=token.special, **flags)])
            there[token.content] = token.special
    names = [text for name, text in (vocabulary.names or {}).items() if name != "pad_token"]
    for text in dict.fromkeys([*names, *vocabulary.ends]):
        if text not in there and inner.token_to_id(text) is not None:
            inner.add_tokens([AddedToken(text, special=True)])


def _all_special(
    inner: tokenizers.Tokenizer, vocabulary: TokenizerJson, special: SpecialTokens, known: range
) -> SpecialTokens:
    """Unite what names tokens by text, what names them by id, and what ends a turn by its name alone."""
    by_id = _known_only(special, known)
    named = [inner.token_to_id(end) for end in vocabulary.ends]
    turns = [
        token_id
        for token_id, token in sorted(inner.get_added_tokens_decoder().items())
        if token.special and token.content in TURN_ENDS
    ]
    ends = dict.fromkeys(i for i in [*named, *by_id.eos_ids, *turns] if i is not None and i in known)
    name = (vocabulary.names or {}).get("bos_token")
    candidates = (_put_before(inner), None if name is None else inner.token_to_id(name), by_id.bos_id)
    bos = next((i for i in candidates if i is not None and i in known), None)
    return SpecialTokens(bos, tuple(ends))


def _put_before(inner: tokenizers.Tokenizer) -> int | None:
    """Return the token that the post-processor puts before every text, if it puts one."""
    plain, whole = (inner.encode("a", add_special_tokens=wanted).ids for wanted in (False, True))
    return whole[0] if len(whole) > len(plain) and whole[1 : 1 + len(plain)] == plain else None


@contextmanager
def _faults_are_the_files(what: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file's content is used into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except BaseException as error:
        # A panic in `tokenizers` is no Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise CheckpointError(f"{what}: {error}") from None


def _alphabet_of(config: Any) -> Alphabet:
    """Tell from its decoder and pre-tokenizer how a tokenizer.json spells bytes."""
    kinds = {kind for part in ("decoder", "pre_tokenizer") for kind in _component_types(config[part])}
    if "ByteLevel" in kinds:
        return "byte-level"
    if kinds & {"Metaspace", "ByteFallback"}:
        return "sentencepiece"
    raise CheckpointError(
        "tokenizer.json spells bytes in an unknown way: supported are byte-level and sentencepiece"
    )


def _component_types(component: Any) -> Iterable[str]:
    if component is None:
        return
    yield component["type"]
    for child in component.get("decoders", component.get("pretokenizers", ())):
        yield from _component_types(child)


def _byte_level_alphabet() -> dict[int, str]:
    """Map each character of GPT-2's byte alphabet to the Latin-1 character of its byte.

    Characters that are not in the alphabet stand for their own UTF-8 bytes. Source: GPT-2's
    `bytes_to_unicode` (openai/gpt-2, encoder.py).
    """
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in own]
    table = {code: chr(code).encode().decode("latin-1") for code in others}
    return table | {256 + position: chr(byte) for position, byte in enumerate(others)}


def _byte_level_bytes(tokens: Sequence[str]) -> list[bytes]:
    alphabet = _byte_level_alphabet()
    table = []
    for token in tokens:
        spelled = token.translate(alphabet)
        try:
            table.append(spelled.encode("latin-1"))
        except UnicodeEncodeError:
            table.append(b"".join(c.encode("latin-1" if c < "Ā" else "utf-8") for c in spelled))
    return table


def _sentencepiece_bytes(tokens: Sequence[str]) -> list[bytes]:
    byte_tokens = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}
    return [byte_tokens.get(token) or token.replace("▁", " ").encode() for token in tokens]


class Tokenizer:
    """Encodes text to token ids and decodes them byte-exactly. Immutable; safe to share between threads.

    Made by `build_tokenizer`. A *special* token is one that controls the model rather than spells text
    (`<|im_end|>`, `<s>`); it contributes no bytes and cannot come from raw text. Text that does contain
    control tokens, such as a rendered chat template, is encoded with `parse_special=True`.
    """

    def __init__(
        self,
        inner: tokenizers.Tokenizer,
        tokens: tuple[str, ...],
        added: dict[int, AddedToken],
        special: SpecialTokens,
        alphabet: Alphabet,
        *,
        add_bos: bool,
        unk_id: int | None,
        names: Mapping[str, str] | None = None,
        unused: frozenset[int] = frozenset(),
        rows: int | None = None,
    ) -> None:
        self._parsing = inner
        self._raw = _blind_to_special(inner, added)
        self._tokens = tokens
        self._added = frozenset(added)
        self._unused = unused | _placeholders(tokens)
        special_ids = {token_id for token_id, token in added.items() if token.special}
        self._special_ids = self._unused | special_ids
        self._control_ids = self._special_ids - {unk_id}
        self._alphabet = alphabet
        self._add_bos = add_bos and special.bos_id is not None
        self.bos_id = special.bos_id
        self.eos_ids = special.eos_ids
        self.vocab_size = len(tokens) if rows is None else min(rows, len(tokens))
        self._names = names
        self._warned_of_bos = False
        self._containing: dict[tuple[str, ...], frozenset[int]] = {}

    def encode(
        self, text: str, *, add_bos: bool | None = None, parse_special: bool = False, field: str = "text"
    ) -> list[int]:
        """Encode `text`.

        Parameters
        ----------
        add_bos
            Whether to begin with the beginning-of-text token; None does as the checkpoint says, but for text
            that begins with it. A chat template writes that token itself: pass False for its output.
        parse_special
            Whether control tokens written out in `text` become those tokens, or are spelled as text.
        field
            The parameter to name in an error.

        Raises
        ------
        ParameterError
            `text` holds half of a surrogate pair, or a token that the tokenizer has and the model has not; or
            `add_bos` is True and there is no such token.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            allowed = f"the character at {error.start} is half of a surrogate pair, and text has whole ones"
            raise ParameterError(field, text[error.start], allowed) from None
        inner = self._parsing if parse_special else self._raw
        # As a batch of one, which lets other threads run meanwhile; `encode` does not.
        ids = inner.encode_batch([text], add_special_tokens=False)[0].ids
        if not parse_special:
            ids = self._without_control(ids)
        if max(ids, default=-1) >= self.vocab_size:
            self._refuse_unknown(ids, field)
        begin = self._adds_bos(ids) if add_bos is None else add_bos
        if not begin:
            return ids
        if self.bos_id is None:
            raise ParameterError("add_bos", add_bos, "this model has no beginning-of-text token")
        return [self.bos_id, *ids]

    def _adds_bos(self, ids: list[int]) -> bool:
        """Tell whether the beginning-of-text token goes before these: not where they begin with it."""
        if not self._add_bos or ids[:1] != [self.bos_id]:
            return self._add_bos
        if not self._warned_of_bos:
            self._warned_of_bos = True
            warnings.warn(
                f"the prompt begins with {self._tokens[ids[0]]}, which the model puts before every text: "
                "no second one is added",
                PonderWarning,
                stacklevel=3,
            )
        return False

    def _refuse_unknown(self, ids: list[int], field: str) -> NoReturn:
        unknown = next(i for i in ids if i >= self.vocab_size)
        writes = ", which the prompt or the chat template writes" if unknown in self._special_ids else ""
        allowed = (
            f"text without this token{writes}: it is the tokenizer's number {unknown}, and the model has "
            f"only the first {self.vocab_size} tokens"
        )
        raise ParameterError(field, self._tokens[unknown], allowed)

    def _without_control(self, ids: list[int]) -> list[int]:
        """Spell out control tokens: to a model that takes whole words first, their names are words."""
        if self._control_ids.isdisjoint(ids):
            return ids
        return [part for i in ids for part in (self._spelled(i) if i in self._control_ids else (i,))]

    def _spelled(self, token_id: int) -> list[int]:
        """Return a token's name by characters, and those that have no token by bytes."""
        spelled = []
        for character in self._tokens[token_id]:
            if (whole := self.id_of(character)) is not None:
                spelled.append(whole)
            else:
                spelled += [
                    i for byte in character.encode() if (i := self.id_of(f"<0x{byte:02X}>")) is not None
                ]
        return spelled

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Join the tokens' bytes and decode them; bytes that are not UTF-8 become U+FFFD.

        The space that a sentencepiece vocabulary puts before a text is kept: it is part of the first token.
        """
        return b"".join(self.token_bytes(token, skip_special=skip_special) for token in ids).decode(
            "utf-8", "replace"
        )

    def token_bytes(self, token_id: int, *, skip_special: bool = True) -> bytes:
        """Return exactly the bytes that a token contributes to the text."""
        if not skip_special and token_id in self._special_ids:
            return self._tokens[token_id].encode()
        return self.bytes_table[token_id]

    def containing(self, strings: tuple[str, ...]) -> frozenset[int]:
        """Return the tokens whose text has one of some strings."""
        if not strings:
            return frozenset()
        found = self._containing.get(strings)
        if found is None:
            parts = [string.encode() for string in strings]
            table = enumerate(self.bytes_table)
            found = frozenset(token for token, text in table if any(part in text for part in parts))
            if len(self._containing) >= MAX_REMEMBERED:
                self._containing.clear()
            self._containing[strings] = found
        return found

    @cached_property
    def bytes_table(self) -> tuple[bytes, ...]:
        """The bytes of every token, by id; special tokens have none."""
        spell = _byte_level_bytes if self._alphabet == "byte-level" else _sentencepiece_bytes
        table = spell(self._tokens[: self.vocab_size])
        for token_id in self._added | self._unused:
            if token_id < self.vocab_size:
                control = token_id in self._special_ids
                table[token_id] = b"" if control else self._tokens[token_id].encode()
        return tuple(table)

    def spellings(self, *, skip_special: bool = True) -> tuple[bytes, ...]:
        """Return the bytes of every token, by id; special tokens have none, or their names."""
        return self.bytes_table if skip_special else self._named_table

    @cached_property
    def _named_table(self) -> tuple[bytes, ...]:
        return tuple(self.token_bytes(token, skip_special=False) for token in range(self.vocab_size))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The bytes of every token, the ends and the control tokens' names, for constraints."""
        control = {
            self._tokens[token]: token for token in self._special_ids & self._added if token < self.vocab_size
        }
        return Vocabulary(self.bytes_table, tuple(self.eos_ids), control)

    @cached_property
    def longest_token(self) -> int:
        """The most bytes of a text that one token can stand for, control tokens written out."""
        return max(len(self.token_bytes(token, skip_special=False)) for token in range(self.vocab_size))

    def token_text(self, token_id: int) -> str:
        r"""Show a token in printable characters: control tokens by name, other bytes as `\n`, `\xNN`."""
        shown = self.token_bytes(token_id, skip_special=False).decode("utf-8", "backslashreplace")
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)

    def piece(self, token_id: int) -> str:
        """Return a token as the vocabulary spells it, such as `Ġis` for " is"; "" for an id beyond it."""
        return self._tokens[token_id] if token_id < len(self._tokens) else ""

    def id_of(self, token: str) -> int | None:
        """Return the id of a token by its spelling in the vocabulary, or None."""
        return self._parsing.token_to_id(token)

    def is_special(self, token_id: int) -> bool:
        """Tell whether a token controls the model and is no text."""
        return token_id in self._special_ids

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The control tokens as they are written."""
        return tuple(self._tokens[token_id] for token_id in sorted(self._special_ids & self._added))

    @property
    def names(self) -> Mapping[str, str]:
        """What a chat template may call tokens: "bos_token" -> "<s>"; what there is not is left out.

        The tokenizer's own names. A file without any, such as GGUF, has `bos_token` and `eos_token` by their
        ids, empty where there is none.
        """
        if self._names is not None:
            return self._names
        by_id = {"bos_token": self.bos_id, "eos_token": self.eos_ids[0] if self.eos_ids else None}
        return {name: "" if i is None else self._tokens[i] for name, i in by_id.items()}

    @property
    def bos_token(self) -> str:
        """The beginning-of-text token as a chat template writes it, or an empty string."""
        return self.names.get("bos_token", "")

    @property
    def eos_token(self) -> str:
        """The primary end token as a chat template writes it, or an empty string."""
        return self.names.get("eos_token", "")

    def numbers_like(self, other: Tokenizer) -> bool:
        """Tell whether another tokenizer's ids stand for the same tokens; one may have unused ones beyond."""
        mine, theirs = self._used, other._used
        shared = min(len(mine), len(theirs))
        return mine[:shared] == theirs[:shared] and not any(mine[shared:]) and not any(theirs[shared:])

    @cached_property
    def _used(self) -> tuple[bytes, ...]:
        """The bytes of each token, control tokens written out; unused ones have none."""
        return tuple(
            b"" if token_id in self._unused else self.token_bytes(token_id, skip_special=False)
            for token_id in range(self.vocab_size)
        )


def _placeholders(tokens: Sequence[str]) -> frozenset[int]:
    """Return the tokens that only fill a place in the vocabulary, by their names."""
    return frozenset(
        i for i, token in enumerate(tokens) if token[:1] in ("<", "[") and _PLACEHOLDER.fullmatch(token)
    )


def _blind_to_special(inner: tokenizers.Tokenizer, added: dict[int, AddedToken]) -> tokenizers.Tokenizer:
    """Return a tokenizer over the same model that spells special tokens out.

    A second object and not a switch on the first: the switch is a property of the object, and threads
    share it. The model is shared, so this costs no memory.
    """
    raw = tokenizers.Tokenizer(inner.model)
    raw.normalizer = inner.normalizer
    raw.pre_tokenizer = inner.pre_tokenizer
    raw.add_tokens([added[token_id] for token_id in sorted(added)])
    raw.encode_special_tokens = True
    return raw
