"""The rewards that requests may name."""

from __future__ import annotations

from ponder.asks import LanguageModel
from ponder.errors import ParameterError
from ponder.rewards import Reward, reward_named
from ponder.rewards.catalogue import REWARD_NAMES
from ponder.scaling.evaluate import Judges


class Rewards:
    """Rewards for a model, each made once: some load files, or have a process of their own.

    Attributes
    ----------
    judges : say which answers are right, where that is known.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.judges = Judges()
        self._model = model
        self._made: dict[str, Reward] = {}

    def named(self, name: str) -> Reward:
        """Return a reward by its name alone: no file is read that a request names, and no program runs.

        Raises
        ------
        PonderError : there is no such reward, what it needs is not installed, or it runs programs.
        """
        if name not in REWARD_NAMES:
            raise ParameterError("reward", name, "one of " + ", ".join(REWARD_NAMES))
        if name not in self._made:
            self._made[name] = reward_named(name, self._model)
        reward = self._made[name]
        if "tests" in reward.needs:
            raise ParameterError("reward", name, "another one: it runs programs, which no request may")
        return reward
