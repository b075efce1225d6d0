"""`ponder run --trace` and `ponder trace show`: the file, the drawings, the page, and files that lie."""

import base64
import copy
import hashlib
import io
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from rich.console import Console

from ponder.asks.fronts import stream
from ponder.lm import LM
from ponder.sampling.distribution import TraceSettings
from ponder.traces import file as trace_file
from ponder.traces.document import Trace
from ponder.traces.drawing import draw
from ponder.traces.file import parse_trace, trace_json
from ponder.traces.form import schema
from ponder.traces.page import page
from ponder.traces.record import Recorder, head_of
from ponder.traces.redraw import nucleus, redraw

SCHEMA = Path(__file__).parents[2] / "docs" / "trace.schema.json"
PROMPT = "Why is the sky blue?"
HOSTILE = "\x1b[2J\x07\u202e</script><img src=http://evil.test onerror=alert(1)>&\u2028<!--\ud800\x00"


@pytest.fixture
def traced(ponder, tmp_path):
    """A function that runs a prompt and returns the path of its trace, and what the run did."""

    def run(*options, prompt=PROMPT):
        path = tmp_path / "trace.json"
        ran = ponder("run", *options, "--trace", str(path), prompt)
        assert ran.status == 0, ran.err
        return path, ran

    return run


def trace_of(model, prompt=PROMPT, **options):
    """A request's trace, as JSON, without the command line."""
    lm = LM(model)
    request = lm.request(prompt, trace=TraceSettings(), max_tokens=6, **options)
    recorder = Recorder(model.tokenizer)
    for event in stream(model, request):
        recorder.take(event)
    tokens = event.usage.prompt_tokens
    head = head_of(lm.name, event.prompt, tokens, event.params, request, model.tokenizer)
    return json.loads(trace_json(recorder.trace(head)))


@pytest.fixture(scope="module")
def both(local_model):
    """The traces of two samples and of a beam search."""
    return {
        "sampled": trace_of(local_model, n=2, temperature=0.8, top_p=0.9, seed=1),
        "searched": trace_of(local_model, n=2, num_beams=3),
    }


@pytest.fixture
def sampled(both):
    return copy.deepcopy(both["sampled"])


@pytest.fixture
def searched(both):
    return copy.deepcopy(both["searched"])


def assert_valid(value, form, definitions, where="$"):
    """JSON Schema, as much of it as the format uses; anything else in a schema is an error."""
    assert set(form) <= {
        *("$schema", "$ref", "$defs", "description", "type", "enum", "anyOf"),
        *("properties", "required", "items", "additionalProperties"),
    }
    if "$ref" in form:
        assert_valid(value, definitions[form["$ref"].removeprefix("#/$defs/")], definitions, where)
    if "enum" in form:
        assert value in form["enum"], where
    if "anyOf" in form:
        (one,) = [other for other in form["anyOf"] if other != {"type": "null"}]
        if value is not None:
            assert_valid(value, one, definitions, where)
    if "type" in form:
        types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float)}
        assert isinstance(value, types[form["type"]]), where
        assert not isinstance(value, bool), where
    for name in form.get("required", ()):
        assert name in value, f"{where}.{name}"
    for name, one in form.get("properties", {}).items():
        assert_valid(value[name], one, definitions, f"{where}.{name}")
    if "properties" in form:
        assert set(value) == set(form["properties"]), where
    if "additionalProperties" in form:
        for name, one in value.items():
            assert_valid(one, form["additionalProperties"], definitions, f"{where}.{name}")
    if "items" in form:
        for i, one in enumerate(value):
            assert_valid(one, form["items"], definitions, f"{where}[{i}]")


def test_the_schema_is_the_classes():
    """docs/trace.schema.json is `json.dumps(schema(Trace), indent=2)` and a line end."""
    assert json.loads(SCHEMA.read_text()) == schema(Trace)
    assert SCHEMA.read_text() == json.dumps(schema(Trace), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.slow
def test_traces_are_of_the_schema(sampled, searched):
    """By the schema that is shipped, by pydantic, and by our own reader, which all read the same classes."""
    form = json.loads(SCHEMA.read_text())
    for value in (sampled, searched):
        assert_valid(value, form, form["$defs"])
        text = json.dumps(value)
        assert TypeAdapter(Trace).validate_json(text, strict=True) == parse_trace(text.encode())


@pytest.mark.slow
def test_a_trace_says_what_json_says(traced):
    """Tokens, log-probabilities and parameters are those of the same run's --json."""
    options = ("--json", "-t", "0.8", "--top-k", "20", "--seed", "1", "--max-tokens", "6")
    path, ran = traced(*options, "--trace-top", "7")
    trace, result = json.loads(path.read_text()), json.loads(ran.out)
    assert trace["prompt"] == result["prompt"]
    assert trace["params"].keys() == result["params"].keys()
    assert trace["params"]["temperature"] == {"value": 0.8, "source": "caller"}
    (text,), (output,) = trace["texts"], result["outputs"]
    assert text["text"] == output["text"]
    for number, expected in zip(text["tokens"], output["tokens"], strict=True):
        token = trace["tokens"][number]
        row = trace["rows"][token["row"]]
        assert token["id"] == expected["id"]
        assert trace["vocabulary"][str(token["id"])]["text"] == expected["text"]
        for name in ("logprob", "tempered_logprob", "truncated_logprob"):
            assert token[name] == pytest.approx(expected[name], abs=1e-7)
        assert (row["kept"], token["rank"]) == (expected["kept"], expected["rank"])
        assert len(row["ids"]) == 7
        assert [step["step"] for step in row["steps"]] == ["temperature", "top_k"]
        assert sum(step["removed"] for step in row["steps"]) == trace["vocab_size"] - row["kept"]


@pytest.mark.slow
def test_bytes_of_tokens_spell_the_text(traced):
    """Parts of characters are bytes in the trace; joined they are the text."""
    options = ("--raw", "--max-tokens", "8", "-t", "0", "--ignore-eos")
    trace = json.loads(traced(*options, prompt="日本語の文字：あいうえおかきくけこ")[0].read_text())
    ids = [trace["tokens"][number]["id"] for number in trace["texts"][0]["tokens"]]
    spelled = b"".join(bytes.fromhex(trace["vocabulary"][str(token)]["bytes"]) for token in ids)
    assert spelled.decode("utf-8", "replace") == trace["texts"][0]["text"]
    assert any("\\x" in spelling["text"] for spelling in trace["vocabulary"].values())


def test_a_search_keeps_what_it_pruned(ponder, searched, tmp_path):
    """Scores add up along the tree, every text is a path, and candidates that lost are there."""
    tokens = searched["tokens"]
    for token in tokens:
        above = tokens[token["parent"]]["score"] if token["parent"] >= 0 else 0.0
        assert token["score"] == pytest.approx(above + token["logprob"], abs=1e-4)
    living = {number for text in searched["texts"] for number in text["tokens"]}
    assert len(living) < len(tokens)
    assert len(searched["rows"]) < len(tokens)  # candidates of one beam share a row
    path = tmp_path / "search.json"
    path.write_text(json.dumps(searched))
    shown, all_shown = ponder("trace", "show", str(path)), ponder("trace", "show", str(path), "--pruned")
    assert "pruned)" in shown.out
    assert all_shown.out.count(" pruned\n") >= 1
    for text in searched["texts"]:
        assert f"{tokens[text['tokens'][-1]]['score']:.2f} {text['finish_reason']}" in shown.out
    result = json.loads(ponder("trace", "show", "--json", str(path)).out)
    assert result["pruned"] == len(tokens) - len(living)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [[], ["--tree", "--num-beams", "2"], ["--json"], ["--prompt-lookup", "4"]]
)
def test_a_trace_does_not_change_what_is_printed(ponder, traced, options):
    common = (*options, "--max-tokens", "5", *(() if "--tree" in options else ("--seed", "4")))
    plain, ran = ponder("run", *common, PROMPT), traced(*common)[1]
    if "--json" in options:
        assert json.loads(plain.out)["outputs"] == json.loads(ran.out)["outputs"]
    else:
        assert plain.out == ran.out


def write(path, value):
    path.write_text(json.dumps(value))
    return str(path)


def test_show_draws_each_token(ponder, sampled, tmp_path):
    """A line a token with its rank and what its nucleus is; one token has its bars, adding up to one."""
    path = write(tmp_path / "t.json", sampled)
    ran = ponder("trace", "show", path)
    lines = ran.out.splitlines()
    assert (ran.status, ran.err) == (0, "")
    assert sum(line.startswith("entropy ") for line in lines) == 2
    for text in sampled["texts"]:
        for place, number in enumerate(text["tokens"]):
            token = sampled["tokens"][number]
            row = sampled["rows"][token["row"]]
            pattern = rf"{place:>4}  .* {row['entropy']:.2f} +{token['rank']} +{row['kept']}  .*%"
            assert any(re.match(pattern, line) for line in lines)
    one = ponder("trace", "show", path, "--token", "1", "--text", "1").out
    row = sampled["rows"][sampled["tokens"][sampled["texts"][1]["tokens"][1]]["row"]]
    shares = [float(share) for share in re.findall(r" (0\.\d{3}|1\.000)(?:  |\n)", one)]
    assert sum(shares) == pytest.approx(1, abs=0.001 * len(row["ids"]))
    assert f"top_p                  removed {row['steps'][1]['removed']} tokens" in one


def test_show_redraws_at_another_temperature(ponder, sampled, tmp_path):
    """The share of the first token of the nucleus is that of the raw logits at this temperature."""
    path = write(tmp_path / "t.json", sampled)
    out = ponder("trace", "show", path, "--token", "0", "-t", "1.5", "--top-p", "0.5").out
    row = sampled["rows"][0]
    logits = [logit / 1.5 for logit in row["logits"]]
    grid = sampled["temperatures"].index(1.5)
    total = sum(map(math.exp, logits)) + math.exp(row["tails"][grid])
    probs = [math.exp(logit) / total for logit in logits]
    kept = probs[: next(i for i in range(1, len(probs)) if sum(probs[:i]) >= 0.5)]
    assert f" {kept[0] / sum(kept):.3f}  █" in out
    assert out.count("cut") == len(probs) - len(kept)


class Page(HTMLParser):
    """What a browser would find in a page: scripts, styles, and everything that could fetch something."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.bodies, self.policy = [], {}, ""
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        self._inside = (tag, values.get("type"))

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        self.bodies[self._inside] = self.bodies.get(self._inside, "") + data


def with_hostile_text(trace):
    """A trace whose every text is hostile."""
    trace = copy.deepcopy(trace)
    for spelling in trace["vocabulary"].values():
        spelling["text"] = HOSTILE
    for text in trace["texts"]:
        text["text"] = HOSTILE
    for row in trace["rows"]:
        for step in row["steps"]:
            step["step"] = HOSTILE
    trace["params"][HOSTILE] = {"value": {HOSTILE: [HOSTILE]}, "source": "caller"}
    trace["model"] = trace["prompt"] = HOSTILE
    return trace


@pytest.mark.parametrize("kind", ["sampled", "searched"])
def test_the_page_needs_nothing_and_runs_nothing_else(ponder, request, tmp_path, kind):
    """No address, nothing that loads, one script that the policy names; texts stay texts."""
    value = with_hostile_text(request.getfixturevalue(kind))
    path, html = tmp_path / "t.json", tmp_path / "t.html"
    ran = ponder("trace", "show", write(path, value), "--html", str(html))
    assert (ran.status, ran.out) == (0, "")
    text = html.read_text()
    found = Page(text)
    names = [tag for tag, _ in found.tags]
    assert names.count("script") == 2
    assert not {"img", "link", "iframe", "object", "embed", "base", "form", "a"} & set(names)
    attributes = {name for _, values in found.tags for name in values}
    assert not {"src", "href", "srcset", "action", "style"} & attributes
    assert not any(name.startswith("on") for name in attributes)
    code, style = found.bodies[("script", None)], found.bodies[("style", None)]
    assert not re.search(r"https?:|url\(|@import|fetch\(|import\(|innerHTML|outerHTML|eval\(", code + style)
    for body, rule in ((code, "script-src"), (style, "style-src")):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in found.policy
    assert "default-src 'none'" in found.policy
    data = found.bodies[("script", "application/json")]
    assert not set("<>&\u2028\u2029") & set(data)
    expected = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    assert json.loads(data) == expected


NODE = shutil.which("node")
STUB = r"""
const made = [];
function element(name) {
  const self = {
    name, children: [], dataset: {}, style: {}, attributes: {}, listeners: {}, textContent: "", hidden: false,
    append(...c) { self.children.push(...c); }, replaceChildren(...c) { self.children = c; },
    setAttribute(k, v) { self.attributes[k] = v; }, addEventListener(k, f) { self.listeners[k] = f; },
    focus() { document.activeElement = self; },
  };
  self.tBodies = [self];
  made.push(self);
  return self;
}
const elements = {};
globalThis.document = {
  getElementById: (id) => (elements[id] ??= element(id)),
  createElement: element, createElementNS: (_, name) => element(name),
  querySelectorAll: () => made.filter((one) => one.dataset.token !== undefined),
};
document.getElementById("trace").textContent = require("fs").readFileSync(0, "utf8");
"""
PROBE = r"""
const slid = document.getElementById("temperature");
document.getElementById("again").checked = true;
slid.value = "1.25";
document.getElementById("top-p").value = "0.8";
slid.listeners.input();
const bars = document.getElementById("bars").children;
console.log(JSON.stringify({
  shown: bars.map((bar) => [bar.className, bar.children[1].textContent]),
  texts: made.map((one) => one.textContent),
  drawn: trace.rows.map((row) => [0.1, 0.47, 1, 1.25, 2].map((t) => {
    const { probs, tail } = redraw(row, t);
    return { probs, tail, count: nucleus(probs, 0.8) };
  })),
}));
"""
WALK = r"""
const buttons = document.getElementById("tokens").children;
const currentTarget = { querySelectorAll: () => buttons };
let prevented = 0;
buttons[0].focus();
const keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowUp", "End", "ArrowRight", "Home"];
const places = keys.map((key) => {
  const event = { key, currentTarget, preventDefault: () => prevented++ };
  document.getElementById("tokens").listeners.keydown(event);
  return [buttons.indexOf(document.activeElement), trace.texts[0].tokens.indexOf(state.token)];
});
console.log(JSON.stringify({ places, prevented, count: buttons.length }));
"""


def run_page(script, trace, value):
    """Run the page's script and then another under node, with a stub of a document; return what it prints."""
    script = STUB + Page(page(trace)).bodies[("script", None)] + script
    data = json.dumps(value).replace("\\ud800", "?").encode()
    done = subprocess.run([NODE, "-e", script], input=data, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.skipif(NODE is None, reason="node is not there to run the page's script")
def test_arrow_keys_go_from_token_to_token(sampled):
    """Focus and choice go together, and stop at both ends; other keys are the browser's."""
    done = run_page(WALK, parse_trace(json.dumps(sampled).encode()), sampled)
    last = done["count"] - 1
    assert last > 2
    assert done["places"] == [[place, place] for place in (1, 2, 1, 1, last, last, 0)]
    assert done["prevented"] == 5


@pytest.mark.slow
@pytest.mark.skipif(NODE is None, reason="node is not there to run the page's script")
@pytest.mark.parametrize("kind", ["sampled", "searched"])
def test_the_slider_redraws_what_python_does(request, kind):
    """The page's script, run: no error, control characters shown as escapes, the same probabilities."""
    value = with_hostile_text(request.getfixturevalue(kind))
    trace = parse_trace(json.dumps(value).encode())
    result = run_page(PROBE, trace, value)
    for row, by_temperature in zip(trace.rows, result["drawn"], strict=True):
        for temperature, drawn in zip((0.1, 0.47, 1, 1.25, 2), by_temperature, strict=True):
            ours = redraw(row, trace.temperatures, temperature)
            assert drawn["probs"] == pytest.approx(ours.probs, rel=1e-9)
            assert drawn["tail"] == pytest.approx(ours.tail, rel=1e-9, abs=1e-300)
            assert drawn["count"] == nucleus(ours.probs, 0.8)
    first = trace.rows[trace.tokens[trace.texts[0].tokens[0]].row]
    ours = redraw(first, trace.temperatures, 1.25)
    assert [float(shown) for _, shown in result["shown"]] == pytest.approx(ours.probs, abs=6e-5)
    kept = sum("cut" not in name for name, _ in result["shown"])
    assert kept == nucleus(ours.probs, 0.8)
    shown = [str(text) for text in result["texts"] if not str(text).startswith("{")]
    assert not set("\x1b\x07\u202e\u2028\x00") & set("".join(shown))


@pytest.mark.parametrize("kind", ["sampled", "searched"])
@pytest.mark.parametrize("options", [[], ["--token", "0"], ["--pruned"], ["-t", "1.3"]])
def test_a_trace_cannot_drive_the_terminal(ponder, request, tmp_path, kind, options):
    """Control characters and direction marks of every text in it are shown as escapes."""
    path = write(tmp_path / "t.json", with_hostile_text(request.getfixturevalue(kind)))
    ran = ponder("trace", "show", path, *options)
    assert ran.status == 0
    assert "\\x1b[2J" in ran.out
    assert not set("\x1b\x07\u202e\u2028\x00\r") & set(ran.out)


def changed(path, value):
    """A change of one place in a trace, by the keys on the way to it."""

    def change(trace):
        *way, last = path
        place = trace
        for key in way:
            place = place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
        return json.dumps(trace)

    return change


LIES = {
    "empty": (lambda t: "", "not JSON"),
    "not json": (lambda t: "{oops", "line 1 column 2 is not JSON"),
    "cut off": (lambda t: json.dumps(t)[:2000], "is not JSON"),
    "not utf-8": (lambda t: b"{\xff", "byte 1 is not UTF-8"),
    "a list": (lambda t: "[1]", "version is missing"),
    "nan": (lambda t: json.dumps({**t, "vocab_size": math.nan}), "NaN"),
    "infinity": (lambda t: json.dumps({**t, "vocab_size": -math.inf}), "Infinity"),
    "overflow": (lambda t: json.dumps(t).replace('"vocab_size": 49152', '"vocab_size": 1e999'), "vocab_size"),
    "digits": (lambda t: '{"version": ' + "9" * 5000 + "}", "too large"),
    "deep": (lambda t: "[" * 1_000_000, "too deeply"),
    "deep params": (changed(["params", "n", "value"], json.loads("[" * 90 + "]" * 90)), "deep"),
    "no version": (changed(["version"], ...), "version is missing"),
    "next version": (changed(["version"], 2), "its version is 2, and only version 1 can be read"),
    "version true": (changed(["version"], True), "no whole number"),
    "version text": (changed(["version"], "\x1b[31m1"), "no whole number"),
    "version huge": (changed(["version"], 10**400), "no whole number"),
    "no rows": (changed(["rows"], ...), "rows is missing"),
    "rows no list": (changed(["rows"], {}), "rows should be a list"),
    "entropy text": (changed(["rows", 0, "entropy"], "high"), "rows[0].entropy should be a number"),
    "entropy bool": (changed(["rows", 0, "entropy"], True), "rows[0].entropy"),
    "kept half": (changed(["rows", 0, "kept"], 1.5), "rows[0].kept should be a whole number"),
    "kept mass two": (changed(["rows", 0, "kept_mass"], 2), "from 0 to 1"),
    "share below zero": (changed(["rows", 0, "truncated", 0], -0.1), "from 0 to 1"),
    "logits rise": (changed(["rows", 0, "logits", 1], 1e9), "logits that fall"),
    "logit huge": (changed(["rows", 0, "logits", 0], 1e30), "finite"),
    "lengths": (changed(["rows", 0, "logits"], [1.0]), "a value for each"),
    "tails": (changed(["rows", 0, "tails"], [1.0]), "a value for each"),
    "no grid": (changed(["temperatures"], []), "temperatures should rise"),
    "grid falls": (changed(["temperatures", 0], 99), "temperatures should rise"),
    "grid at zero": (changed(["temperatures", 0], 0), "temperatures should rise"),
    "unknown id": (changed(["rows", 0, "ids", 0], -5), "-5, which is not in the vocabulary"),
    "unknown token": (changed(["tokens", 0, "id"], 10**9), "not in the vocabulary"),
    "its own parent": (changed(["tokens", 1, "parent"], 1), "tokens[1].parent"),
    "parent below": (changed(["tokens", 1, "parent"], -2), "tokens[1].parent"),
    "row beyond": (changed(["tokens", 0, "row"], 10**6), "tokens[0].row"),
    "row below": (changed(["tokens", 0, "row"], -1), "tokens[0].row"),
    "ending": (changed(["texts", 0, "finish_reason"], "tired"), "one of stop, length"),
    "not a path": (changed(["texts", 0, "tokens"], [1, 0]), "a path from the prompt"),
    "path beyond": (changed(["texts", 0, "tokens"], [10**9]), "a path from the prompt"),
    "source": (changed(["params", "n", "source"], "me"), "one of caller"),
    "spelling": (changed(["vocabulary"], {"1": "x"}), "vocabulary.1 should be an object"),
}


@pytest.mark.parametrize(("lie", "said"), LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("options", [[], ["--json"], ["--html", "PAGE"]])
def test_a_file_that_lies_is_refused(ponder, sampled, tmp_path, lie, said, options):
    """Exit 2, one line that names the file and what is wrong, nothing drawn or written."""
    path, html = tmp_path / "lie.json", tmp_path / "page.html"
    told = lie(copy.deepcopy(sampled))
    path.write_bytes(told if isinstance(told, bytes) else told.encode())
    ran = ponder("trace", "show", str(path), *(str(html) if one == "PAGE" else one for one in options))
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("ponder: ")
    assert "lie.json" in ran.err
    assert said in ran.err
    assert "\x1b" not in ran.err
    assert not html.exists()


def test_a_file_that_is_too_large_is_not_read(ponder, tmp_path, monkeypatch):
    monkeypatch.setattr(trace_file, "MAX_BYTES", 1000)
    path = tmp_path / "large.json"
    path.write_bytes(b" " * 1001)
    ran = ponder("trace", "show", str(path))
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert "1000 bytes" in ran.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["trace", "show", "absent.json"], ["absent.json", "No such file"]),
        (["trace", "show", "."], ["directory"]),
        (["run", "--trace", "no/such/folder.json", "hi"], ["trace", "folder that exists"]),
        (["run", "--trace", ".", "hi"], ["trace", "a file"]),
        (["run", "--trace", "x.json", "--dry-run", "hi"], ["trace", "without --dry-run"]),
        (["run", "--trace-top", "5", "hi"], ["trace_top = 5", "together with --trace"]),
        (["run", "--trace", "x.json", "--trace-top", "0", "hi"], ["trace_top = 0", "1 to 1000"]),
    ],
)
def test_what_cannot_be_traced_or_shown(ponder, tmp_path, monkeypatch, args, said):
    """One clear line, and no file is left."""
    monkeypatch.chdir(tmp_path)
    ran = ponder(*args)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert all(part in ran.err for part in said)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--token", "6"], "under 6"),
        (["--token", "-1"], "token = -1"),
        (["--token", "0", "--text", "2"], "text = 2"),
        (["-t", "9"], "from 0.1 to 2"),
        (["-t", "nan"], "temperature = nan"),
        (["--top-p", "0"], "top_p = 0"),
        (["--json", "--html", "x.html"], "without --json"),
    ],
)
def test_options_of_show(ponder, sampled, tmp_path, options, said):
    ran = ponder("trace", "show", write(tmp_path / "t.json", sampled), *options)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


@pytest.mark.slow
def test_fields_of_a_later_minor_change_are_passed_over(ponder, sampled, tmp_path):
    """What a reader does not know it leaves out."""
    sampled["rows"][0]["novel"] = sampled["novel"] = {"x": 1}
    assert ponder("trace", "show", "--json", write(tmp_path / "t.json", sampled)).status == 0


@pytest.mark.parametrize("num_beams", [None, 2])
def test_a_text_that_can_go_nowhere(tiny_model, num_beams):
    """Where no token is possible, at first or later, there is a trace of what there was."""
    size = tiny_model.engine.model.config.vocab_size
    sampling = {} if num_beams else {"seed": 1}
    for bias in (dict.fromkeys(range(size), -100.0), dict.fromkeys(range(5, size), -100.0)):
        options = {"logit_bias": bias, "no_repeat_ngram_size": 1, "num_beams": num_beams, **sampling}
        trace = parse_trace(json.dumps(trace_of(tiny_model, prompt="ab", chat=False, **options)).encode())
        (text,) = trace.texts
        assert len(text.tokens) == (0 if len(bias) == size else 3)  # a and b are in the prompt
        assert text.finish_reason == "constraint"
        assert page(trace)
        console = Console(file=io.StringIO(), width=100)
        draw(console, trace)
        assert "constraint" in console.file.getvalue()
