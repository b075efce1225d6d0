"""On the real model: what is computed once, and how many pages it takes."""

from asking import engine_ask
from ponder.engine import Engine, FinishedEvent
from ponder.lm import LM
from ponder.sampling import SamplingParams
from ponder.text import Message
from ponder.tree import PAGE_SIZE
from stepping import forget_model

N, PROMPT, NEW = 16, 512, 20


def test_sixteen_samples_prefill_their_prompt_once(local_model):
    """512 prompt tokens and 16 times what is new go through the model; the pages are shared as well."""
    engine = Engine(local_model.engine.model, local_model.tokenizer, 400)
    prompt = tuple(
        local_model.tokenizer.encode("The history of the city begins with a river. " * 70)[:PROMPT]
    )
    assert len(prompt) == PROMPT
    request = engine_ask(prompt, SamplingParams(n=N, max_tokens=NEW, seed=1, ignore_eos=True))
    engine.submit(request)
    peak, last = 0, None
    while engine.busy:
        for event in engine.step():
            last = event
        peak = max(peak, engine.pool.num_busy)
        engine.check_integrity()
    assert isinstance(last, FinishedEvent)
    assert last.usage.computed_tokens == PROMPT + N * (NEW - 1)  # the last tokens are not computed
    assert last.usage.cached_tokens == (N - 1) * PROMPT
    assert last.usage.hit_tokens == 0
    suffix = -(-(NEW - 1) // PAGE_SIZE)
    assert peak <= PROMPT // PAGE_SIZE + N * suffix + N
    assert len({output.token_ids for output in last.outputs}) > 2

    engine.submit(request)  # again: everything but the token whose logits are wanted is there
    again = [event for _ in range(NEW + 1) for event in engine.step()][-1]
    assert again.usage.hit_tokens == PROMPT - 1
    assert again.usage.computed_tokens == 1 + N * (NEW - 1)
    assert [o.token_ids for o in again.outputs] == [o.token_ids for o in last.outputs]


def test_a_second_turn_computes_only_what_is_new(local_model):
    """Of a longer conversation, its history and the reply are in the cache."""
    forget_model(local_model)
    lm = LM(local_model)
    history = [Message("user", "Name three rivers in Europe and say where each of them ends.")]
    first = lm(history, temperature=0, max_tokens=30)
    turn = [Message("assistant", first.text), Message("user", "Which of them is the longest?")]
    second = lm([*history, *turn], seed=1, max_tokens=5)
    known = first.usage.prompt_tokens + first.usage.generated_tokens
    new = second.usage.prompt_tokens - known
    computed = second.usage.prompt_tokens - second.usage.hit_tokens
    assert second.usage.hit_tokens >= known - 1
    assert computed <= new + 1
    assert second.usage.computed_tokens == computed + second.usage.generated_tokens - 1
