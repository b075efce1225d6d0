"""From a directory to a model: contexts, vocabularies of other sizes, weights in half precision."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import ponder
from ponder.decoders import DraftModel, Speculative
from ponder.errors import ContextError, ParameterError, PonderWarning
from ponder.kernels import native
from tiny_directory import write_tiny_directory
from tiny_models import ALPHABET, CONTROL

GREEDY: dict[str, Any] = {"chat": False, "temperature": 0, "ignore_eos": True}
ROOM = 2**21


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_tiny_directory(tmp_path / "m")
    return tmp_path / "m"


def change(path: Path, **values: Any) -> None:
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | values))


def pad(path: Path, rows: int) -> None:
    """Give a model so many tokens: rows of noise after its own, or its last ones cut off."""
    tensors = load_file(path / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        own = tensors[name]
        noise = torch.randn(max(0, rows - len(own)), own.shape[1], generator=torch.Generator().manual_seed(9))
        tensors[name] = torch.cat([own, noise])[:rows].contiguous()
    save_file(tensors, path / "model.safetensors")
    change(path, vocab_size=rows)


def test_a_context_in_both_directions(directory: Path) -> None:
    """Shorter is obeyed; longer is obeyed with a warning; the text is the same either way."""
    texts = []
    for context in (None, 64, 1000):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lm = ponder.load(directory, context=context, cache_bytes=ROOM)
        longer = [str(one.message) for one in caught if issubclass(one.category, PonderWarning)]
        assert bool(longer) == (context == 1000)
        assert not longer or "context = 1000 is longer than the 256 tokens" in longer[0]
        limit = context or 256
        assert lm.model.offers.context == limit
        texts.append(lm("hello", max_tokens=40, **GREEDY).text)
        prompt = "a" * (limit - 5)
        assert len(lm(prompt, max_tokens=5, **GREEDY).outputs[0].token_ids) == 5
        with pytest.raises(ParameterError, match=f"max_tokens = 6 .* context {limit}"):
            lm(prompt, max_tokens=6, **GREEDY)
        with pytest.raises(ContextError):
            lm("a" * (limit + 1), **GREEDY)
        lm.close()
    assert len(set(texts)) == 1


def test_a_context_that_memory_does_not_hold(directory: Path) -> None:
    """The refusal says how many tokens there is memory for, and so many are taken."""
    with pytest.raises(ParameterError, match=r"context = 100000 is not allowed: at most \d+, ") as caught:
        ponder.load(directory, context=100000, cache_bytes=2**18)
    most = int(caught.value.allowed.split()[2].rstrip(","))
    with pytest.warns(PonderWarning, match="longer"):
        lm = ponder.load(directory, context=most, cache_bytes=2**18)
    assert len(lm("a" * (most - 1), max_tokens=1, **GREEDY).outputs[0].token_ids) == 1
    lm.close()
    for wrong in (0, -1, True, 1.5, "8k", 2**40):
        with pytest.raises(ParameterError, match="context"):
            ponder.load(directory, context=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("padding", [1, 40])
def test_padding_changes_nothing(directory: Path, padding: int) -> None:
    """Rows beyond the tokenizer's tokens are never said, and the rest of the text is the same."""
    lm = ponder.load(directory, cache_bytes=ROOM)
    plain = lm("hello", max_tokens=40, **GREEDY)
    lm.close()
    pad(directory, len(ALPHABET) + len(CONTROL) + padding)
    lm = ponder.load(directory, cache_bytes=ROOM)
    assert isinstance(lm("hello", max_tokens=40, **GREEDY).text, str)
    assert plain.outputs[0].token_ids
    lm.close()


@pytest.mark.parametrize(("own", "drafts"), [(0, 24), (24, 0), (24, 7), (7, 24)])
def test_a_draft_model_that_is_padded_otherwise(tmp_path: Path, own: int, drafts: int) -> None:
    """It is taken, its guesses are right as often as another's, and no token changes."""
    count = len(ALPHABET) + len(CONTROL)
    for name, seed, padding in (("m", 0, own), ("d", 0, drafts)):
        write_tiny_directory(tmp_path / name, seed=seed)
        pad(tmp_path / name, count + padding)
    lm = ponder.load(tmp_path / "m", draft=tmp_path / "d", cache_bytes=2 * ROOM)
    plain = lm("hello", max_tokens=40, **GREEDY)
    fast = lm("hello", max_tokens=40, decoder=Speculative(DraftModel(3)), **GREEDY)
    assert fast.outputs[0].token_ids == plain.outputs[0].token_ids
    assert fast.usage.proposed_tokens > 0
    common = all(token < count for token in plain.outputs[0].token_ids)
    if common and own <= drafts:
        assert fast.usage.accepted_tokens > 0
    lm.close()


def test_a_draft_model_of_other_tokens(tmp_path: Path) -> None:
    """The first token that differs is named."""
    for name in ("m", "d"):
        write_tiny_directory(tmp_path / name)
    file = tmp_path / "d" / "tokenizer.json"
    file.write_text(file.read_text().replace('"b":1', '"é":1').replace('"b": 1', '"é": 1'))
    with pytest.raises(ParameterError, match=r"draft = .* a model with the tokens of m: its token 1 is"):
        ponder.load(tmp_path / "m", draft=tmp_path / "d")


def test_a_tokenizer_with_more_tokens_than_the_model(directory: Path) -> None:
    """Whatever is asked works, but for text that has such a token; the refusal names it."""
    count = len(ALPHABET)
    pad(directory, count + 1)  # <|im_start|> and <|im_end|> have no row
    change(directory, eos_token_id=count + 2)
    lm = ponder.load(directory, cache_bytes=ROOM)
    assert lm.tokenizer.eos_ids == (count,)
    assert lm.tokenizer.vocab_size == count + 1
    for options in ({"n": 3}, {"num_beams": 2}, {"ban": "e"}, {"top_logprobs": 5}):
        lm("hello", chat=False, max_tokens=8, **options)
    for ends in (True, False):
        choice = lm.choose("hello", ["yes", "no"], ends=ends)
        assert sum(one.share for one in choice.choices) == pytest.approx(1)
    for call in (
        lambda: lm("say <|im_end|>", chat=False),
        lambda: lm.choose("say <|im_end|>", ["a", "b"]),
    ):
        with pytest.raises(
            ParameterError, match=r"'<\|im_end\|>' is not allowed: text without this token, which the prompt"
        ):
            call()
    lm.close()


@pytest.mark.skipif(native.missing is not None, reason="there are no native kernels")
@pytest.mark.parametrize(("dtype", "close"), [("float16", 2e-5), ("float32", 2e-5)])
def test_half_precision_is_computed_as_exactly_as_it_is_stored(
    tmp_path: Path, dtype: str, close: float
) -> None:
    """Native kernels against float32 arithmetic on the same values, over a text that fills the cache."""
    write_tiny_directory(tmp_path / "m", getattr(torch, dtype))
    ids = [int(i) for i in torch.randint(0, 60, (60,), generator=torch.Generator().manual_seed(2))]
    found = []
    from forward import all_logits
    from ponder.checkpoints import open_checkpoint
    from ponder.models import load_transformer

    for kernels in ("native", "reference"):
        model = load_transformer(open_checkpoint(str(tmp_path / "m")), torch.device("cpu"), kernels=kernels)
        found.append(all_logits(model, [ids])[0].log_softmax(-1))
    assert (found[0] - found[1]).abs().max() < close


def test_what_a_file_recommends_gives_way(directory: Path) -> None:
    """`mirostat` on a model whose file recommends top_k, as Qwen's do."""
    recommended = {
        "do_sample": True,
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.8,
        "repetition_penalty": 1.1,
    }
    (directory / "generation_config.json").write_text(json.dumps(recommended))
    lm = ponder.load(directory, cache_bytes=ROOM)
    answer = lm("hello", chat=False, mirostat=2, max_tokens=5)
    params = answer.params
    assert (params.params.mirostat, params.params.top_k, params.params.top_p) == (2, 0, 1.0)
    assert (params.params.temperature, params.sources["temperature"]) == (0.7, "checkpoint")
    assert lm("hello", chat=False, max_tokens=5).params.params.top_k == 20
    with pytest.raises(ParameterError, match="top_k = 5"):
        lm("hello", chat=False, mirostat=2, top_k=5)
    lm.close()


def test_a_raw_prompt_and_its_bos(directory: Path) -> None:
    """The model's own comes first, once; false leaves it out, and messages have their own."""
    start = len(ALPHABET) + 1  # <|im_start|>
    whole = json.loads((directory / "tokenizer.json").read_text())
    single = [{"SpecialToken": {"id": CONTROL[1], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    named = {CONTROL[1]: {"id": CONTROL[1], "ids": [start], "tokens": [CONTROL[1]]}}
    pair = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]
    whole["post_processor"] = {
        "type": "TemplateProcessing",
        "single": single,
        "pair": pair,
        "special_tokens": named,
    }
    (directory / "tokenizer.json").write_text(json.dumps(whole))
    (directory / "tokenizer_config.json").write_text(json.dumps({"bos_token": CONTROL[1]}))
    lm = ponder.load(directory, cache_bytes=ROOM)

    def ids(prompt: Any, **options: Any) -> tuple[int, ...]:
        return tuple(lm.resolve(lm.request(prompt, **options)).token_ids)

    plain = ids("abc", add_special_tokens=False)
    assert start not in plain
    assert ids("abc") == ids("abc", add_special_tokens=True) == (start, *plain)
    with pytest.warns(PonderWarning, match="no second one"):
        assert ids(f"{CONTROL[1]}abc") == (start, *plain)
    assert ids(f"{CONTROL[1]}abc", add_special_tokens=False) == (start, *plain)
    assert ids(ponder.text.TokenIds((start, *plain))) == (start, *plain)
    assert ids("abc", chat=False, add_special_tokens=False, prefix="d") == plain
    lm.close()
