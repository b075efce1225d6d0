"""`ponder run`, `choose`, `chat`, `models` and `doctor` as a user meets them."""

import json
import subprocess
import sys
from dataclasses import fields

import pytest

from ponder.cli.options import MIXTURE, SAMPLING, SEARCH, SPECULATION
from ponder.decoders.named import MIXTURE_SETTINGS, SETTINGS
from ponder.sampling import SamplingParams

STORY = ("run", "--json", "--seed", "7", "--temperature", "0.8", "--top-p", "0.9", "--max-tokens", "32")


def test_same_seed_same_tokens_whatever_n_is(ponder):
    """Run twice with n = 4, and once with n = 1: output 0 is the same in all."""
    first, second = (json.loads(ponder(*STORY, "--n", "4", "Tell me a story.").out) for _ in range(2))
    alone = json.loads(ponder(*STORY, "--n", "1", "Tell me a story.").out)
    ids = [[output["token_ids"] for output in run["outputs"]] for run in (first, second, alone)]
    assert ids[0] == ids[1]
    assert ids[0][0] == ids[2][0]
    assert len({tuple(tokens) for tokens in ids[0]}) == 4


def test_json_has_every_field(ponder):
    """One object with the documented fields, and each parameter's source."""
    result = json.loads(ponder(*STORY, "--top-logprobs", "3", "--ban", "z", "hi").out)
    assert result["model"] == "smollm2-135m"
    assert result["prompt"].endswith("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert result["params"]["temperature"] == {"value": 0.8, "from": "caller"}
    assert result["params"]["top_k"] == {"value": 0, "from": "default"}
    assert result["params"]["constraint"]["value"] == {
        "Ban": {
            "strings": ["z"],
            "ignore_case": False,
            "whole_word": False,
            "variants": [],
            "within": None,
        }
    }
    (output,) = result["outputs"]
    assert set(output) >= {"text", "token_ids", "finish_reason", "logprob", "tokens"}
    assert [token["id"] for token in output["tokens"]] == output["token_ids"]
    assert output["logprob"] == pytest.approx(sum(token["logprob"] for token in output["tokens"]))
    assert output["constrained"]["rewinds"] == 0
    assert set(output["constrained"]["bound"]) == {"Ban"}
    assert output["constrained"]["mass_kept"]["log_sum"] <= 0
    for token in output["tokens"]:
        assert set(token) >= {"id", "text", "logprob", "entropy", "rank", "kept"}
        assert len(token["top"]) == 3
    assert result["usage"]["generated_tokens"] == len(output["token_ids"])
    usage = ("prompt_tokens", "hit_tokens", "cached_tokens", "computed_tokens", "generated_tokens")
    others = ("proposed_tokens", "accepted_tokens", "attended_tokens", "logit_rows")
    assert set(result["usage"]) == {*usage, *others}
    assert result["usage"]["proposed_tokens"] == 0
    assert set(result["timing"]) >= {"load_s", "ttft_s", "decode_tok_s"}


def test_a_context_and_a_prompt_without_bos(ponder):
    """The context bounds what there is room for; `--no-bos` is for raw text."""
    shown = json.loads(ponder("run", "--dry-run", "--raw", "--no-bos", "--context", "64", "a b").out)
    assert shown["params"]["max_tokens"]["value"] == 64 - shown["prompt_tokens"]
    refused = ponder("run", "--dry-run", "--no-bos", "a b")
    assert refused.status != 0
    assert "add_special_tokens = False is not allowed: unset for messages" in refused.err
    for wrong in ("0", "-5"):
        ran = ponder("run", "--context", wrong, "a")
        assert ran.status != 0
        assert ran.err.startswith(
            f"ponder: context = {wrong} is not allowed: a whole number of tokens from 1"
        )


@pytest.mark.parametrize("temperature", ["0", "0.8"])
def test_speculation_changes_no_token(ponder, temperature):
    """What is guessed, by a lookup or by the model itself, is counted; tokens and traces are the same."""
    options = ("run", "--json", "--seed", "3", "-t", temperature, "--max-tokens", "24")
    prompt = "Say this twice: one two three four five six seven eight nine ten."
    plain = json.loads(ponder(*options, prompt).out)
    for guessing, value in (
        (("--prompt-lookup", "6"), {"draft": {"tokens": 6, "max_ngram": 3, "min_ngram": 2}}),
        (("--draft", "smollm2-135m", "--draft-tokens", "3"), {"draft": {"tokens": 3}}),
    ):
        result = json.loads(ponder(*options, *guessing, prompt).out)
        assert result["outputs"] == plain["outputs"]
        assert result["params"]["decoder"] == {"value": {"Speculative": value}, "from": "caller"}
        usage = result["usage"]
        assert 0 < usage["accepted_tokens"] <= usage["proposed_tokens"]
    assert usage["accepted_tokens"] == usage["proposed_tokens"]  # its own draft


def test_stdout_is_the_text_alone(ponder):
    """Piped output has no colours and no remarks, and is the text that --json reports."""
    options = ("--temperature", "0", "--max-tokens", "8", "--raw")
    plain = ponder("run", *options, "--color", "entropy", stdin=b"The capital of France is\n")
    text = json.loads(ponder("run", *options, "--json", "The capital of France is").out)["outputs"][0]["text"]
    assert plain.status == 0
    assert plain.out == text + "\n"
    assert plain.err == ""


def test_dry_run_says_what_would_run(ponder):
    """Nothing is generated, everything is resolved."""
    result = json.loads(ponder("run", "--dry-run", "--num-beams", "4", "--system", "Be brief.", "hi").out)
    assert "Be brief." in result["prompt"]
    assert result["params"]["decoder"]["value"]["BeamSearch"]["num_beams"] == 4
    assert result["prompt_tokens"] > 10
    assert "outputs" not in result


@pytest.mark.parametrize(
    ("options", "name", "fields"),
    [
        ("--num-beams 4 --beam-semantics vllm", "BeamSearch", {"num_beams": 4, "semantics": "vllm"}),
        ("--num-beams 4 --early-stopping never", "BeamSearch", {"early_stopping": "never"}),
        ("--num-beams 4 --beam-sample -t 0.7", "BeamSample", {"num_beams": 4}),
        ("--num-beams 6 --num-beam-groups 3", "DiverseBeamSearch", {"num_beams": 6, "num_beam_groups": 3}),
        ("--contrastive-search 5 --penalty-alpha 0.2", "ContrastiveSearch", {"top_k": 5, "alpha": 0.2}),
        ("--stochastic-beams 5 -n 5", "StochasticBeamSearch", {"num_beams": 5}),
        (
            "--prompt-lookup 5 --max-ngram 4 --min-ngram 1",
            "Speculative",
            {"draft": {"tokens": 5, "max_ngram": 4, "min_ngram": 1}},
        ),
    ],
)
def test_searches(ponder, options, name, fields):
    """Each search has its options."""
    result = json.loads(ponder("run", "--dry-run", *options.split(), "hi").out)
    decoder = result["params"]["decoder"]["value"][name]
    assert fields.items() <= decoder.items()


@pytest.mark.parametrize(
    ("options", "name", "fields"),
    [
        ("--guidance-scale 2", "Guidance", {"scale": 2.0, "against": None}),
        ("--raw --guidance-scale 2 --negative-prompt no", "Guidance", {"scale": 2.0, "against": "no"}),
        ("--contrast 15 --contrast-alpha 0.2", "Contrast", {"against": 15, "alpha": 0.2}),
        ("--dola-layers high --dola-norm", "DoLa", {"layers": "high", "norm": True}),
        ("--dola-layers 0,8,16 --dola-alpha 0", "DoLa", {"layers": [0, 8, 16], "alpha": 0.0}),
    ],
)
def test_mixtures(ponder, options, name, fields):
    """Each mixture has its options."""
    result = json.loads(ponder("run", "--dry-run", *options.split(), "hi").out)
    assert fields.items() <= result["params"]["mixture"]["value"][name].items()


def test_a_negative_prompt_is_sent_as_the_prompt_is(ponder):
    """With the same system message, in a chat."""
    asked = ("--guidance-scale", "2", "--negative-prompt", "no", "--system", "Be brief.")
    result = json.loads(ponder("run", "--dry-run", *asked, "hi").out)
    against = result["params"]["mixture"]["value"]["Guidance"]["against"]
    assert [message["content"] for message in against] == ["Be brief.", "no"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--contrast 30", "contrast = 30 is not allowed"),
        ("--contrast no-such-model", "not a known model"),
        ("--dola-layers 1,x", "dola_layers = '1,x' is not allowed: low, high, or numbers such as 0,8,16"),
        ("--dola-layers 31", "dola_layers = 31 is not allowed"),
        ("--negative-prompt no", "negative_prompt = 'no' is not allowed: set only together with guidance"),
        ("--contrastive-search 4 --guidance-scale 2", "unset with contrastive search"),
        ("--contrastive-search 4 --seed 1", "unset with contrastive search, which draws nothing"),
    ],
)
def test_mixtures_that_are_refused(ponder, options, message):
    """In a sentence."""
    ran = ponder("run", *options.split(), "hi")
    assert ran.status == 2
    assert message in ran.err


def test_every_sampling_parameter_is_an_option(ponder):
    """What the library takes the command line takes; flags that are not given are not set."""
    assert set(SAMPLING) == {field.name for field in fields(SamplingParams)}
    given = json.loads(ponder("run", "--dry-run", "--stop", "x", "--include-stop-str-in-output", "hi").out)
    assert given["params"]["include_stop_str_in_output"] == {"value": True, "from": "caller"}
    assert given["params"]["ignore_eos"] == {"value": False, "from": "default"}


def test_every_decoder_setting_is_an_option():
    """As it is a field of the server's requests."""
    assert {*SEARCH, *SPECULATION} == set(SETTINGS)
    assert set(MIXTURE) == set(MIXTURE_SETTINGS)


def test_choose(ponder):
    """Probabilities sum to one, logprobs explain them, and one space joins prompt and choice."""
    prompt = "The capital of France is"
    asked = ("choose", "--raw", "--json", "-c", "Paris", "-c", "London", prompt)
    result = json.loads(ponder(*asked).out)
    paris, london = result["choices"]
    assert paris["probability"] + london["probability"] == pytest.approx(1)
    assert paris["probability"] > 0.9
    assert 0 < result["mass"] < 1
    joined = json.loads(ponder("choose", "--raw", "--json", "-c", " Paris", "-c", " London", prompt).out)
    assert [c["logprob"] for c in joined["choices"]] == pytest.approx([paris["logprob"], london["logprob"]])
    glued = json.loads(ponder(*asked, "--join", "").out)
    assert glued["choices"][0]["logprob"] < paris["logprob"]


def test_choose_for_each_line_of_a_file(ponder, tmp_path):
    """As if each line's text had been put into the prompt by hand."""
    data = tmp_path / "capitals.jsonl"
    data.write_text('{"country": "France", "of": "capital"}\n\n{"country": "England", "of": "capital"}\n')
    asked = ("choose", "--raw", "-c", "Paris", "-c", "London")
    filled = (*asked, "The {of} of {country} is", "--data", str(data), "--baseline", "It is")
    results = [json.loads(line) for line in ponder(*filled, "--json").out.splitlines()]
    alone = json.loads(ponder(*asked, "--json", "The capital of England is", "--baseline", "It is").out)
    assert len(results) == 2
    assert results[1] == alone
    first, second = ponder(*filled).out.splitlines()
    assert first.startswith("Paris ")
    assert second.startswith("London")
    assert second.endswith("The capital of England is")


def test_chat_remembers(ponder):
    """Each line of input is a turn; the second prompt holds the first turn."""
    ran = ponder(
        "chat", "--json", "--temperature", "0", "--max-tokens", "8", stdin=b"My name is Ada.\nWho am I?\n"
    )
    first, second = map(json.loads, ran.out.splitlines())
    assert first["outputs"][0]["text"] in second["prompt"]
    assert "My name is Ada." in second["prompt"]


def test_models_and_doctor(ponder):
    """What there is, where it is, what it is, and that all is well."""
    entries = json.loads(ponder("models", "list", "--json").out)
    default = next(entry for entry in entries if entry["name"] == "smollm2-135m")
    assert default["path"] == ponder("models", "path").out.strip()
    assert json.loads(ponder("models", "pull", "--json").out)["path"] == default["path"]
    assert json.loads(ponder("models", "show", "--json").out)["num_layers"] == 30
    doctor = ponder("doctor", "--json")
    assert doctor.status == 0
    assert all(check["ok"] is not False for check in json.loads(doctor.out))


def test_no_command_is_help(ponder):
    """The first thing a newcomer types."""
    for args in ((), ("models",)):
        ran = ponder(*args)
        assert ran.out.startswith("Usage: ponder")
        assert ran.out.count("\n") > 5
        assert ran.err == ""


def test_tour(ponder):
    """Every part comes out, as one JSON object: nothing else on stdout."""
    result = json.loads(ponder("tour", "--json").out)
    assert result["choice"]["best"] == "negative"
    assert result["nucleus"][0]["kept"] < result["nucleus"][1]["kept"] < result["nucleus"][2]["kept"]
    assert any("#" in text for text in result["ban"]["tweet, free"])
    assert not any(
        "#" in text for text in [*result["ban"]["tweet, no #"], *result["ban"]["tweet, not short"]]
    )
    assert all(len(text.split()) >= 8 for text in result["ban"]["tweet, not short"])
    assert any("Lily" in text for text in result["ban"]["girl, free"])
    assert not any("Lily" in text for text in result["ban"]["girl, no name"])
    assert result["budget"]["best of 8"]["right"] >= result["budget"]["greedy"]["right"]


def test_chat_goes_on_after_a_refused_turn(ponder):
    """A message that does not fit is named and forgotten; the next is answered."""
    stdin = b"word " * 9000 + b"\nhi\n"
    ran = ponder("chat", "--json", "--temperature", "0", "--max-tokens", "2", stdin=stdin)
    assert ran.status == 2
    assert "8192" in ran.err
    assert len(ran.out.splitlines()) == 1


@pytest.mark.parametrize("args", [["--help"], ["models", "list"]])
def test_quick_commands_do_not_import_torch(args, local_model):
    """`ponder --help` and `ponder models list` must not wait for what they do not use."""
    code = (
        "import sys; from ponder.cli.main import main\n"
        f"sys.argv = ['ponder', *{args!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_model_text_cannot_drive_a_terminal():
    """Escape sequences and direction marks are shown, not sent."""
    from ponder.traces.colours import printable

    assert printable("a\x1b[31mb\u202ec\x07\n") == "a\\x1b[31mb\\u202ec\\x07\n"
