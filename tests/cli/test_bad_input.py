"""The table of bad inputs: one line on stderr that names field, value and what is allowed, and exit 2."""

import json
import struct
from pathlib import Path

import pytest

CASES = {
    "unknown model": (["run", "-m", "gpt-17", "hi"], ["gpt-17", "smollm2-135m"]),
    "negative temperature": (["run", "-t", "-1", "hi"], ["temperature", "-1", "0 or more"]),
    "temperature nan": (["run", "-t", "nan", "hi"], ["temperature", "nan", "finite"]),
    "temperature inf": (["run", "-t", "inf", "hi"], ["temperature", "inf", "finite"]),
    "temperature text": (["run", "-t", "hot", "hi"], ["--temperature", "number"]),
    "top_p zero": (["run", "--top-p", "0", "hi"], ["top_p", "0", "over 0 and at most 1"]),
    "top_p over one": (["run", "--top-p", "1.01", "hi"], ["top_p", "1.01", "at most 1"]),
    "top_p nan": (["run", "--top-p", "nan", "hi"], ["top_p", "nan"]),
    "min_p negative": (["run", "--min-p", "-0.1", "hi"], ["min_p", "-0.1", "0 to 1"]),
    "top_k negative": (["run", "--top-k", "-1", "hi"], ["top_k", "-1", "0 (off) or more"]),
    "n zero": (["run", "-n", "0", "hi"], ["n = 0", "1 to"]),
    "n absurd": (["run", "-n", "1000000000", "hi"], ["n = 1000000000", "1 to"]),
    "max_tokens zero": (["run", "--max-tokens", "0", "hi"], ["max_tokens", "0", "1 or more"]),
    "max_tokens too long": (["run", "--max-tokens", "9999", "hi"], ["max_tokens", "9999", "8192"]),
    "min over max": (["run", "--min-tokens", "9", "--max-tokens", "3", "hi"], ["min_tokens", "9", "3"]),
    "seed negative": (["run", "--seed", "-1", "hi"], ["seed", "-1"]),
    "logit_bias id": (["run", "--logit-bias", "49152=1", "hi"], ["logit_bias", "49152", "49151"]),
    "logit_bias form": (["run", "--logit-bias", "x", "hi"], ["logit_bias", "'x'", "TOKEN_ID=BIAS"]),
    "logit_bias nan": (["run", "--logit-bias", "1=nan", "hi"], ["logit_bias", "nan", "finite"]),
    "stop token id": (["run", "--stop-token-id", "1000000", "hi"], ["stop_token_ids", "1000000", "49151"]),
    "empty stop": (["run", "--stop", "", "hi"], ["stop", "''", "not empty"]),
    "empty ban": (["run", "--ban", "", "hi"], ["ban", "''", "not empty"]),
    "ban case alone": (["run", "--ban-ignore-case", "hi"], ["ban_ignore_case", "together with ban"]),
    "beams absurd": (["run", "--num-beams", "100000", "hi"], ["num_beams", "100000", "1 to 400"]),
    "beams with temperature": (["run", "--num-beams", "2", "-t", "0.5", "hi"], ["temperature", "0.5", "unset"]),
    "n over beams": (["run", "--num-beams", "2", "-n", "3", "hi"], ["n = 3", "num_beams", "2"]),
    "length_penalty alone": (["run", "--length-penalty", "2", "hi"], ["length_penalty", "num_beams"]),
    "beam semantics": (["run", "--num-beams", "2", "--beam-semantics", "x", "hi"], ["beam_semantics", "'x'", "fairseq or vllm"]),
    "semantics that stop": (["run", "--num-beams", "2", "--beam-semantics", "vllm", "--early-stopping", "never", "hi"], ["early_stopping", "never", "vllm"]),
    "semantics alone": (["run", "--beam-semantics", "hf", "hi"], ["beam_semantics", "num_beams"]),
    "beam sample alone": (["run", "--beam-sample", "hi"], ["beam_sample", "num_beams"]),
    "beam sample at zero": (["run", "--num-beams", "2", "--beam-sample", "-t", "0", "hi"], ["temperature", "over 0"]),
    "beam sample of vllm": (["run", "--num-beams", "2", "--beam-sample", "--beam-semantics", "vllm", "hi"], ["beam_semantics", "vllm", "beam_sample"]),
    "groups alone": (["run", "--num-beam-groups", "2", "hi"], ["num_beam_groups", "num_beams"]),
    "groups that do not divide": (["run", "--num-beams", "4", "--num-beam-groups", "3", "hi"], ["num_beam_groups", "3", "divides num_beams, which is 4"]),
    "groups drawn": (["run", "--num-beams", "4", "--num-beam-groups", "2", "--beam-sample", "hi"], ["beam_sample", "num_beam_groups"]),
    "diversity alone": (["run", "--num-beams", "4", "--diversity-penalty", "1", "hi"], ["diversity_penalty", "num_beam_groups"]),
    "diversity negative": (["run", "--num-beams", "4", "--num-beam-groups", "2", "--diversity-penalty", "-1", "hi"], ["diversity_penalty", "-1", "0 to 1000"]),
    "stochastic and beams": (["run", "--num-beams", "4", "--stochastic-beams", "4", "hi"], ["num_beams", "4", "stochastic_beams"]),
    "stochastic absurd": (["run", "--stochastic-beams", "401", "hi"], ["stochastic_beams", "401", "1 to 400"]),
    "stochastic at zero": (["run", "--stochastic-beams", "4", "-t", "0", "hi"], ["temperature", "over 0"]),
    "n over stochastic": (["run", "--stochastic-beams", "2", "-n", "3", "hi"], ["n = 3", "num_beams", "2"]),
    "early_stopping": (["run", "--num-beams", "2", "--early-stopping", "maybe", "hi"], ["maybe", "never"]),
    "lookup zero": (["run", "--prompt-lookup", "0", "hi"], ["prompt_lookup = 0", "1 to 64"]),
    "draft_tokens absurd": (["run", "--draft", "x.gguf", "--draft-tokens", "99", "hi"], ["draft_tokens = 99", "1 to 64"]),
    "lookup with beams": (["run", "--num-beams", "2", "--prompt-lookup", "4", "hi"], ["prompt_lookup = 4", "unset with num_beams"]),
    "draft with beams": (["run", "--num-beams", "2", "--draft", "x.gguf", "hi"], ["draft = 'x.gguf'", "unset with num_beams"]),
    "lookup with draft": (["run", "--draft", "x.gguf", "--prompt-lookup", "4", "hi"], ["prompt_lookup = 4", "unset with draft"]),
    "no entropy head": (["run", "--real-temperature", "1", "hi"], ["real_temperature = 1.0", "no entropy head is loaded"]),
    "residual entropy, guessed": (["run", "--real-temperature", "1", "--prompt-lookup", "4", "hi"], ["real_temperature = 1.0", "speculation"]),
    "residual entropy of beams": (["run", "--real-temperature", "1", "--num-beams", "2", "hi"], ["real_temperature = 1.0", "beam search"]),
    "residual entropy explained": (["explain", "--real-temperature", "1", "hi"], ["real_temperature = 1.0", "left unset"]),
    "missing entropy head": (["run", "--entropy-head", "absent.safetensors", "hi"], ["absent.safetensors", "there is no entropy head"]),
    "unknown draft": (["run", "--draft", "gpt-17", "hi"], ["gpt-17", "smollm2-135m"]),
    "ngram alone": (["run", "--max-ngram", "4", "hi"], ["max_ngram = 4", "together with prompt_lookup"]),
    "ngrams crossed": (["run", "--prompt-lookup", "6", "--min-ngram", "4", "hi"], ["min_ngram = 4", "max_ngram, which is 3"]),
    "draft_tokens alone": (["run", "--draft-tokens", "4", "hi"], ["draft_tokens = 4", "together with draft"]),
    "system with raw": (["run", "--raw", "--system", "x", "hi"], ["system", "'x'", "raw"]),
    "no prompt": (["run", "--raw", ""], ["prompt", "''", "not empty"]),
    "prompt too long": (["run", "--raw", "word " * 9000], ["9001", "8192"]),
    "no choices": (["choose", "hi"], ["choices", "[]", "1 to 50000 texts"]),
    "empty choice": (["choose", "-c", "a", "-c", "", "hi"], ["choices", "''", "not empty"]),
    "data without a field": (["choose", "-c", "a", "--data", "x.jsonl", "hi"], ["prompt", "'hi'", "{text}"]),
    "no data to choose for": (["choose", "-c", "a", "--data", "absent.jsonl", "{text} is"], ["absent.jsonl", "No such file"]),
    "same choice twice": (["choose", "-c", "a", "-c", "a", "hi"], ["choices", "'a'", "twice"]),
    "unknown strategy": (["solve", "--strategy", "luck", "hi"], ["strategy", "luck", "best-of-n"]),
    "unknown reward": (["solve", "--reward", "luck", "hi"], ["reward", "luck", "likelihood"]),
    "unknown selection": (["solve", "--select", "luck", "hi"], ["selection", "luck", "majority"]),
    "verifier without reference": (["solve", "-n", "2", "--max-tokens", "2", "--reward", "math", "hi"], ["math", "reference"]),
    "concurrency without data": (["solve", "--concurrency", "2", "hi"], ["concurrency", "2", "--data"]),
    "no data file": (["solve", "--data", "absent.jsonl"], ["absent.jsonl", "No such file"]),
    "prompt and data": (["solve", "--data", "x.jsonl", "hi"], ["data", "without a prompt"]),
    "color with json": (["run", "--json", "--color", "prob", "hi"], ["color", "prob", "none with --json"]),
    "top_logprobs without json": (["run", "--top-logprobs", "2", "hi"], ["top_logprobs", "2", "--json"]),
    "bias twice": (["run", "--logit-bias", "5=1", "--logit-bias", "5=2", "hi"], ["logit_bias", "5=2", "one bias"]),
    "unknown option": (["run", "--heat", "1", "hi"], ["--heat"]),
    "unknown command": (["rum"], ["rum"]),
    "unknown device": (["run", "--device", "abacus", "hi"], ["device", "abacus"]),
}  # fmt: skip


@pytest.mark.parametrize(("args", "said"), CASES.values(), ids=CASES.keys())
def test_one_clear_line(ponder, args, said):
    """Exit 2, nothing on stdout, one line on stderr that says it all."""
    ran = ponder(*args)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("ponder: ")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    for part in said:
        assert part in ran.err


def test_prompt_that_is_not_utf8(ponder):
    """Bytes on standard input are named by their place."""
    ran = ponder("run", stdin=b"abc\xff")
    assert (ran.status, ran.out) == (2, "")
    assert "byte 3" in ran.err


@pytest.fixture(scope="module")
def header(checkpoint) -> bytes:
    """The first 64 KiB of the default model's file."""
    with checkpoint.path.open("rb") as file:
        return file.read(65536)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("truncated", lambda data: data, "65536 bytes"),
        ("magic", lambda data: b"FUGG" + data[4:], "GGUF"),
        ("version", lambda data: data[:4] + struct.pack("<I", 77) + data[8:], "77"),
        ("tensors", lambda data: data[:8] + struct.pack("<Q", 2**60) + data[16:], str(2**60)),
        ("metadata", lambda data: data[:16] + struct.pack("<Q", 2**60) + data[24:], str(2**60)),
        ("empty", lambda data: b"", "empty file"),
    ],
)
def test_lying_gguf(ponder, tmp_path, header, name, change, said):
    """A damaged file is named, with what is wrong with it."""
    path = tmp_path / f"{name}.gguf"
    path.write_bytes(change(header))
    ran = ponder("run", "-m", str(path), "hi")
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert path.name in ran.err
    assert said in ran.err


def test_unsupported_architecture_lists_the_supported(ponder, tmp_path):
    """As for any other field: what it is, and what is allowed."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    ran = ponder("run", "-m", str(tmp_path), "hi")
    assert ran.status == 2
    for part in ("mamba", "llama", "mistral", "qwen2", "qwen3", "smollm3"):
        assert part in ran.err


@pytest.mark.slow
def test_bad_data_lines_are_named_and_the_others_kept(ponder, tmp_path):
    """Line 2 is not JSON, line 4 has no question: 1 and 3 are answered, the summary comes last, exit 2."""
    data: Path = tmp_path / "problems.jsonl"
    lines = [
        '{"question": "What is 1 + 1?", "answer": "2"}',
        "{oops",
        '{"question": "What is 2 + 2?", "answer": "4"}',
    ]
    data.write_text("\n".join([*lines, '{"answer": "5"}']) + "\n")
    ran = ponder("solve", "--data", str(data), "--json", "-n", "2", "--max-tokens", "12", "--seed", "0")
    assert ran.status == 2
    results = [json.loads(line) for line in ran.out.splitlines()]
    assert [result.get("error") is None for result in results[:-1]] == [True, False, True, False]
    assert "line 2" in results[1]["error"]
    assert "line 4" in results[3]["error"]
    assert all(len(results[i]["candidates"]) == 2 for i in (0, 2))
    summary = results[-1]
    assert summary["n"] == 2
    assert summary["errors"] == 2
    low, high = summary["interval"]
    assert 0 <= low <= summary["accuracy"] <= high <= 1
    assert "line 2" in ran.err
    assert "line 4" in ran.err
