"""Write hf_contrastive.json: what transformers 4.49.0 answers with contrastive search, DoLa and guidance.

Later versions have no contrastive search or DoLa of their own. The weights are those of ponder's default
model in float32, which `tests/decoders/hf_twin.py` gives to the transformers of ponder's environment. So
there are two steps, from the repository's root: save the model and the prompts' tokens in a folder, with
ponder; then answer, with transformers 4.49.0, torch, safetensors and without ponder:

    PYTHONPATH=src:tests python tests/golden/make_hf_contrastive.py export FOLDER
    python tests/golden/make_hf_contrastive.py answer FOLDER tests/golden/hf_contrastive.json

A third, with ponder's environment again, compares guidance with the `generate` of a later transformers,
which has it too; 5.24.0 gives the same tokens:

    PYTHONPATH=src:tests python tests/golden/make_hf_contrastive.py compare FOLDER hf_contrastive.json

The file has `versions`; `eos`, the end tokens; `prompts`: text, tokens, tokens of the negative prompt, and
how many tokens are answered at most; and `cases`: a name, options of `generate`, and a result for each
prompt, in order. A result has `ids`, the answer with its end token if it has one, and for each of these:

    gaps    by how much the chosen token's score is above the second's
    edges   contrastive search: log p of the least likely candidate above that of the likeliest other token;
            DoLa: how far log p of any token is from the threshold of being kept
    layers  DoLa with several layers: the one that was contrasted
    leads   DoLa with several layers: by which part of itself its divergence is above the second's

Where one of these is near 0, another computation of the same may go on differently.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import torch

from asking import face_ask

CHATS = {  # questions, and others as negative prompts
    "What is 2 + 3?": "What is 7 + 1?",
    "What is the capital of France?": "Say hello in Spanish.",
    "Name three colours.": "Name three animals.",
    "Who wrote Hamlet?": "Answer with a joke.",
}
TEXTS = {
    "The old lighthouse keeper climbed the": "The young teacher opened the",
    "def fibonacci(n):\n    ": "def main():\n    ",
    "1, 1, 2, 3, 5, 8,": "Numbers:",
    "Once upon a time": "Breaking news from the capital:",
}
MAX_TOKENS, LONGER = 24, {"What is 2 + 3?": 40}
CONTRASTIVE = [{"penalty_alpha": alpha, "top_k": k} for alpha, k in ((0.6, 4), (0.6, 8), (0.3, 5), (0.9, 4))]
DOLA: list[dict] = [
    {"dola_layers": layers, "repetition_penalty": penalty}
    for layers, penalty in (
        ("low", 1.0),
        ("low", 1.2),
        ("high", 1.0),
        ("high", 1.2),
        ([0, 7, 14, 21, 28], 1.0),
        ([3, 20, 29], 1.2),
        ([16], 1.0),
    )
]
GUIDANCE = [
    {"guidance_scale": scale, "negative": negative} for scale in (1.5, 3.0) for negative in (True, False)
]


def export(folder: Path) -> None:
    from decoders.hf_twin import hf_twin
    from ponder.asks import conversation
    from ponder.backends.local import load_local

    model = load_local("smollm2-135m", device="cpu", kernels="reference")
    twin = hf_twin(model.engine.model)
    twin.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]  # where 4.49.0 looks for it
    (folder / "config.json").write_text(json.dumps(config, indent=2))

    def tokens(text) -> list[int]:
        return list(model.resolve(face_ask(text, {"max_tokens": 1})).token_ids)

    pairs = [(key, conversation(key), conversation(other)) for key, other in CHATS.items()]
    pairs += [(key, key, other) for key, other in TEXTS.items()]
    prompts = [
        {
            "text": key,
            "ids": tokens(prompt),
            "negative": tokens(negative),
            "max_tokens": LONGER.get(key, MAX_TOKENS),
        }
        for key, prompt, negative in pairs
    ]
    found = {"eos": list(model.tokenizer.eos_ids), "prompts": prompts}
    (folder / "prompts.json").write_text(json.dumps(found))
    model.close()


def generate(model, prompt: dict, eos: list[int], options: dict):
    """What `generate` returns: the only sequence is the prompt and the answer."""
    options = dict(options)
    if options.pop("negative", False):
        options["negative_prompt_ids"] = torch.tensor([prompt["negative"]])
    ids = torch.tensor([prompt["ids"]])
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=prompt["max_tokens"],
        do_sample=False,
        eos_token_id=eos,
        pad_token_id=eos[0],
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )


def lead(scores: torch.Tensor) -> float:
    best, second = scores.topk(2).values.tolist()
    return best - second


class Margins:
    """Watches transformers' functions at work: what they choose between, by how much."""

    def __init__(self) -> None:
        from transformers.generation import utils

        self.ranking, self.contrast = utils._ranking_fast, utils._dola_select_contrast
        utils._ranking_fast, utils._dola_select_contrast = self.rank, self.select
        self.clear()

    def clear(self) -> None:
        self.gaps: list[float] = []
        self.edges: list[float] = []
        self.layers: list[int] = []
        self.leads: list[float] = []

    def rank(self, context, candidates, probs, mask, alpha, k):
        chosen = self.ranking(context, candidates, probs, mask, alpha, k)
        cosine = torch.cosine_similarity(context, candidates, dim=-1).amax(-1)
        scores = (1 - alpha) * probs[0] - alpha * cosine
        assert scores.argmax() == chosen[0]
        self.gaps.append(lead(scores))
        return chosen

    def select(self, layers, exits, logits):
        contrasted = self.contrast(layers, exits, logits)
        last = logits[0].double().log_softmax(-1)
        early = torch.stack([exits[layer][0] for layer in layers]).double().log_softmax(-1)
        at = 0
        if len(layers) > 1:
            mean = (last.exp() + early.exp()) / 2
            divergences = (torch.xlogy(mean, mean) - mean * (last + early) / 2).sum(-1)
            at = int(divergences.argmax())
            self.layers.append(layers[at])
            self.leads.append(lead(divergences) / float(divergences[at]))
        kept = contrasted[0] > -math.inf
        torch.testing.assert_close(
            contrasted[0][kept].double(), (last - early[at])[kept], atol=1e-3, rtol=1e-4
        )
        self.edges.append(float((last - last.max() - math.log(0.1)).abs().min()))
        return contrasted


def answer(folder: Path, path: Path) -> None:
    import transformers
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
    given = json.loads((folder / "prompts.json").read_text())
    margins = Margins()
    cases = []
    for name, settings in (("contrastive", CONTRASTIVE), ("dola", DOLA), ("guidance", GUIDANCE)):
        for options in settings:
            results = []
            for prompt in given["prompts"]:
                margins.clear()
                output = generate(model, prompt, given["eos"], options)
                ids = output.sequences[0, len(prompt["ids"]) :].tolist()
                scores = [row[0] for row in output.scores]
                if name == "contrastive":
                    for row in scores:
                        top = row.topk(options["top_k"] + 1).values
                        margins.edges.append(float(top[-2] - top[-1]))
                else:
                    margins.gaps = [lead(row) for row in scores]
                    assert [int(row.argmax()) for row in scores] == ids
                result = {"ids": ids}
                for kind in ("gaps", "edges", "layers", "leads"):
                    values = getattr(margins, kind)
                    if values:
                        assert len(values) == len(ids)
                        result[kind] = [float(f"{value:.2g}") for value in values]
                if margins.layers:
                    result["layers"] = margins.layers
                results.append(result)
            cases.append({"name": name, "options": options, "results": results})
            print(name, options, flush=True)
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    lines = [f'"versions": {json.dumps(versions)}', f'"eos": {json.dumps(given["eos"])}']
    lines += [f'"prompts": {listed(given["prompts"])}', f'"cases": {listed(cases)}']
    path.write_text("{" + ",\n".join(lines) + "}\n")


def compare(folder: Path, path: Path) -> None:
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    golden = json.loads(path.read_text())
    for case in golden["cases"]:
        if case["name"] == "guidance":
            for prompt, result in zip(golden["prompts"], case["results"], strict=True):
                output = generate(model, prompt, golden["eos"], case["options"])
                ids = output.sequences[0, len(prompt["ids"]) :].tolist()
                assert ids == result["ids"], (case["options"], prompt["text"], ids, result)
            print("the same:", case["options"], flush=True)


def listed(values: list) -> str:
    """JSON of a list, one item a line."""
    return "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    {"export": export, "answer": answer, "compare": compare}[sys.argv[1]](*map(Path, sys.argv[2:]))
