"""The control tokens between which a model fills in the middle."""

from __future__ import annotations

import pytest

from ponder.checkpoints import GgufVocabulary, SpecialTokens
from ponder.text import build_tokenizer, encode_suffix, infill_of
from tiny_models import tiny_tokenizer

FAMILIES = {
    "Qwen": ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    "StarCoder": ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    "SantaCoder": ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    "Code Llama": ("▁<PRE>", "▁<SUF>", "▁<MID>"),
    "DeepSeek": ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
}


def with_tokens(*names: str):
    """A byte-level tokenizer of letters with these control tokens."""
    tokens = (*"abcdef", *names, "<|endoftext|>")
    types = (*(1,) * 6, *(3,) * (len(tokens) - 6))
    vocabulary = GgufVocabulary("gpt2", "smollm", tokens, types, ())
    return build_tokenizer(vocabulary, SpecialTokens(None, (len(tokens) - 1,)))


@pytest.mark.parametrize("names", FAMILIES.values(), ids=FAMILIES)
def test_families(names: tuple[str, str, str]) -> None:
    """Each by its own names, in the order before, after, middle."""
    tokenizer = with_tokens(*names)
    infill = infill_of(tokenizer)
    assert infill is not None
    ids = infill.prompt((0, 1), (2,))
    assert tokenizer.decode(ids, skip_special=False) == f"{names[0]}ab{names[1]}c{names[2]}"
    assert tokenizer.id_of("<|endoftext|>") in infill.ends


def test_a_part_of_a_family_is_none() -> None:
    """All three tokens are needed, of one family."""
    assert infill_of(tiny_tokenizer()) is None
    assert infill_of(with_tokens("<|fim_prefix|>", "<|fim_suffix|>")) is None
    assert infill_of(with_tokens("<|fim_prefix|>", "<fim_suffix>", "<|fim_middle|>")) is None


@pytest.mark.parametrize("prefixed", [True, False])
def test_a_suffix_begins_in_the_middle(prefixed: bool) -> None:
    """A sentencepiece vocabulary puts a space before a text, as Code Llama's suffixes do not have."""
    tokens = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a")
    types = (2, 3, 3, *(6,) * 256, *(1,) * 4)
    scores = (*(0.0,) * 259, -2.0, -3.0, -3.0, -1.0)
    vocabulary = GgufVocabulary(
        "llama", "default", tokens, types, (), scores=scores, add_space_prefix=prefixed, unk_id=0
    )
    tokenizer = build_tokenizer(vocabulary, SpecialTokens(1, (2,)))
    for text in ("ab", " ab", "b", "  a", "a b"):
        spelled = b"".join(tokenizer.token_bytes(token) for token in encode_suffix(tokenizer, text))
        assert spelled == text.encode()
    assert encode_suffix(tokenizer, "") == () or not prefixed
