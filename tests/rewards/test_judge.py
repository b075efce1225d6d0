"""Language models as judges: what they are shown, what of their words counts, what they cost."""

import asyncio
import math

import numpy as np
import pytest

from ponder.asks import Path, Read
from ponder.asks.fronts import read
from ponder.asks.read import Logits
from ponder.errors import ContextError, DataError, ParameterError, PonderError, UnsupportedError
from ponder.rewards import Candidate, Problem, RatingJudge, YesNoJudge, judged
from ponder.rewards.judge import rating_in
from ponder.testing import Babble, Place, ScriptedModel, Texts, Trouble


def ask(judge, *texts, problem=None):
    return asyncio.run(judged(judge, problem or Problem("2+2?", "4"), [Candidate(text) for text in texts]))


def test_yes_against_no_is_the_share_of_their_probabilities(tiny_model):
    """Read from the whole row, by numpy."""
    judge = YesNoJudge(tiny_model, "{question} {answer} right?", ("y", "n"))
    judgement = ask(judge, "4", "5")
    for text, (score,) in zip(("4", "5"), judgement.steps, strict=True):
        prompt = [{"role": "user", "content": f"2+2? {text} right?"}]
        row = read(tiny_model, Read(Path(prompt), at="last", of=Logits())).rows[0].astype(np.float64)
        yes, no = (np.exp(row[tiny_model.tokenizer.id_of(word)]) for word in "yn")
        assert score == pytest.approx(yes / (yes + no), abs=1e-5)
    assert judgement.scale == "probability"
    assert len(judgement.requests) == 2
    assert judgement.requests[0].generated_tokens == 0
    with pytest.raises(ParameterError, match="begins with different tokens"):
        ask(YesNoJudge(tiny_model, words=("yes", "yea")), "4")


def test_a_model_that_reads_texts_alone_judges_by_whole_words():
    model = ScriptedModel()
    (scores,) = ask(YesNoJudge(model, "{answer}?", ("a", "b")), "4").steps
    prompt = model.characters.decode(model.characters.prompt(model.requests[0].path.prompt))
    a, b = (math.exp(Babble().logprob(Place(prompt, ()), word)) for word in "ab")
    assert scores[0] == pytest.approx(a / (a + b))
    model.offers = type(model.offers)(texts=False, reads=frozenset())
    with pytest.raises(UnsupportedError, match="read what may follow"):
        ask(YesNoJudge(model), "4")


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Rating: 7", 7),
        ("rating = 7.5/10.", 7.5),
        ("**Rating:** 10", 10),
        ("Rating: 3. No. Rating: 4", 4),
        ("Rating: 0", 0),
        ("Rating: 11", None),
        ("Rating: -1", None),
        ("Rating: 70", None),
        ("Rating: 3/5", None),
        ("I rate it highly", None),
        ("7", None),
        ("", None),
    ],
)
def test_ratings_are_read_or_not(text, rating):
    assert rating_in(text) == rating


def test_the_mean_of_the_ratings_that_count_and_a_failed_parse_is_unscored():
    replies = {0: "Rating: 8", 1: "no idea", 2: "Rating: 5"}

    def script(place):
        child = place.lineage[-1][1] if place.lineage else 0
        text = "hm" if "bad" in place.prompt else replies[child]
        return text[place.position] if place.position < len(text) else ""

    model = ScriptedModel(script)
    judgement = ask(RatingJudge(model, repeats=3), "good", "bad")
    assert judgement.steps == ((6.5,), ())
    assert judgement.unscored[0].why == "none of the judge's 3 replies has a rating from 0 to 10"
    assert judgement.scale == "number"
    spent = [usage.generated_tokens for usage in judgement.requests]
    assert sum(spent) == model.usage.generated_tokens > 0
    assert model.requests[0].params["n"] == 3


def test_a_request_that_fails_leaves_its_candidate_unscored():
    model = ScriptedModel(
        Texts(("Rating: 8",)), troubles=[Trouble(1, error=ContextError("the prompt is too long"))]
    )
    judgement = ask(RatingJudge(model), "a", "b", "c")
    assert judgement.steps == ((8.0,), (), (8.0,))
    assert "too long" in judgement.unscored[0].why


def test_templates():
    assert RatingJudge(ScriptedModel(), "{question}{answer}{reference}").needs == {"reference"}
    with pytest.raises(DataError, match="the problem has none"):
        ask(YesNoJudge(ScriptedModel(), "{answer}{reference}"), "4", problem=Problem("?"))
    for template in ("no fields", "{answer", "{answer} {other}", "{answer.real}", "{0}", "{answer} {}"):
        with pytest.raises(ParameterError, match="template"):
            YesNoJudge(ScriptedModel(), template)
    for wrong in ({"repeats": 0}, {"sampling": {"n": 2}}, {"sampling": {"temperature": -1}}):
        with pytest.raises(PonderError):
            RatingJudge(ScriptedModel(), **wrong)
