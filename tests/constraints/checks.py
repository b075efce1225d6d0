"""What any automaton must satisfy, checked by brute force over a tiny vocabulary."""

from collections import deque

from ponder.constraints import Automaton, bits, follow
from ponder.text import Vocabulary

EURO = "€".encode()
END = 15
TINY = Vocabulary(
    (
        *(b"a", b"b", b"c", b" ", "é".encode(), EURO, EURO[:1], EURO[1:2], EURO[2:]),
        *(b"ab", b"ba", b"abc", b"a" + EURO[:2], b"\xff", b"", b"</s>"),
    ),
    (END,),
)


def allowed(automaton, state, vocabulary=TINY):
    """The tokens of a mask; those that it may not have are none of them."""
    mask = automaton.mask(state)
    if mask is None:
        return [token for token in range(len(vocabulary)) if token not in vocabulary.end_ids]
    assert not mask.flags.writeable
    members = bits.members(mask)
    assert not set(members) & set(vocabulary.end_ids)
    return members


def fewest(automaton: Automaton, state, vocabulary=TINY, limit=20_000):
    """The fewest tokens to where the text may end, by trying all of them."""
    seen, ahead = {state}, deque([(state, 0)])
    while ahead and len(seen) < limit:
        at, tokens = ahead.popleft()
        if automaton.may_end(at):
            return tokens
        for token in range(len(vocabulary)):
            after = None if token in vocabulary.end_ids else automaton.step(at, token)
            if after is not None and after not in seen:
                seen.add(after)
                ahead.append((after, tokens + 1))
    assert len(seen) < limit, "too many states to tell"
    return None


def check_walk(automaton: Automaton, rng, vocabulary=TINY, *, exact=True, may_die=False, steps=12):
    """Walk at random and hold each state to what the protocol says of it; return states and tokens."""
    state, path, tokens = automaton.start, [], []
    for _ in range(steps):
        path.append(state)
        free = allowed(automaton, state, vocabulary)
        stepped = [
            token
            for token in range(len(vocabulary))
            if token not in vocabulary.end_ids and automaton.step(state, token) is not None
        ]
        assert free == stepped
        text = [token for token in free if vocabulary.is_text[token]]
        if may_die and not text:
            assert automaton.must_end(state)
        else:
            assert automaton.must_end(state) == (not text)
            assert text or automaton.may_end(state), "a dead end"
        check_plan(automaton, state, vocabulary, exact=exact)
        check_forced(automaton, state, vocabulary)
        if not free:
            break
        tokens.append(rng.choice(free))
        state = automaton.step(state, tokens[-1])
    return path, tokens


def check_plan(automaton, state, vocabulary=TINY, *, exact=True):
    """A plan ends the text within its limit; an exact one has the fewest tokens, and `within` agrees."""
    least = fewest(automaton, state, vocabulary)
    plan = automaton.plan(state, 20)
    if plan is not None:
        assert least <= len(plan) <= 20
        assert automaton.may_end(follow(automaton, state, plan))
    if not exact:
        return
    assert least is not None
    assert (len(plan) == least) if least <= 20 else (plan is None)
    assert least == 0 or automaton.plan(state, least - 1) is None
    after = (
        {
            token: fewest(automaton, automaton.step(state, token), vocabulary)
            for token in allowed(automaton, state, vocabulary)
            if vocabulary.is_text[token]
        }
        if hasattr(automaton, "within")
        else {}
    )
    for limit in range(1, 4) if after else ():
        mask = automaton.within(state, limit)
        if mask is None:
            break
        assert not mask.flags.writeable
        near = [token for token in bits.members(mask) if vocabulary.is_text[token]]
        assert near == [token for token, tokens in after.items() if tokens < limit]


def check_forced(automaton, state, vocabulary=TINY):
    """A forced chain is the only way on at each of its places; without one, there is a choice."""
    chain = automaton.forced(state)
    if not chain:
        assert automaton.may_end(state) or len(allowed(automaton, state, vocabulary)) != 1
    for token in chain:
        assert not automaton.may_end(state)
        assert allowed(automaton, state, vocabulary) == [token]
        state = automaton.step(state, token)


def accepts(automaton, tokens):
    """Whether the automaton goes along with some tokens and lets the text end after them."""
    state = automaton.start
    for token in tokens:
        state = automaton.step(state, token)
        if state is None:
            return False
    return automaton.may_end(state)


def spelled(tokens, vocabulary=TINY):
    """The bytes of some tokens."""
    return b"".join(vocabulary.tokens[token] for token in tokens)
