"""What is known about one chosen token."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.sampling.distribution import Distribution


@dataclass(frozen=True, slots=True)
class TokenTrace:
    """Three log-probabilities (natural logs) and what the distribution looked like.

    Attributes
    ----------
    token_id : the chosen token.
    logprob : raw: under the model, or the mixture that takes its place, before anything was changed.
    tempered_logprob : after penalties, bias, constraint and temperature.
    truncated_logprob : after top-k, top-p and min-p as well: what the token was drawn from.
    entropy : of the raw distribution, in nats.
    rank : place in the raw distribution, 1 the likeliest, ties to the lowest id.
    kept : how many tokens survived truncation.
    kept_mass : their share of the tempered distribution.
    allowed_mass : the share of the raw distribution that was let through by the constraint, and by
        `min_tokens` where end tokens were forbidden; 1 where nothing was.
    top : the likeliest tokens with their raw log-probabilities, as many as asked for if so many are possible;
        or the tokens that were asked for by id, in that order.
    distribution : where it came from, if that was asked for.
    certainty : how far the raw distribution is from uniform, KL(uniform || raw) in nats, if that was asked
        for: -(1/V) sum_j log(V p_j), a token's share of self-certainty (arXiv 2502.18581, equation 8).
    """

    token_id: int
    logprob: float
    tempered_logprob: float
    truncated_logprob: float
    entropy: float
    rank: int
    kept: int
    kept_mass: float
    allowed_mass: float = 1.0
    top: tuple[tuple[int, float], ...] = ()
    distribution: Distribution | None = None
    certainty: float | None = None


@dataclass(frozen=True, slots=True)
class PromptTrace:
    """What the model thought of a token that the prompt gave: raw log-probability, rank, alternatives."""

    token_id: int
    logprob: float
    rank: int
    top: tuple[tuple[int, float], ...] = ()
