"""Strings to token ids and back, for every vocabulary a checkpoint can carry.

Both kinds of vocabulary become a `tokenizers.Tokenizer`; what this module adds is what a generator needs
and that library does not give: the exact bytes of every token, and the promise that raw text never turns
into a control token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

import tokenizers
from tokenizers import AddedToken, Regex, normalizers, pre_tokenizers
from tokenizers.models import BPE

from ponder.checkpoints.checkpoint import GgufVocabulary, SpecialTokens, TokenizerJson
from ponder.errors import CheckpointError, ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_REMEMBERED = 16  # answers of `Tokenizer.containing`

# GGUF's token types.
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6

# Beyond these a file is damaged or hostile, and would take all memory or time.
_MOST_TOKENS = 2**22
_LONGEST_MERGED_PIECE = 128

_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

PRE_TOKENIZERS = ("llama-bpe", "qwen2", "smollm")

Alphabet = Literal["byte-level", "sentencepiece"]


def build_tokenizer(vocabulary: TokenizerJson | GgufVocabulary, special: SpecialTokens) -> Tokenizer:
    """Make a tokenizer from what a checkpoint says.

    Raises
    ------
    CheckpointError
        The vocabulary is malformed, or its kind or pre-tokenizer is not supported.
    """
    if isinstance(vocabulary, TokenizerJson):
        return _from_json(vocabulary.text, special)
    count = len(vocabulary.tokens)
    if len(vocabulary.token_types) != count:
        raise CheckpointError(
            f"the vocabulary has {count} tokens but {len(vocabulary.token_types)} token types"
        )
    _require_ids((special.bos_id, *special.eos_ids, vocabulary.unk_id), count)
    if vocabulary.model == "gpt2":
        return _from_gguf_byte_level(vocabulary, special)
    if vocabulary.model == "llama":
        return _from_gguf_sentencepiece(vocabulary, special)
    raise CheckpointError(f"tokenizer model {vocabulary.model!r} is not supported: supported are gpt2, llama")


def _require_ids(ids: Iterable[int | None], count: int) -> None:
    for token_id in ids:
        if token_id is not None and not 0 <= token_id < count:
            raise CheckpointError(f"special token id {token_id} is outside the vocabulary of {count} tokens")


def _from_gguf_byte_level(vocabulary: GgufVocabulary, special: SpecialTokens) -> Tokenizer:
    normalizer, pre_tokenizer = _byte_level_split(vocabulary.pre)
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in vocabulary.merges)]
    with _faults_are_the_files("the merges do not fit the vocabulary"):
        model = BPE(ids, merges, ignore_merges=vocabulary.pre == "llama-bpe")
    inner = tokenizers.Tokenizer(model)
    inner.normalizer = normalizer
    inner.pre_tokenizer = pre_tokenizer
    return _with_gguf_added_tokens(inner, vocabulary, special, "byte-level")


def _byte_level_split(pre: str) -> tuple[Any, Any]:
    """Return the normalizer and pre-tokenizer that GGUF calls `pre` (llama.cpp, `llama-vocab.cpp`)."""
    if pre == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        return None, pre_tokenizers.Sequence([digits, words])
    if pre == "llama-bpe":
        normalizer, digits_regex = None, r"\p{N}{1,3}"
    elif pre == "qwen2":
        normalizer, digits_regex = normalizers.NFC(), r"\p{N}"
    else:
        raise CheckpointError(
            f"pre-tokenizer {pre!r} is not supported: supported are {', '.join(PRE_TOKENIZERS)}"
        )
    split = pre_tokenizers.Split(Regex(_SPLIT % digits_regex), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return normalizer, pre_tokenizers.Sequence([split, to_bytes])


def _from_gguf_sentencepiece(vocabulary: GgufVocabulary, special: SpecialTokens) -> Tokenizer:
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
    return _with_gguf_added_tokens(inner, vocabulary, special, "sentencepiece")


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
    inner: tokenizers.Tokenizer, vocabulary: GgufVocabulary, special: SpecialTokens, alphabet: Alphabet
) -> Tokenizer:
    """Add the control and user-defined tokens, which are matched before the model sees the text."""
    added = {
        token_id: AddedToken(token, special=kind != _USER_DEFINED, normalized=False)
        for token_id, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.token_types, strict=True))
        if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED) and token
    }
    inner.add_tokens(list(added.values()))
    unk_id = vocabulary.unk_id if alphabet == "sentencepiece" else None
    return Tokenizer(
        inner, vocabulary.tokens, added, special, alphabet, add_bos=vocabulary.add_bos, unk_id=unk_id
    )


def _from_json(text: str, special: SpecialTokens) -> Tokenizer:
    with _faults_are_the_files("tokenizer.json cannot be read"):
        config = json.loads(text)
        inner = tokenizers.Tokenizer.from_str(text)
        inner.no_padding()
        inner.no_truncation()
        ids = inner.get_vocab(with_added_tokens=True)
        count = max(ids.values(), default=-1) + 1
        if count > _MOST_TOKENS:
            raise CheckpointError(
                f"tokenizer.json has a token id {count - 1}; at most {_MOST_TOKENS} are supported"
            )
        _require_ids((special.bos_id, *special.eos_ids), count)
        tokens = [""] * count
        for token, token_id in ids.items():
            tokens[token_id] = token
        model = config["model"]
        return Tokenizer(
            inner,
            tuple(tokens),
            inner.get_added_tokens_decoder(),
            special,
            _alphabet_of(config),
            add_bos=special.bos_id is not None and inner.encode("a").ids[:1] == [special.bos_id],
            unk_id=ids.get(model.get("unk_token"), model.get("unk_id")),
        )


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
    ) -> None:
        self._parsing = inner
        self._raw = _blind_to_special(inner, added)
        self._tokens = tokens
        self._added = frozenset(added)
        self._special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        self._control_ids = self._special_ids - {unk_id}
        self._alphabet = alphabet
        self._add_bos = add_bos
        self.bos_id = special.bos_id
        self.eos_ids = special.eos_ids
        self.vocab_size = len(tokens)
        self._containing: dict[tuple[str, ...], frozenset[int]] = {}

    def encode(
        self, text: str, *, add_bos: bool | None = None, parse_special: bool = False, field: str = "text"
    ) -> list[int]:
        """Encode `text`.

        Parameters
        ----------
        add_bos
            Whether to begin with the beginning-of-text token; None does as the checkpoint says. A chat
            template writes that token itself: pass False for its output.
        parse_special
            Whether control tokens written out in `text` become those tokens, or are spelled as text.
        field
            The parameter to name in an error.

        Raises
        ------
        ParameterError
            `text` holds half of a surrogate pair, or `add_bos` is True and there is no such token.
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
        begin = self._add_bos if add_bos is None else add_bos
        if not begin:
            return ids
        if self.bos_id is None:
            raise ParameterError("add_bos", add_bos, "this model has no beginning-of-text token")
        return [self.bos_id, *ids]

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
        table = spell(self._tokens)
        for token_id in self._added:
            table[token_id] = b"" if token_id in self._special_ids else self._tokens[token_id].encode()
        return tuple(table)

    def spellings(self, *, skip_special: bool = True) -> tuple[bytes, ...]:
        """Return the bytes of every token, by id; special tokens have none, or their names."""
        return self.bytes_table if skip_special else self._named_table

    @cached_property
    def _named_table(self) -> tuple[bytes, ...]:
        return tuple(self.token_bytes(token, skip_special=False) for token in range(self.vocab_size))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The bytes of every token and the ends as a value that constraints are compiled for."""
        return Vocabulary(self.bytes_table, tuple(self.eos_ids))

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
        return tuple(self._tokens[token_id] for token_id in sorted(self._special_ids))

    @property
    def bos_token(self) -> str:
        """The beginning-of-text token as a chat template writes it, or an empty string."""
        return "" if self.bos_id is None else self._tokens[self.bos_id]

    @property
    def eos_token(self) -> str:
        """The primary end token as a chat template writes it, or an empty string."""
        return self._tokens[self.eos_ids[0]] if self.eos_ids else ""


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
