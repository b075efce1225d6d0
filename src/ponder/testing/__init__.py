"""What tests of strategies, rewards and faces need: a language model whose texts are written by a script."""

from ponder.testing.characters import END, Characters
from ponder.testing.model import ScriptedModel, Trouble
from ponder.testing.scripts import Babble, Place, Rule, Script, Texts, Word

__all__ = [
    "END",
    "Babble",
    "Characters",
    "Place",
    "Rule",
    "Script",
    "ScriptedModel",
    "Texts",
    "Trouble",
    "Word",
]
