"""Sentiment, profanity and any classifier of transformers; and what is said where a package is absent."""

import asyncio
import sys

import pytest
import torch

from ponder.errors import CheckpointError, ParameterError, UnsupportedError
from ponder.rewards import (
    Candidate,
    Problem,
    judged,
    load_classifier,
    planned,
    profanity_reward,
    sentiment_reward,
)
from rewards.reward_models import byte_level


def scores(reward, *texts):
    return asyncio.run(judged(reward, Problem("Q"), [Candidate(text) for text in texts])).outcomes()


@pytest.mark.slow
def test_sentiment_is_vaders():
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    texts = ["I love this!", "I hate this.", "The table has four legs.", ""]
    expected = [SentimentIntensityAnalyzer().polarity_scores(text)["compound"] for text in texts]
    assert scores(sentiment_reward(), *texts) == tuple(expected)
    assert scores(sentiment_reward("negative"), *texts) == tuple(-one for one in expected)
    assert expected[0] > 0.5 > 0 == expected[2] > -0.5 > expected[1]
    with pytest.raises(ParameterError, match="positive or negative"):
        sentiment_reward("happy")


@pytest.mark.slow
def test_profanity_is_the_share_of_clean_words():
    texts = ["What a fine day.", "Damn, this is a shit day, sh1t", "A class in Scunthorpe", ""]
    clean, profane, *others = scores(profanity_reward(), *texts)
    assert (clean, *others) == (1.0, 1.0, 1.0)
    assert profane == pytest.approx(1 - 2 / 7)
    assert scores(profanity_reward(["german"]), "so eine Scheiße") == (1 - 1 / 3,)
    with pytest.raises(ParameterError, match="english"):
        profanity_reward(["klingon"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random classifier of three labels, as transformers saves it."""
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("classifier")
    fast = PreTrainedTokenizerFast(tokenizer_object=byte_level(), pad_token="<s>", model_max_length=64)
    fast.save_pretrained(path)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    names = {0: "bad", 1: "fair", 2: "good"}
    config = BertConfig(vocab_size=len(fast), **sizes, id2label=names, initializer_range=1.0)
    BertForSequenceClassification(config).save_pretrained(path)
    return path


@pytest.mark.slow
def test_a_classifier_gives_transformers_probability_of_the_label(folder):
    from transformers import pipeline

    texts = ["We add the numbers.", "No!"]
    told = pipeline("text-classification", str(folder), top_k=None)(texts)
    expected = [next(one["score"] for one in labels if one["label"] == "good") for labels in told]
    assert scores(load_classifier(folder, "good"), *texts) == pytest.approx(expected, abs=1e-5)
    assert load_classifier(folder, 2).label == 2
    pair = load_classifier(folder, "good", "question and text")
    assert scores(pair, *texts) != pytest.approx(expected, abs=1e-3)
    reward = load_classifier(folder, "good")
    told = planned(reward, None, Problem("Q"), [Candidate("a b " * 60), Candidate(""), Candidate("No!")])
    assert [[len(text.tokens) for text in plan] for plan in told] == [
        [],
        [],
        [len(reward.tokenizer("No!")["input_ids"])],
    ]
    judgement = asyncio.run(
        judged(reward, Problem("Q"), [Candidate("a b " * 60), Candidate(""), Candidate("No!")])
    )
    assert [len(steps) for steps in judgement.steps] == [0, 0, 1]
    assert "and the classifier reads 1 to 64" in judgement.unscored[0].why
    assert judgement.tokens == len(reward.tokenizer("No!")["input_ids"])
    assert len(reward.tokenizer("<|eot|>")["input_ids"]) > 1, "a control token that a text spells is text"


@pytest.mark.slow
def test_folders_and_labels_that_are_refused(folder, tmp_path):
    for label in ("great", 3, None, True):
        with pytest.raises(ParameterError, match=r"one of 0 \(bad\)"):
            load_classifier(folder, label)
    with pytest.raises(CheckpointError, match="there is no folder"):
        load_classifier(tmp_path / "none")
    with pytest.raises(CheckpointError, match="is no text classifier"):
        load_classifier(tmp_path)
    with pytest.raises(ParameterError, match="text or question"):
        load_classifier(folder, reads="all")


@pytest.mark.parametrize(
    ("make", "package", "extra"),
    [
        (sentiment_reward, "vaderSentiment.vaderSentiment", "sentiment"),
        (profanity_reward, "glin_profanity", "profanity"),
        (lambda: load_classifier("."), "transformers", "classifier"),
    ],
)
def test_a_package_that_is_absent_is_named_with_its_extra(monkeypatch, make, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UnsupportedError, match=rf"pip install ponder\[{extra}\]"):
        make()
