"""What any automaton must satisfy, checked by brute force over a tiny vocabulary."""

from collections import deque

from ponder.constraints import Automaton, bits
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
        check_plan(automaton, state, vocabulary, shortest=exact)
        check_forced(automaton, state, vocabulary)
        if not free:
            break
        tokens.append(rng.choice(free))
        state = automaton.step(state, tokens[-1])
    return path, tokens


def check_plan(automaton, state, vocabulary=TINY, *, shortest):
    """A plan leads to an end by tokens that are allowed; if `shortest`, no other has fewer."""
    least, plan = fewest(automaton, state, vocabulary), automaton.plan(state, 100)
    if plan is None:
        assert not shortest or least is None
        return
    assert least is not None
    assert least <= len(plan)
    assert not shortest or len(plan) == least
    assert automaton.plan(state, len(plan)) == plan
    if shortest and plan:
        assert automaton.plan(state, len(plan) - 1) is None
    for token in plan:
        state = automaton.step(state, token)
        assert state is not None
    assert automaton.may_end(state)


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
