"""Filling in the middle: the control tokens between which code models write what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.text.tokenizer import Tokenizer

# What comes before, after and in the middle is announced by: of Qwen and CodeGemma, StarCoder and Granite,
# SantaCoder, Code Llama, DeepSeek Coder, CodeGeeX.
_FAMILIES = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
)
# Where what was missing ends, besides at the end of a text: the file does, or another one begins.
_ENDS = (
    *("<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<|file_separator|>"),
    *("<fim_pad>", "<fim-pad>", "<repo_name>", "<reponame>", "<file_sep>", "<filename>"),
    *("▁<EOT>", "<｜end▁of▁sentence｜>"),
)
_MARK = "☺"


@dataclass(frozen=True, slots=True)
class Infill:
    """The token ids by which a model is told what comes before and after the text that is missing.

    `ends` are tokens with which that text ends.
    """

    prefix: int
    suffix: int
    middle: int
    ends: tuple[int, ...]

    def prompt(self, before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
        """Return the prompt after which the model writes what is missing."""
        return (self.prefix, *before, self.suffix, *after, self.middle)


def infill_of(tokenizer: Tokenizer) -> Infill | None:
    """Return a tokenizer's control tokens for filling in the middle; None if it has none."""
    for family in _FAMILIES:
        prefix, suffix, middle = map(tokenizer.id_of, family)
        if prefix is not None and suffix is not None and middle is not None:
            ends = (token for token in map(tokenizer.id_of, _ENDS) if token is not None)
            return Infill(prefix, suffix, middle, tuple(ends))
    return None


def encode_suffix(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    """Return the tokens of what comes after the missing text.

    It begins in the middle of a text: a vocabulary that puts a space before every text puts none here.

    Raises
    ------
    ParameterError : the text holds half of a surrogate pair.
    """
    plain = tokenizer.encode(text, add_bos=False, parse_special=True, field="suffix")
    if not plain or not tokenizer.piece(plain[0]).startswith("▁"):
        return tuple(plain)
    mark = tokenizer.encode(_MARK, add_bos=False)
    marked = tokenizer.encode(_MARK + text, add_bos=False, parse_special=True)
    return tuple(marked[len(mark) :] if marked[: len(mark)] == mark else plain)
