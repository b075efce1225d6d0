"""One checkpoint, whatever file it came from: configuration, tensors, vocabulary, chat template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ponder.checkpoints.config import ModelConfig

if TYPE_CHECKING:
    import torch

    from ponder.checkpoints.stored import StoredTensor


@dataclass(frozen=True, slots=True)
class AddedText:
    """A token that files beside `tokenizer.json` add to it or change, with the flags of `tokenizers`."""

    id: int
    content: str
    special: bool = False
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True


@dataclass(frozen=True, slots=True)
class TokenizerJson:
    """A Hugging Face `tokenizer.json`, as text, and what the small files beside it say of its tokens.

    Attributes
    ----------
    names : what the tokenizer calls some tokens, "bos_token" -> "<s>". None: no file says anything.
    ends : tokens that end a turn or a text by name, the primary one first.
    added : `added_tokens_decoder` of transformers 4.
    """

    text: str
    names: Mapping[str, str] | None = None
    ends: tuple[str, ...] = ()
    added: tuple[AddedText, ...] = ()


@dataclass(frozen=True, slots=True)
class GgufVocabulary:
    """The vocabulary of a GGUF file.

    `model` is "gpt2" (byte-level BPE with `merges`) or "llama" (sentencepiece with `scores`);
    `pre` names the pre-tokenizer; `token_types` are GGUF's (1 normal, 2 unknown, 3 control,
    4 user defined, 5 unused, 6 byte).
    """

    model: str
    pre: str
    tokens: tuple[str, ...]
    token_types: tuple[int, ...]
    merges: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    add_bos: bool = False
    add_space_prefix: bool = False
    unk_id: int | None = None


TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>")
"""Control tokens that end a turn or a text by their name alone, whatever a file's metadata says."""


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Ids that a checkpoint names; `eos_ids` end a turn or a text, the primary one first.

    A tokenizer may know more ends, by name: `Tokenizer.eos_ids` are all of them.
    """

    bos_id: int | None
    eos_ids: tuple[int, ...]


class TensorSource(Protocol):
    """Reads one tensor at a time, by ponder's names (`layout.py`), in ponder's layout."""

    def tensor(self, name: str) -> torch.Tensor:
        """Return the tensor as float32 on the CPU; q and k rows are half-split."""
        ...

    def stored(self, name: str) -> StoredTensor:
        """Return the tensor as it is stored, without a copy; `rows` says where q and k become half-split."""
        ...

    def release(self, name: str) -> None:
        """Let go of the memory that reading the tensor took; it can be read again."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything read from disk that a language model needs.

    `generation_defaults` are sampling parameters that the checkpoint recommends, by ponder's names;
    `tool_template` is the chat template for conversations with tools, where there is another for them.
    """

    name: str
    path: Path
    config: ModelConfig
    vocabulary: TokenizerJson | GgufVocabulary
    special: SpecialTokens
    chat_template: str | None
    generation_defaults: Mapping[str, float | int]
    tensors: TensorSource
    tool_template: str | None = None
