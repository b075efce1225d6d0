"""Process reward models against their publishers' own way of asking, in transformers, on tiny random models."""

import asyncio

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ponder.backends.local import load_local
from ponder.errors import CheckpointError, ParameterError, UnsupportedError
from ponder.rewards import (
    Candidate,
    MathShepherd,
    Problem,
    ProcessReward,
    QwenMath,
    RlhFlow,
    Skywork,
    ValueHead,
    judged,
    load_value_head,
)
from ponder.testing import ScriptedModel
from rewards.reward_models import LLAMA, QWEN, byte_level, sentencepiece, write_reward_model

QUESTION = "Janet has 16 eggs and eats 3. How many are left?"
STEPS = ["Step 1: She eats three, so 16 - 3 = 13.", "Step 2: 13 * 2 = 26.", "The rest is 26 ünd."]
SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


def math_shepherd(tokenizer, model, head):
    """The model card of peiyi9979/math-shepherd-mistral-7b-prm."""
    signs = tokenizer.encode("+ -")[1:]
    tag = tokenizer.encode("ки")[-1]
    ids = torch.tensor([tokenizer.encode(QUESTION + " " + "\n".join(f"{step} ки" for step in STEPS))])
    scores = model(ids).logits[:, :, signs].softmax(dim=-1)[:, :, 0]
    return STEPS, scores[ids == tag]


def rlhflow(tokenizer, model, head):
    """RLHFlow/RLHF-Reward-Modeling, math-rm/prm_evaluate.py: the whole conversation again for each step."""
    plus, minus = tokenizer.encode("+")[-1], tokenizer.encode("-")[-1]
    conversation, scores = [], []
    for k, step in enumerate(STEPS):
        conversation.append({"role": "user", "content": QUESTION + " " + step if k == 0 else step})
        conversation.append({"role": "assistant", "content": "+"})
        text = tokenizer.apply_chat_template(conversation, tokenize=False)
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
        logits = model(ids).logits[:, -3, [plus, minus]]
        scores.append(logits.softmax(dim=-1)[0, 0])
    return STEPS, torch.stack(scores)


def skywork(tokenizer, model, head):
    """SkyworkAI/skywork-o1-prm-inference, model_utils/io_utils.py: prepare_input."""
    newline = tokenizer.encode("\n")[-1]
    ids = tokenizer.encode(tokenizer.bos_token + QUESTION + "\n")
    places = []
    for step in "\n".join(STEPS).split("\n"):
        ids += [*tokenizer.encode(step), newline]
        places.append(len(ids) - 1)
    states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0, places]
    return STEPS, torch.sigmoid(states @ head["v_head.summary.weight"].T + head["v_head.summary.bias"])[:, 0]


def qwen_math(tokenizer, model, head):
    """The model card of Qwen/Qwen2.5-Math-PRM-7B."""
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "<extra_0>".join(STEPS) + "<extra_0>"},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=False)
    ids = torch.tensor([tokenizer.encode(text)])
    x = model(ids, output_hidden_states=True).hidden_states[-1]
    x = torch.relu(x @ head["score.0.weight"].T + head["score.0.bias"])
    x = x @ head["score.2.weight"].T + head["score.2.bias"]
    return STEPS, x.softmax(dim=-1)[ids == tokenizer.encode("<extra_0>")[0]][:, 1]


def value_head(*shapes, names):
    generator = torch.Generator().manual_seed(3)
    return {
        f"{name}.{kind}": torch.randn(shape if kind == "weight" else shape[:1], generator=generator) / 4
        for name, shape in zip(names, shapes, strict=True)
        for kind in ("weight", "bias")
    }


CASES = {
    "math-shepherd": (math_shepherd, sentencepiece, None, None),
    "rlhflow": (rlhflow, byte_level, LLAMA, None),
    "skywork": (skywork, byte_level, LLAMA, value_head((1, 32), names=["v_head.summary"])),
    "qwen-math": (qwen_math, byte_level, QWEN, value_head((32, 32), (2, 32), names=["score.0", "score.2"])),
}


def convention(name, folder):
    match name:
        case "math-shepherd":
            return MathShepherd()
        case "rlhflow":
            return RlhFlow()
        case "skywork":
            return Skywork(load_value_head(folder))
    return QwenMath(load_value_head(folder))


@pytest.fixture(scope="module", params=list(CASES))
def published(request, tmp_path_factory):
    """A model's name, its folder, the steps and what its publishers' way of asking says of them."""
    asked, tokenizer, template, head = CASES[request.param]
    folder = write_reward_model(tmp_path_factory.mktemp(request.param), tokenizer(), template, head)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        steps, scores = asked(AutoTokenizer.from_pretrained(folder), model, head)
    return request.param, folder, steps, scores.tolist()


@pytest.fixture
def reward(published):
    name, folder, *_ = published
    model = load_local(str(folder), device="cpu")
    yield ProcessReward(model, convention(name, folder))
    model.close()


def candidate(steps):
    return Candidate("".join(steps), steps=tuple(f"{step}\n\n" for step in steps))


def judge(reward, *candidates):
    return asyncio.run(judged(reward, Problem(QUESTION), candidates))


def test_scores_are_those_of_the_publishers_whole_encoding(published, reward):
    _, _, steps, expected = published
    judgement = judge(reward, candidate(steps))
    assert max(expected) - min(expected) > 0.01, "a model that tells steps apart"
    assert judgement.steps[0] == pytest.approx(expected, abs=1e-4)
    assert judgement.scale == "probability"
