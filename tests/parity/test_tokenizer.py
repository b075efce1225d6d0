"""Token ids are those of transformers, tokenizers and sentencepiece."""

import io
import json
import random
from dataclasses import replace

import pytest
import sentencepiece
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from ponder.checkpoints import GgufVocabulary, SpecialTokens, TokenizerJson, open_checkpoint
from ponder.errors import CheckpointError
from ponder.text import build_tokenizer

# As published in Meta's Llama 3 (tokenizer.py, `pat_str`).
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

# Mistral-Nemo's tokenizer.json; GPT-4o's (tiktoken's o200k_base); DeepSeek LLM's, Coder's and V3's.
TEKKEN_SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K_SPLIT = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
DEEPSEEK_CASED = (
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1F7D"
    r"ᾀ-ᾴᾶ-ᾼ\u1FBEῂ-ῄῆ-ῌῐ-\u1FD3ῖ-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎ"
    r"ꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
)
DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
# What llama.cpp cuts by where a file names nothing (llama-vocab.cpp).
DEFAULT_SPLITS = (
    r"[\p{P}\$\+<=>\^~\|]+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
    r"\p{N}+",
    r"[0-9][0-9][0-9]",
)
PUBLISHED_SPLITS: dict[str, tuple[str, ...]] = {
    "llama-bpe": (LLAMA3_SPLIT,),
    "tekken": (TEKKEN_SPLIT,),
    "gpt-4o": (O200K_SPLIT,),
    "deepseek-v3": DEEPSEEK_V3,
    "default": DEFAULT_SPLITS,
}
WHOLE_WORDS = ("llama-bpe", "tekken")
ALIASES = {
    "llama-bpe": ("llama3", "llama-v3", "falcon3", "pixtral"),
    "qwen2": ("deepseek-r1-qwen",),
    "gpt-2": ("phi-2",),
    "smollm": ("starcoder",),
    "olmo": ("mpt",),
    "gpt-4o": ("llama4",),
}

WORDS = (
    "the quick brown fox doesn't I'LL we've Straße naïve café 'tis łódź",
    "Привет мир это проверка токенов",
    "你好世界 今日は世界 안녕하세요 세계",
    "مرحبا بالعالم שלום עולם नमस्ते दुनिया สวัสดีชาวโลก",
    "e\u0301 n\u0303 a\u030a\u0323 \u1e69 \u0073\u0323\u0307 ﬁ Å \u212b ① ½ Ⅷ ٣٤ १२",
    "😀 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "def f(x): return x**2 # ok if(a&&b){c[i]+=1;} <div class='x'> </div> /* */ -> => != ::",
    "0 7 42 123 1234 3.14159 1,000,000 0xDEAD 1e-9 2024-01-31 99999999",
    "!!! ... ??? -- --- ``` $$ @user #tag \\n \\ ~ ^ ▁ ▁▁a Ġ Ċ <0x41>",
)
SPACES = (
    " ",
    " ",
    " ",
    " ",
    "",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    " \n ",
    "\u00a0",
    "\u3000",
    "\u200b",
    "\0",
)


def texts(count: int, seed: int) -> list[str]:
    """Strings of mixed scripts, code, emoji, numbers, combining marks and white space."""
    rng = random.Random(seed)
    made = ["", " ", "\n", "a", " a"]
    while len(made) < count:
        words = [rng.choice(rng.choice(WORDS).split(" ")) for _ in range(rng.randint(1, 20))]
        text = "".join(word[: rng.randint(1, 12)] + rng.choice(SPACES) for word in words)
        made.append(rng.choice(("", "", " ", "\n")) + text)
    return made


def test_default_model_as_transformers():
    try:
        checkpoint = open_checkpoint("smollm2-135m")
    except CheckpointError as error:
        pytest.skip(str(error))
    theirs = transformers.AutoTokenizer.from_pretrained(
        str(checkpoint.path.parent), gguf_file=checkpoint.path.name
    )
    # From a GGUF file transformers splits like GPT-2 whatever the file says; the published tokenizer.json
    # (and llama.cpp) sets every digit apart first, which shows with digits that are not ASCII: " ①".
    theirs.backend_tokenizer.pre_tokenizer = published("smollm", BPE()).pre_tokenizer
    ours = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
    assert ours.vocab_size == len(theirs)
    for text in texts(2000, seed=0):
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False), repr(text)
        assert ours.decode(ours.encode(text)) == text
    chat = "<|im_start|>user\nhi <|im_end|>\n<|im_start|>assistant\n"
    assert ours.encode(chat, parse_special=True) == theirs.encode(chat, add_special_tokens=False)


def isolated(*splits: str) -> list[pre_tokenizers.PreTokenizer]:
    return [pre_tokenizers.Split(Regex(split), behavior="isolated", invert=False) for split in splits]


def bytes_of() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False)


def published(pre: str, model: BPE) -> tokenizers.Tokenizer:
    """A tokenizer as the published tokenizer.json of the family configures it."""
    inner = tokenizers.Tokenizer(model)
    if pre == "qwen2":
        reference = transformers.Qwen2TokenizerFast(vocab={"a": 0}, merges=[]).backend_tokenizer
        inner.normalizer = reference.normalizer
        inner.pre_tokenizer = reference.pre_tokenizer
    elif pre in PUBLISHED_SPLITS:
        inner.pre_tokenizer = pre_tokenizers.Sequence([*isolated(*PUBLISHED_SPLITS[pre]), bytes_of()])
    elif pre == "deepseek-llm":
        splits = isolated(
            "[\r\n]", DEEPSEEK_CASED, r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", "[一-龥ࠀ-一가-\ud7ff]+"
        )
        digits = pre_tokenizers.Digits(individual_digits=True)
        inner.pre_tokenizer = pre_tokenizers.Sequence([*splits, digits, bytes_of()])
    elif pre == "deepseek-coder":
        splits = isolated("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+")
        digits = pre_tokenizers.Digits(individual_digits=True)
        inner.pre_tokenizer = pre_tokenizers.Sequence([*splits, digits, bytes_of()])
    elif pre == "gpt-2":
        inner.pre_tokenizer = transformers.GPT2Tokenizer(
            vocab={"a": 0}, merges=[]
        ).backend_tokenizer.pre_tokenizer
    elif pre == "olmo":
        reference = transformers.GPTNeoXTokenizer(vocab={"a": 0}, merges=[]).backend_tokenizer
        inner.normalizer = reference.normalizer
        inner.pre_tokenizer = reference.pre_tokenizer
    else:
        inner.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    inner.decoder = decoders.ByteLevel()
    return inner


FAMILIES = (
    *("llama-bpe", "qwen2", "smollm", "tekken", "gpt-2", "default", "deepseek-llm", "deepseek-coder"),
    *("deepseek-v3", "olmo", "gpt-4o"),
)


@pytest.fixture(scope="module", params=FAMILIES)
def byte_level(request):
    """A family's tokenizer trained on generated text, and the same as a GGUF vocabulary."""
    pre = request.param
    trained = published(pre, BPE())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=1500, initial_alphabet=alphabet, special_tokens=list(CONTROL))
    trained.train_from_iterator(texts(2500, seed=1), trainer)
    config = json.loads(trained.to_str())["model"]
    merges = [tuple(merge) for merge in config["merges"]]
    # A token that is in the vocabulary and that no merges make, as whole words in Llama 3's may be.
    ids = config["vocab"] | {"Ġunreachable": len(config["vocab"])}
    theirs = published(pre, BPE(ids, merges, ignore_merges=pre in WHOLE_WORDS))
    theirs.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    tokens = tuple(sorted(ids, key=ids.__getitem__))
    types = tuple(3 if token in CONTROL else 1 for token in tokens)
    vocabulary = GgufVocabulary("gpt2", pre, tokens, types, tuple(" ".join(merge) for merge in merges))
    return theirs, vocabulary


def test_byte_level_families(byte_level):
    theirs, vocabulary = byte_level
    ours = build_tokenizer(vocabulary, SpecialTokens(None, (2,)))
    for text in [*texts(800, seed=2), "an unreachable word", "".join(CONTROL)]:
        theirs.encode_special_tokens = True
        assert ours.encode(text) == theirs.encode(text).ids, repr(text)
        theirs.encode_special_tokens = False
        mixed = f"{text}<|im_end|>{text}<|im_start|><|im_"
        assert ours.encode(mixed, parse_special=True) == theirs.encode(mixed).ids
        decoded = ours.decode(ours.encode(text))
        assert decoded == theirs.decode(ours.encode(text))


def test_other_names_of_a_family(byte_level):
    """Each is cut as the family is; words that are tokens stay whole in Llama 3's, and not in Smaug's."""
    _, vocabulary = byte_level
    own = build_tokenizer(vocabulary, SpecialTokens(None, (2,)))
    for name in ALIASES.get(vocabulary.pre, ()):
        alias = build_tokenizer(replace(vocabulary, pre=name), SpecialTokens(None, (2,)))
        for text in [*texts(300, seed=6), "an unreachable word"]:
            assert alias.encode(text) == own.encode(text), (name, text)
    if vocabulary.pre == "llama-bpe":
        smaug = build_tokenizer(replace(vocabulary, pre="smaug-bpe"), SpecialTokens(None, (2,)))
        theirs = published("llama-bpe", BPE(*merged(vocabulary)))
        theirs.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
        for text in [*texts(300, seed=6), "an unreachable word"]:
            assert smaug.encode(text) == theirs.encode(text).ids
        assert smaug.encode(" unreachable") != own.encode(" unreachable")


def merged(vocabulary: GgufVocabulary) -> tuple[dict[str, int], list[tuple[str, str]]]:
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in vocabulary.merges)]
    return {token: i for i, token in enumerate(vocabulary.tokens)}, merges


def test_tokenizer_json_is_the_same_tokenizer(byte_level):
    theirs, vocabulary = byte_level
    from_gguf = build_tokenizer(vocabulary, SpecialTokens(None, (2,)))
    from_json = build_tokenizer(TokenizerJson(theirs.to_str()), SpecialTokens(None, (2,)))
    assert from_json.bytes_table == from_gguf.bytes_table
    for text in [*texts(300, seed=3), "".join(CONTROL)]:
        for parse_special in (False, True):
            expected = from_gguf.encode(text, parse_special=parse_special)
            assert from_json.encode(text, parse_special=parse_special) == expected


@pytest.fixture(scope="module", params=[True, False], ids=["prefix", "no-prefix"])
def sentencepieces(request):
    """A small sentencepiece model, and the same as a GGUF vocabulary."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text for text in texts(3000, seed=4) if "\0" not in text]),
        model_writer=written,
        model_type="bpe",
        vocab_size=1500,
        byte_fallback=True,
        character_coverage=0.99,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=request.param,
        user_defined_symbols=["[INST]"],
        minloglevel=2,
    )
    theirs = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    kinds = {theirs.unk_id(): 2, theirs.bos_id(): 3, theirs.eos_id(): 3, theirs.piece_to_id("[INST]"): 4}
    ids = range(theirs.vocab_size())
    vocabulary = GgufVocabulary(
        "llama",
        "default",
        tokens=tuple(theirs.id_to_piece(i) for i in ids),
        token_types=tuple(6 if theirs.is_byte(i) else kinds.get(i, 1) for i in ids),
        scores=tuple(theirs.get_score(i) for i in ids),
        add_bos=True,
        add_space_prefix=request.param,
        unk_id=theirs.unk_id(),
    )
    return theirs, vocabulary


def test_sentencepiece(sentencepieces):
    theirs, vocabulary = sentencepieces
    ours = build_tokenizer(vocabulary, SpecialTokens(theirs.bos_id(), (theirs.eos_id(),)))
    prefix = " " if vocabulary.add_space_prefix else ""
    for text in texts(1000, seed=5):
        ids = theirs.encode(text)
        assert ours.encode(text, add_bos=False) == ids, repr(text)
        assert ours.encode(text) == [theirs.bos_id(), *ids]
        assert ours.decode(ids) == (prefix + text if text else "").replace("▁", " ")
    assert ours.encode("a</s>", add_bos=False) == theirs.encode("a</s>")
    assert ours.encode("a</s>", add_bos=False, parse_special=True)[-1] == theirs.eos_id()
    assert ours.encode("[INST]", add_bos=False)[-1] == theirs.piece_to_id("[INST]")
