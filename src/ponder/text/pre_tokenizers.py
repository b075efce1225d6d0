r"""How text is cut into words before byte-pair encoding, by the names that GGUF files have for it.

The names are llama.cpp's (`llama-vocab.cpp`). The rules are those of the `tokenizer.json` that each family
published, written for the `tokenizers` library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, normalizers, pre_tokenizers

from ponder.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Words:
    """One way to cut text into words.

    Attributes
    ----------
    splits : regular expressions, applied one after another to the pieces that the earlier ones left.
    digits : every digit is a word; else numbers are what the splits make of them.
    gpt2 : the pieces are cut as GPT-2 cuts text.
    nfc : text is first brought to Unicode's normal form C.
    whole_words : a word that is a token is that token, whatever the merges say.
    """

    splits: tuple[str, ...] = ()
    digits: bool = False
    gpt2: bool = False
    nfc: bool = False
    whole_words: bool = False


_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"


def _tiktoken(numbers: str) -> str:
    """Return the rule of GPT-4's family, with how many digits make a word."""
    return rf"{_CONTRACTION}|{_BEFORE}\p{{L}}+|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_REST}"


def _by_case(numbers: str, contraction: str) -> str:
    """Return the rule of GPT-4o's family, where a capital letter begins a word."""
    words = rf"{_BEFORE}{_UPPER}*{_LOWER}+{contraction}|{_BEFORE}{_UPPER}+{_LOWER}*{contraction}"
    return rf"{words}|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_REST}"


# The letters with case, by DeepSeek's own list; other scripts are left whole.
_CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7d"
    "ᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ"
    "ﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)
_CHINESE = "[一-龥ࠀ-一가-\ud7ff]+"
_PUNCTUATION = r"[\p{P}\$\+<=>\^~\|]+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"

_LLAMA3 = Words((_tiktoken(r"\p{N}{1,3}"),), whole_words=True)
_LLAMA3_MERGED = Words((_tiktoken(r"\p{N}{1,3}"),))
_QWEN2 = Words((_tiktoken(r"\p{N}"),), nfc=True)
_PLAIN_GPT2 = Words(gpt2=True)
_SMOLLM = Words(digits=True, gpt2=True)
_NAMED = {
    **dict.fromkeys(
        ("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"), _LLAMA3
    ),
    **dict.fromkeys(("smaug-bpe", "dbrx"), _LLAMA3_MERGED),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez"), _QWEN2),
    **dict.fromkeys(("smollm", "starcoder", "refact", "codeshell"), _SMOLLM),
    **dict.fromkeys(("gpt-2", "phi-2", "jais"), _PLAIN_GPT2),
    **dict.fromkeys(("olmo", "mpt"), Words(gpt2=True, nfc=True)),
    "tekken": Words((_by_case(r"\p{N}", ""),), whole_words=True),
    **dict.fromkeys(("gpt-4o", "llama4"), Words((_by_case(r"\p{N}{1,3}", f"{_CONTRACTION}?"),))),
    "deepseek-llm": Words(
        ("[\r\n]", rf"\s?[{_CASED}]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", _CHINESE), digits=True
    ),
    "deepseek-coder": Words(("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _CHINESE), digits=True),
    "deepseek-v3": Words(
        (
            r"\p{N}{1,3}",
            "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_REST}",
        )
    ),
    "default": Words((_PUNCTUATION, _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
}

PRE_TOKENIZERS = tuple(_NAMED)


def words_of(name: str) -> Words:
    """Return the rule of a name. Raises CheckpointError for a name that is not known, with those that are."""
    if name not in _NAMED:
        raise CheckpointError(f"pre-tokenizer {name!r} is not supported: supported are {', '.join(_NAMED)}")
    return _NAMED[name]


def normalizer(words: Words) -> Any:
    """Return the normalizer of `tokenizers` for a rule, or None."""
    return normalizers.NFC() if words.nfc else None


def pre_tokenizer(words: Words) -> Any:
    """Return the pre-tokenizer of `tokenizers` for a rule; its pieces are spelled in GPT-2's bytes."""
    steps: list[Any] = [pre_tokenizers.Split(Regex(split), behavior="isolated") for split in words.splits]
    if words.digits:
        steps.append(pre_tokenizers.Digits(individual_digits=True))
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=words.gpt2))
    return pre_tokenizers.Sequence(steps)
