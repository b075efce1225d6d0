"""Perplexity and divergence against closed forms, and systems against themselves."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import fake_llama_cpp
from forward import all_logits
from ponder.checkpoints import GgufVocabulary, SpecialTokens
from ponder.cli.bench import app
from ponder.errors import CheckpointError, ParameterError, PonderError
from ponder.text import build_tokenizer
from ponder_benchmarks.quality.divergence import (
    Divergence,
    Kept,
    Quality,
    compare,
    log_probabilities,
    measure,
    of_tokens,
    perplexity,
    scored,
    windows,
)
from ponder_benchmarks.quality.peer_logits import PeerLogits, llama_cpp
from ponder_benchmarks.quality.run import encode
from ponder_benchmarks.quality.transformer_logits import TransformerLogits
from tiny_directory import write_tiny_directory
from tiny_models import tiny_config, tiny_transformer

IDS = [(i * 37 + i * i) % 64 for i in range(100)]


def quiet(line: str) -> None:
    pass


class Given:
    """A `LogitSource` whose logits are a function of the last token read."""

    def __init__(self, name: str, table: torch.Tensor) -> None:
        self.name, self.table = name, table

    def logits(self, tokens: list[int], wanted: int) -> torch.Tensor:
        return self.table[tokens[-wanted:]]


def table(*rows: list[float]) -> torch.Tensor:
    """Logits of these probabilities, off by a constant for each row."""
    return torch.tensor(rows).log() + torch.arange(len(rows))[:, None] * 3.5


@pytest.mark.slow
def test_perplexity_and_divergence_in_closed_form() -> None:
    truth = table([0.5, 0.25, 0.25], [0.1, 0.8, 0.1])
    found = table([0.25, 0.5, 0.25], [0.1, 0.8, 0.1])
    p, q = log_probabilities(truth), log_probabilities(found)
    assert p.dtype == torch.float64
    torch.testing.assert_close(p.exp().sum(-1), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-15)
    targets = torch.tensor([1, 2])
    assert of_tokens(p, targets).exp().tolist() == pytest.approx([0.25, 0.1], rel=1e-6)
    scores = compare(p, q, targets)
    assert scores.logprobs.exp().tolist() == pytest.approx([0.5, 0.1], rel=1e-6)
    # 0.5 ln(0.5 / 0.25) + 0.25 ln(0.25 / 0.5) = 0.25 ln 2
    assert scores.divergences.tolist() == pytest.approx([0.25 * math.log(2), 0.0], rel=1e-6, abs=1e-15)
    assert scores.agreements.tolist() == [False, True]
    assert perplexity(of_tokens(p, targets)) == pytest.approx(math.sqrt(4 * 10), rel=1e-6)


def test_a_uniform_system_has_the_vocabularys_size_as_its_perplexity() -> None:
    peaked = torch.eye(8) * 20
    reference, uniform = measure(
        Given("peaked", peaked), [Given("uniform", torch.zeros(8, 8))], [[0, 1, 2, 2, 2, 2, 2, 2]] * 2, quiet
    )
    assert (reference.tokens, uniform.tokens) == (6, 6)
    assert reference.divergence is None
    assert reference.perplexity == pytest.approx(1.0, abs=1e-6)
    assert uniform.perplexity == pytest.approx(8.0, rel=1e-12)
    found = uniform.divergence
    assert found is not None
    assert found.mean_kl == pytest.approx(math.log(8), rel=1e-5)
    assert found.max_kl == pytest.approx(found.p99_kl)
    assert found.top1_agreement == 0  # all equal: the first is taken, and the text has no 0
    assert found.max_logprob_difference == pytest.approx(math.log(8), rel=1e-5)


@pytest.mark.slow
def test_many_rows_are_compared_as_few_are() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, found = torch.randn(2, 150, 11, generator=generator)
    targets = torch.randint(0, 11, (150,), generator=generator)
    p, q = log_probabilities(truth), log_probabilities(found)
    scores = compare(p, q, targets)
    expected = torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(scores.divergences, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(p, truth.double().log_softmax(-1), rtol=0, atol=0)
    assert torch.equal(scores.agreements, truth.argmax(-1) == found.argmax(-1))


def test_windows() -> None:
    assert windows(range(10), 4, None, None) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert windows(range(10), 4, 7, None) == [[0, 1, 2, 3]]
    assert windows(range(8), 4, 100, 50) == [[50, 1, 2, 3], [50, 5, 6, 7]]
    assert [scored(window) for window in (4, 5, 512)] == [1, 2, 255]


@pytest.mark.parametrize(
    ("length", "window", "limit", "said"),
    [
        (100, 3, None, "window = 3 .* 4 tokens or more"),
        (100, 64, 63, "tokens = 63 .* at least 64, one window"),
        (63, 64, None, "text = '63 tokens' .* at least 64 tokens"),
    ],
)
def test_too_short(length: int, window: int, limit: int | None, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        windows(range(length), window, limit, None)


def test_a_model_against_itself() -> None:
    model = tiny_transformer()
    systems = [TransformerLogits(name, model, 32) for name in ("a", "b")]
    reference, again = measure(systems[0], systems[1:], windows(IDS, 32, None, None), quiet)
    assert again == Quality("b", 3 * 15, reference.perplexity, Divergence(0.0, 0.0, 0.0, 1.0, 0.0))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [None, 1, 5, 16, 100])
def test_logits_are_the_models_own_however_the_text_is_cut(chunk: int | None) -> None:
    model = tiny_transformer(tiny_config(rope_layers=(True, False)), seed=3)
    expected = all_logits(model, [IDS[:50]])[0]
    source = TransformerLogits("tiny", model, 64, chunk)
    for _ in range(2):  # what the first sequence left in the cache is not seen
        source.logits(IDS[40:90], 3)
        torch.testing.assert_close(source.logits(IDS[:50], 27), expected[-27:], rtol=1e-4, atol=1e-4)


def test_a_damaged_model_is_noticed() -> None:
    model = tiny_transformer()
    other = tiny_transformer(seed=1)
    sources = [TransformerLogits(name, m, 32) for name, m in (("model", model), ("other", other))]
    reference, found = measure(sources[0], sources[1:], windows(IDS, 32, None, None), quiet)
    assert found.divergence is not None
    assert found.divergence.mean_kl > 1
    assert found.divergence.top1_agreement < 0.5
    assert found.perplexity != reference.perplexity


def test_what_cannot_be_compared() -> None:
    good = Given("good", torch.zeros(8, 8))
    with pytest.raises(PonderError, match=r"^wide has 9 logits and the reference 8$"):
        measure(good, [Given("wide", torch.zeros(8, 9))], [[0, 1, 2, 3]], quiet)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(PonderError, match=r"^bad computed logits that are not finite$"):
            measure(good, [Given("bad", torch.full((8, 8), bad))], [[0, 1, 2, 3]], quiet)


def test_progress() -> None:
    said: list[str] = []
    measure(Given("x", torch.zeros(8, 8)), [], [[0, 1, 2, 3]] * 2, said.append)
    assert said == ["window 1 of 2", "window 2 of 2"]


def test_what_a_system_computed_is_kept(tmp_path: Path) -> None:
    pieces = windows(IDS, 32, None, None)
    system = TransformerLogits("system", tiny_transformer(), 32)
    said: list[str] = []
    kept = Kept(system, pieces, tmp_path, said.append)
    assert said == [f"system: window {number} of 3" for number in (1, 2, 3)]
    assert kept.name == "system"
    for piece in reversed(pieces):
        torch.testing.assert_close(kept.logits(piece[:-1], 15), system.logits(piece[:-1], 15))
    found = measure(kept, [system], pieces, quiet)[1].divergence
    assert found == Divergence(0.0, 0.0, 0.0, 1.0, 0.0)


@pytest.fixture
def fake_llama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the fake llama-cpp-python where a worker finds it; return a file that could be a model."""
    packages = tmp_path / "packages"
    (packages / "llama_cpp_python-9.9.dist-info").mkdir(parents=True)
    described = "Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 9.9\n"
    (packages / "llama_cpp_python-9.9.dist-info" / "METADATA").write_text(described)
    shutil.copy(str(fake_llama_cpp.__file__), packages / "llama_cpp.py")
    monkeypatch.setenv("PYTHONPATH", str(packages))
    (tmp_path / "model.gguf").write_bytes(b"")
    return tmp_path / "model.gguf"


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [None, 1, 5])
def test_llama_cpps_logits_come_over_however_the_text_is_cut(fake_llama: Path, chunk: int | None) -> None:
    with PeerLogits(llama_cpp(sys.executable, fake_llama, 3, 12), chunk) as peer:
        assert (peer.name, peer.about["vocab_size"], peer.about["threads"]) == ("llama.cpp", 64, 3)
        assert peer.about["versions"] == {"llama-cpp-python": "9.9"}
        for tokens, wanted in ((IDS[:12], 5), (IDS[30:40], 10), (IDS[5:6], 1)):
            found = peer.logits(tokens, wanted)
            ends = range(len(tokens) - wanted + 1, len(tokens) + 1)
            expected = torch.tensor([fake_llama_cpp.row(tokens[:end]) for end in ends])
            torch.testing.assert_close(found, expected)
        with pytest.raises(PonderError, match=r"^llama.cpp failed: ValueError: a sequence of 20 tokens"):
            peer.logits(IDS[:20], 1)  # longer than it has room for


@pytest.mark.slow
def test_a_peer_that_cannot_be_had(tmp_path: Path, fake_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterError, match=r"model = .* a .gguf file, beside llama.cpp"):
        llama_cpp(sys.executable, tmp_path, 2, 32)
    with pytest.raises(PonderError, match=r"^llama.cpp: /absent/python cannot be run"):
        PeerLogits(llama_cpp("/absent/python", fake_llama, 2, 32))
    monkeypatch.setenv("FAKE_DAMAGED", "1")
    with pytest.raises(PonderError, match=r"^llama.cpp failed: ValueError: llama.cpp cannot load the model$"):
        PeerLogits(llama_cpp(sys.executable, fake_llama, 2, 32))
    (tmp_path / "packages" / "llama_cpp.py").write_text("import absent_dependency_of_it")
    with pytest.raises(
        PonderError, match=r"^llama.cpp is not installed for .* --peer-python llama.cpp=PYTHON$"
    ):
        PeerLogits(llama_cpp(sys.executable, fake_llama, 2, 32))


Run = Callable[..., str]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `ponder bench quality ARGS` and returns what it printed."""

    def run(*args: object) -> str:
        capsys.readouterr()
        assert not app(["quality", *map(str, args)], standalone_mode=False)
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A text of 117 tokens and a tiny model for it."""
    folder = tmp_path_factory.mktemp("quality")
    write_tiny_directory(folder / "m")
    (folder / "text.txt").write_text("the quick brown fox jumps. " * 4 + "over dogs")
    return folder / "text.txt", folder / "m"


def by_system(result: dict[str, Any]) -> dict[str, Any]:
    return {entry["system"]: entry for entry in result["results"]}


def test_the_reference_against_itself(command: Run, given: tuple[Path, Path], tmp_path: Path) -> None:
    text, model = given
    options = ("--model", model, "--window", 32, "--kernels", "reference")
    result = json.loads(command(text, *options, "--json", "--out", tmp_path / "r.json"))
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["results"] == result["results"]
    assert result["text"]["tokens"] == 117
    assert result["text"]["windows"] == 3
    assert result["settings"]["window"] == 32
    found = by_system(result)
    assert list(found) == ["reference", "ponder reference"]
    assert found["reference"]["tokens"] == 3 * 15
    assert found["reference"]["divergence"] is None
    assert found["ponder reference"]["perplexity"] == found["reference"]["perplexity"]
    divergence = found["ponder reference"]["divergence"]
    assert divergence.pop("top1_agreement") == 1
    assert set(divergence.values()) == {0}
    assert result["systems"]["ponder reference"]["kernels"] == "reference"


def test_rounding_weights_is_measured(command: Run, given: tuple[Path, Path]) -> None:
    text, model = given
    kls = {}
    for name in ("q8_0", "q4_1"):
        options = ("--model", model, "--window", 32, "--quantize", name, "--kernels", "reference", "--json")
        found = by_system(json.loads(command(text, *options)))[f"ponder reference, {name}"]
        kls[name] = found["divergence"]["mean_kl"]
    assert 0 < kls["q8_0"] < 0.1 * kls["q4_1"]


@pytest.mark.slow
def test_transformers_as_the_reference(command: Run, given: tuple[Path, Path]) -> None:
    text, model = given
    options = ("--model", model, "--window", 32, "--reference", "transformers", "--kernels", "reference")
    result = json.loads(command(text, *options, "--json"))
    found = by_system(result)
    assert list(found) == ["transformers", "ponder reference"]
    assert found["transformers"]["divergence"] is None
    divergence = found["ponder reference"]["divergence"]
    assert divergence["mean_kl"] < 1e-8
    assert divergence["top1_agreement"] == 1
    assert divergence["max_logprob_difference"] < 1e-4
    assert result["systems"]["transformers"]["dtype"] == "float32"
    assert result["systems"]["transformers"]["peak_rss_bytes"] > 0


@pytest.mark.slow
def test_chunks_and_limits(command: Run, given: tuple[Path, Path]) -> None:
    text, model = given
    options = ("--model", model, "--window", 32, "--tokens", 70, "--kernels", "reference", "--chunk", 3)
    found = by_system(json.loads(command(text, *options, "--json")))["ponder reference"]
    assert found["tokens"] == 2 * 15
    assert found["divergence"]["mean_kl"] < 1e-9
    shown = command(text, *options)
    assert f"{model} on text.txt: 30 tokens scored in 2 windows of 32, 3 at a time" in shown
    assert "ponder reference" in shown


def test_beside_llama_cpp(
    command: Run, fake_llama: Path, checkpoint: Any, monkeypatch: pytest.MonkeyPatch, given: tuple[Path, Path]
) -> None:
    monkeypatch.setenv("FAKE_VOCAB_SIZE", str(checkpoint.config.vocab_size))
    options = ("--against", "llama.cpp", "--peer-python", f"llama.cpp={sys.executable}", "--window", 8)
    result = json.loads(command(given[0], *options, "--tokens", 8, "--kernels", "reference", "--json"))
    found = by_system(result)["llama.cpp"]
    assert found["tokens"] == 3
    assert found["divergence"]["mean_kl"] > 1  # what the fake makes up
    assert result["systems"]["llama.cpp"]["model_file"]["bytes"] == checkpoint.path.stat().st_size


BAD: list[tuple[tuple[object, ...], type[PonderError], str]] = [
    (("--window", 257), ParameterError, "window = 257 .* at most 256, the model's context"),
    (("--window", 128), ParameterError, "text = '117 tokens' .* at least 128 tokens, one window"),
    (("--window", 32, "--tokens", 31), ParameterError, "tokens = 31"),
    (("--window", 32, "--chunk", 0), ParameterError, "chunk = 0 .* 1 token or more"),
    (("--kernels", "fast"), ParameterError, "kernels = 'fast' .* native or reference"),
    (("--kernels", "reference", "--kernels", "reference"), ParameterError, "kernels = .* each once"),
    (("--quantize", "q2"), ParameterError, "quantize = 'q2' .* q8_0 or q4_1"),
    (("--reference", "vllm"), ParameterError, "reference = 'vllm' .* ponder or transformers"),
    (("--against", "vllm"), ParameterError, "against = 'vllm' .* llama.cpp"),
    (("--against", "llama.cpp"), ParameterError, "model = .* a .gguf file, beside llama.cpp"),
    (("--peer-python", "llama.cpp"), ParameterError, "peer_python = 'llama.cpp' .* PEER=PYTHON"),
    (("--out", "/absent/r.json"), ParameterError, "out = '/absent/r.json' .* a folder that is there"),
    (("--model", "absent"), CheckpointError, "'absent' is not a known model"),
]


@pytest.mark.parametrize(("args", "kind", "said"), BAD)
def test_bad_options(
    command: Run, given: tuple[Path, Path], args: tuple[object, ...], kind: type[PonderError], said: str
) -> None:
    text, model = given
    with pytest.raises(kind, match=said):
        command(text, "--model", model, "--window", 32, *args)


def test_texts_that_are_none(command: Run, given: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "bytes"):
        with pytest.raises(ParameterError, match=r"text = .* is not allowed: a file of UTF-8 text \("):
            command(path, "--model", given[1])


@pytest.mark.parametrize(("adds", "begin"), [(True, 2), (False, None)])
def test_the_token_that_begins_a_text(adds: bool, begin: int | None) -> None:
    """Where the model wants one, `windows` puts it in the place of each window's first."""
    vocabulary = GgufVocabulary("gpt2", "smollm", ("a", "b", "<s>"), (1, 1, 3), add_bos=adds)
    tokenizer = build_tokenizer(vocabulary, SpecialTokens(2, ()))
    assert encode(tokenizer, "abba") == ([0, 1, 1, 0], begin)
