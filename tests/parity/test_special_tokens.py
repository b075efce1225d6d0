"""Which tokens end a text and what they are called, as transformers says of the same directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors
from tokenizers import Tokenizer as Inner

from ponder.checkpoints import open_checkpoint
from ponder.text import ChatTemplate, Message, Tokenizer, build_tokenizer

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
NAMED = {"eos_token": "<end>", "bos_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>"}
CONTROL = [*NAMED.values(), "<|im_end|>", "<|endoftext|>", "<other>"]
ID = {token: len(LETTERS) + i for i, token in enumerate(CONTROL)}
TEMPLATE = (
    "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token }}|{{ sep_token }}|{{ image_token }}|"
    "{{ bos_token is defined }}|{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A tiny llama and its tokenizer as transformers 5 saves them; no config gives the turn's end by id."""
    inner = Inner(models.BPE({letter: i for i, letter in enumerate(LETTERS)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(token, special=True) for token in CONTROL])
    inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", ID["<s>"])])
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **NAMED)
    tokenizer.chat_template = TEMPLATE
    config = transformers.LlamaConfig(
        vocab_size=len(LETTERS) + len(CONTROL),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        bos_token_id=ID["<other>"],
        eos_token_id=ID["<other>"],
        pad_token_id=None,
    )
    torch.manual_seed(0)
    path = tmp_path / "model"
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    (path / "generation_config.json").unlink()
    return path


def change(path: Path, name: str, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    file = path / name
    values = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps(changed(values)))


def as_object(text: str, **more: Any) -> dict[str, Any]:
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    return {"content": text, **flags, **more}


DECODER = {str(i): as_object(token, special=True) for token, i in ID.items()}


def as_transformers_4(path: Path) -> None:
    change(path, "tokenizer_config.json", lambda old: {**old, "added_tokens_decoder": DECODER})
    change(path, "special_tokens_map.json", lambda _: {name: as_object(t) for name, t in NAMED.items()})


def with_objects(path: Path) -> None:
    typed = {name: as_object(text, __type="AddedToken") for name, text in NAMED.items()}
    change(path, "tokenizer_config.json", lambda old: {**old, **typed, "added_tokens_decoder": DECODER})


def by_the_map(path: Path, spell: Callable[[str], Any] = str) -> None:
    change(path, "tokenizer_config.json", lambda old: {k: v for k, v in old.items() if k not in NAMED})
    change(path, "special_tokens_map.json", lambda _: {name: spell(text) for name, text in NAMED.items()})


def against_the_map(path: Path) -> None:
    change(path, "tokenizer_config.json", lambda old: {**old, "eos_token": "<|endoftext|>"})
    change(path, "special_tokens_map.json", lambda _: {"eos_token": "<end>"})


def without_names(path: Path) -> None:
    change(path, "tokenizer_config.json", lambda old: {**old, "bos_token": None, "pad_token": None})


def plain_words(path: Path) -> None:
    """The end is a token of the model's vocabulary that tokenizer.json does not list as added."""
    whole = json.loads((path / "tokenizer.json").read_text())
    whole["added_tokens"] = [token for token in whole["added_tokens"] if token["content"] != "<end>"]
    whole["model"]["vocab"]["<end>"] = ID["<end>"]
    (path / "tokenizer.json").write_text(json.dumps(whole))


DIRECTORIES: dict[str, Callable[[Path], None]] = {
    "transformers 5": lambda path: None,
    "transformers 4": as_transformers_4,
    "objects": with_objects,
    "the map, as text": by_the_map,
    "the map, as objects": lambda path: by_the_map(path, as_object),
    "the map against the config": against_the_map,
    "null names": without_names,
    "a word of the vocabulary": plain_words,
}


def both(path: Path) -> tuple[Tokenizer, Any]:
    checkpoint = open_checkpoint(str(path))
    ours = build_tokenizer(checkpoint.vocabulary, checkpoint.special, checkpoint.config.vocab_size)
    return ours, transformers.AutoTokenizer.from_pretrained(path)


@pytest.mark.parametrize("make", DIRECTORIES.values(), ids=DIRECTORIES.keys())
def test_all_ends_and_all_names(saved: Path, make: Callable[[Path], None]) -> None:
    """The tokenizer's own end comes first; those of the configs and those known by name are ends too."""
    make(saved)
    ours, theirs = both(saved)
    assert theirs.eos_token_id == ID["<end>"]
    assert ours.eos_ids[0] == ID["<end>"]
    assert set(ours.eos_ids[1:]) == {ID["<other>"], ID["<|im_end|>"], ID["<|endoftext|>"]}
    assert dict(ours.names) == theirs.special_tokens_map
    assert ours.is_special(ID["<end>"])
    assert ours.token_bytes(ID["<end>"]) == b""
    for text in ("a", "a<end>b", "<|im_end|>"):
        assert ours.encode(text, parse_special=True) == theirs.encode(text)


@pytest.mark.parametrize("make", DIRECTORIES.values(), ids=DIRECTORIES.keys())
def test_templates_get_the_tokenizers_names(saved: Path, make: Callable[[Path], None]) -> None:
    """Not the tokens of config.json's ids, which are others here; what is null is nothing."""
    make(saved)
    ours, theirs = both(saved)
    template = ChatTemplate(open_checkpoint(str(saved)).chat_template or "", **ours.names)
    expected = theirs.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert template.render([Message("user", "x")]) == expected
    template.close()


def test_ids_of_both_configs_are_united(saved: Path) -> None:
    """Those of the generation config too; -1, null and ids outside the model are none."""
    generation = {"eos_token_id": [ID["<pad>"], -1, 10**6], "bos_token_id": -1}
    (saved / "generation_config.json").write_text(json.dumps(generation))
    change(saved, "config.json", lambda old: {**old, "eos_token_id": None, "bos_token_id": 10**6})
    ours, _ = both(saved)
    assert ours.eos_ids[:2] == (ID["<end>"], ID["<pad>"])
    assert ID["<other>"] not in ours.eos_ids
    assert ours.bos_id == ID["<s>"]


def test_a_directory_without_names(saved: Path) -> None:
    """The end is then called as the id in config.json says; the post-processor knows the beginning."""
    template = (saved / "tokenizer_config.json").read_text()
    assert "<end>" in template
    (saved / "tokenizer_config.json").unlink()
    checkpoint = open_checkpoint(str(saved))
    ours = build_tokenizer(checkpoint.vocabulary, checkpoint.special, checkpoint.config.vocab_size)
    assert dict(ours.names) == {"bos_token": "<s>", "eos_token": "<other>"}


def test_tokens_that_only_the_config_adds(saved: Path) -> None:
    """As AutoTokenizer does with `added_tokens_decoder`, if the model has a row for them."""
    whole = json.loads((saved / "tokenizer.json").read_text())
    whole["added_tokens"] = [token for token in whole["added_tokens"] if token["content"] != "<other>"]
    (saved / "tokenizer.json").write_text(json.dumps(whole))
    as_transformers_4(saved)
    ours, theirs = both(saved)
    assert (
        ours.encode("<other>", parse_special=True) == theirs.encode("<other>") == [ID["<s>"], ID["<other>"]]
    )


@pytest.mark.parametrize("value", [5, ["<end>"], {"text": 1, "content": 2}, True and 0.5])
def test_a_name_that_is_no_token(saved: Path, value: Any) -> None:
    from ponder.errors import CheckpointError

    change(saved, "tokenizer_config.json", lambda old: {**old, "eos_token": value})
    with pytest.raises(CheckpointError, match=r"eos_token = .* a token's text, an object with its content"):
        open_checkpoint(str(saved))
