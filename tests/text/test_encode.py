"""What holds for every tokenizer: exact bytes, no injected control tokens, errors in one sentence."""

import json
import warnings
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from ponder.checkpoints import GgufVocabulary, SpecialTokens, TokenizerJson
from ponder.errors import CheckpointError, ParameterError, PonderWarning
from ponder.text import ChatTemplate, Conversation, Message, build_tokenizer, encode_prompt

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIAL = SpecialTokens(bos_id=256, eos_ids=(257,))


def byte_level(pre: str = "smollm", **changes: object) -> GgufVocabulary:
    """All bytes, two control tokens (one a plain word), one user-defined token, two words."""
    tokens = (*BYTES, "<s>", "STOP", "<tool> é", "ab", "aĠ")
    types = (*[1] * 256, 3, 3, 4, 1, 1)
    return replace(GgufVocabulary("gpt2", pre, tokens, types, merges=("a b", "a Ġ")), **changes)


def sentencepiece(**changes: object) -> GgufVocabulary:
    """Unknown, control and byte tokens, a user-defined token, and five pieces."""
    pieces = ("▁", "a", "b", "▁a", "ab")
    tokens = ("<unk>", "<s>", "</s>", "[I]", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces)
    types = (2, 3, 3, 4, *[6] * 256, *[1] * len(pieces))
    scores = (*[0.0] * 260, -3.0, -4.0, -5.0, -1.0, -2.0)
    return replace(GgufVocabulary("llama", "default", tokens, types, scores=scores, unk_id=0), **changes)


BYTE_LEVEL = [build_tokenizer(byte_level(pre), SPECIAL) for pre in ("smollm", "llama-bpe")]
SENTENCEPIECE = build_tokenizer(sentencepiece(), SpecialTokens(1, (2,)))
ALL = [*BYTE_LEVEL, SENTENCEPIECE]
TEXT = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"))
    | st.sampled_from(
        ["<s>", "</s>", "STOP", " STOP\n", "<tool> é", "[I]", "ab", "a ", "<0x41>", "\0", "<unk>"]
    )
).map("".join)


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ALL)
@given(text=TEXT)
def test_raw_text_round_trips_and_holds_no_control_token(tokenizer, text):
    ids = tokenizer.encode(text, add_bos=False)
    assert not any(tokenizer.is_special(i) for i in ids)
    assert b"".join(tokenizer.bytes_table[i] for i in ids) == text.encode()
    assert b"".join(tokenizer.token_bytes(i) for i in ids) == text.encode()
    assert tokenizer.decode(ids) == text


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ALL)
@given(text=TEXT)
def test_parsed_text_round_trips_with_special_tokens_shown(tokenizer, text):
    ids = tokenizer.encode(text, add_bos=False, parse_special=True)
    assert tokenizer.decode(ids, skip_special=False) == text


def test_control_and_user_defined_tokens():
    for tokenizer in BYTE_LEVEL:
        assert tokenizer.encode("<s>ab<tool> é", parse_special=True) == [256, 259, 258]
        assert tokenizer.encode("ab<tool> é") == [259, 258]
        assert tokenizer.encode("STOP") == [BYTES.index(letter) for letter in "STOP"]
        assert tokenizer.bytes_table[256:] == (b"", b"", "<tool> é".encode(), b"ab", b"a ")
        assert tokenizer.token_bytes(257, skip_special=False) == b"STOP"
        assert [tokenizer.id_of(token) for token in ("STOP", "ab", "nothing")] == [257, 259, None]
        assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.vocab_size) == ("<s>", "STOP", 261)


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_ends_of_turns_are_control_tokens_whatever_their_type(kind):
    tokens = (*byte_level().tokens, "<|im_end|>")
    types = (*byte_level().token_types, kind)
    tokenizer = build_tokenizer(byte_level(tokens=tokens, token_types=types), SpecialTokens(None, (261,)))
    assert tokenizer.is_special(261)
    assert tokenizer.encode("a<|im_end|>", parse_special=True) == [BYTES.index("a"), 261]
    assert 261 not in tokenizer.encode("a<|im_end|>")


def test_every_byte_has_its_token():
    assert sorted(BYTE_LEVEL[0].bytes_table[:256]) == [bytes([byte]) for byte in range(256)]
    assert SENTENCEPIECE.bytes_table[4:260] == tuple(bytes([byte]) for byte in range(256))
    assert SENTENCEPIECE.bytes_table[260:] == (b" ", b"a", b"b", b" a", b"ab")


def test_token_text_is_printable():
    shown = [tokenizer.token_text(i) for tokenizer in ALL for i in range(tokenizer.vocab_size)]
    assert all(text.isprintable() for text in shown)
    assert SENTENCEPIECE.token_text(4 + 0x0A) == "\\n"
    assert SENTENCEPIECE.token_text(4 + 0xFF) == "\\xff"
    assert SENTENCEPIECE.token_text(1) == "<s>"


def test_scores_rank_merges_and_bytes_stand_in():
    ids = {token: SENTENCEPIECE.id_of(token) for token in ("a", "b", "▁a", "ab", "<0xC3>", "<0xA9>")}
    assert SENTENCEPIECE.encode(" ab", add_bos=False) == [ids["▁a"], ids["b"]]
    assert SENTENCEPIECE.encode("abé", add_bos=False) == [ids["ab"], ids["<0xC3>"], ids["<0xA9>"]]


def test_space_prefix_follows_control_tokens():
    tokenizer = build_tokenizer(sentencepiece(add_space_prefix=True), SpecialTokens(1, (2,)))
    assert tokenizer.encode("a</s>a", parse_special=True) == [263, 2, 263]
    assert tokenizer.encode("") == []


@pytest.mark.parametrize("before", ["b ", "b", " b\n"])
def test_a_final_message_is_cut_as_if_it_were_whole(before):
    """Where a first token brings a space, one that the template writes before the message is not doubled."""
    tokenizer = build_tokenizer(sentencepiece(add_space_prefix=True), SpecialTokens(1, (2,)))
    template = ChatTemplate("{{ before + messages[0].content }}")
    goes_on = Conversation((Message("assistant", "ab"),), (), {"before": before}, continue_final_message=True)
    ids = (*encode_prompt(goes_on, tokenizer, template).token_ids, *tokenizer.encode("ab", add_bos=False))
    template.close()
    spaced = before if before.endswith(" ") else before + " "  # as ever, where there is none
    assert ids == tuple(tokenizer.encode(spaced + "ab", add_bos=False))


def test_bos():
    with_bos = build_tokenizer(byte_level(add_bos=True), SPECIAL)
    assert with_bos.encode("ab") == [256, 259]
    assert with_bos.encode("ab", add_bos=False) == [259]
    without = build_tokenizer(byte_level(), SpecialTokens(None, (257,)))
    assert without.encode("ab") == [259]
    with pytest.raises(ParameterError, match="add_bos"):
        without.encode("ab", add_bos=True)


@pytest.mark.parametrize("tokenizer", ALL)
@pytest.mark.parametrize("text", ["a\ud800", "\udc80b", "\ude00\ud83d"])
def test_half_a_surrogate_pair_is_refused(tokenizer, text):
    with pytest.raises(ParameterError, match="surrogate") as caught:
        tokenizer.encode(text, field="prompt")
    assert caught.value.field == "prompt"


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        (byte_level("mystery"), "mystery.*llama-bpe, .*qwen2, .*smollm"),
        (byte_level(model="bert"), "bert.*gpt2, llama"),
        (byte_level(merges=("a c", "nospace")), "merges"),
        (byte_level(merges=("nospace",)), "merges"),
        (byte_level(token_types=(1,)), "1 token types"),
        (sentencepiece(scores=()), "0 scores"),
    ],
)
def test_faulty_vocabularies(vocabulary, words):
    with pytest.raises(CheckpointError, match=words):
        build_tokenizer(vocabulary, SpecialTokens(None, ()))


@pytest.mark.parametrize("outside", [-1, 261, 2**32 - 1, 10**30])
def test_special_ids_outside_the_vocabulary_stand_for_none(outside):
    tokenizer = build_tokenizer(byte_level(add_bos=True), SpecialTokens(outside, (outside, 257)))
    assert (tokenizer.bos_id, tokenizer.eos_ids, tokenizer.bos_token) == (None, (257,), "")
    assert tokenizer.encode("ab") == [259]
    assert build_tokenizer(sentencepiece(unk_id=outside), SpecialTokens(1, (2,))).encode("ab")
    from_json = build_tokenizer(
        TokenizerJson(json.dumps(tokenizer_json())), SpecialTokens(256, (outside, 257))
    )
    assert (from_json.bos_id, from_json.eos_ids) == (256, (257,))


def test_text_that_begins_with_bos_gets_no_second_one():
    """Said once; text that spells it in plain letters, and an explicit wish, are other matters."""
    for vocabulary in (byte_level(add_bos=True), TokenizerJson(json.dumps(tokenizer_json()))):
        tokenizer = build_tokenizer(vocabulary, SPECIAL)
        with pytest.warns(PonderWarning, match="begins with <s>.* no second one is added"):
            assert tokenizer.encode("<s>a", parse_special=True)[:2] != [256, 256]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert tokenizer.encode("<s>a", parse_special=True) == [256, BYTES.index("a")]
            assert tokenizer.encode("a<s>", parse_special=True) == [256, BYTES.index("a"), 256]
            assert tokenizer.encode("<s>")[:2] == [256, BYTES.index("<")]
            assert tokenizer.encode("<s>", add_bos=True, parse_special=True) == [256, 256]
            assert tokenizer.encode("<s>", add_bos=False, parse_special=True) == [256]


@pytest.mark.parametrize("rows", [259, 258, 256])
def test_a_model_with_fewer_tokens_than_its_tokenizer(rows):
    """What the model lacks is in no table, ends nothing, and is refused by its text where it is written."""
    vocabulary = byte_level(add_bos=True)
    tokenizer = build_tokenizer(vocabulary, SPECIAL, rows)
    assert (tokenizer.vocab_size, len(tokenizer.bytes_table), len(tokenizer.vocabulary)) == (rows,) * 3
    assert tokenizer.eos_ids == tuple(i for i in (257,) if i < rows)
    assert tokenizer.bos_id == (256 if rows > 256 else None)
    with pytest.raises(ParameterError) as caught:
        tokenizer.encode("b ab", field="prompt")
    assert (caught.value.field, caught.value.value) == ("prompt", "ab")
    assert f"number 259, and the model has only the first {rows} tokens" in str(caught.value)
    with pytest.raises(ParameterError, match="'ab'"):
        tokenizer.encode("b ab", parse_special=True)


def test_placeholders_are_no_text():
    """Unused tokens by their type or their names: written as nothing, never read from text."""
    names = (
        "[PAD261]",
        "<|reserved_special_token_7|>",
        "[unused1]",
        "<unused99>",
        "[PADDED]",
        "no <unused1>",
    )
    tokens = (*byte_level().tokens, *names, "spare")
    types = (*byte_level().token_types, 5, 3, 4, 1, 1, 1, 5)
    tokenizer = build_tokenizer(byte_level(tokens=tokens, token_types=types), SPECIAL)
    spelled = [tokenizer.bytes_table[i] for i in range(261, 268)]
    assert spelled == [b"", b"", b"", b"", b"[PADDED]", b"no <unused1>", b""]
    assert [tokenizer.is_special(i) for i in range(261, 268)] == [True, True, True, True, False, False, True]
    for text in (*names, "spare"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.token_text(261) == "[PAD261]"
    assert not tokenizer.vocabulary.is_text[[261, 262, 263, 264, 267]].any()
    added = {"id": 258, "content": "[unused1]", "special": False, "single_word": False, "lstrip": False}
    listed = tokenizer_json()
    listed["added_tokens"].append(added | {"rstrip": False, "normalized": False})
    from_json = build_tokenizer(TokenizerJson(json.dumps(listed)), SPECIAL)
    assert from_json.bytes_table[258] == b""
    assert from_json.decode(from_json.encode("a [unused1]")) == "a [unused1]"


def test_which_tokenizers_number_alike():
    """Unused tokens at the end make no difference, whatever they are called; any other token does."""
    plain = build_tokenizer(byte_level(), SPECIAL)
    types = (*byte_level().token_types, 5, 5)
    padded = build_tokenizer(
        byte_level(tokens=(*byte_level().tokens, "[PAD261]", "[PAD262]"), token_types=types), SPECIAL
    )
    assert plain.numbers_like(padded)
    assert padded.numbers_like(plain)
    more = byte_level(tokens=(*byte_level().tokens, "[PAD261]", "word"), token_types=(*types[:-1], 1))
    assert not build_tokenizer(more, SPECIAL).numbers_like(plain)
    other = byte_level(tokens=(*BYTES, "<x>", *byte_level().tokens[257:]))
    assert not build_tokenizer(other, SPECIAL).numbers_like(plain)


def tokenizer_json(**changes: object) -> dict:
    """A byte-level tokenizer.json that begins every text with <s>."""
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    whole = {
        "version": "1.0",
        "added_tokens": [
            {"id": 256, "content": "<s>", "special": True, **added},
            {"id": 257, "content": "<tool>", "special": False, **added},
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [256], "tokens": ["<s>"]}},
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(BYTES)}, "merges": []},
        "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": None,
    }
    return whole | changes


def test_tokenizer_json():
    tokenizer = build_tokenizer(TokenizerJson(json.dumps(tokenizer_json())), SpecialTokens(256, ()))
    spelled = [BYTES.index(letter) for letter in "<s>"]
    assert tokenizer.encode("<s><tool>") == [256, *spelled, 257]
    assert tokenizer.encode("<s><tool>", add_bos=False, parse_special=True) == [256, 257]
    assert tokenizer.bytes_table[256:] == (b"", b"<tool>")
    assert tokenizer.decode(tokenizer.encode("<s> é<tool>")) == "<s> é<tool>"


def test_a_unigram_vocabulary_does_not_take_control_tokens_for_pieces():
    pieces = [["<unk>", 0.0], ["</s>", 0.0], *[[letter, -5.0] for letter in "▁</s>ab"]]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    model = {
        "added_tokens": [{"id": i, "content": pieces[i][0], **flags} for i in (0, 1)],
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
        "post_processor": None,
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": False},
    }
    tokenizer = build_tokenizer(TokenizerJson(json.dumps(tokenizer_json(**model))), SpecialTokens(None, (1,)))
    assert tokenizer.encode("a</s> b", parse_special=True) == [7, 1, 2, 8]
    assert tokenizer.encode("a</s> b") == [7, 3, 4, 5, 6, 2, 8]
    assert tokenizer.encode("a\n") == [7, 0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "[" * 100_000,
        '{"decoder": ' * 5000,
        json.dumps({}),
        json.dumps(tokenizer_json(model=None)),
        json.dumps(tokenizer_json(decoder=None, pre_tokenizer=None)),
        json.dumps(
            tokenizer_json(decoder={"type": "WordPiece", "prefix": "##", "cleanup": True}, pre_tokenizer=None)
        ),
        json.dumps(tokenizer_json()).replace('{"id": "<s>", "type_id": 0}', '{"id": "x", "type_id": 0}'),
        json.dumps(tokenizer_json(pre_tokenizer={"type": "Sequence", "pretokenizers": 3})),
        json.dumps(tokenizer_json(model={"type": "BPE", "vocab": {"a": -1}, "merges": []})),
        json.dumps(tokenizer_json(model={"type": "BPE", "vocab": {"a": 2**32 - 1}, "merges": []})),
        json.dumps(tokenizer_json(model={"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]})),
    ],
)
def test_faulty_tokenizer_json(text):
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        build_tokenizer(TokenizerJson(text), SpecialTokens(0, ()))
