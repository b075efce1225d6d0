"""What the text may be: constraints as values, the automata they compile to, and their composition."""

from ponder.constraints.ban import Ban
from ponder.constraints.bits import Bits
from ponder.constraints.cache import AutomatonCache
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import Automaton, Constraint, Language, follow, is_dead
from ponder.constraints.length import Length
from ponder.constraints.one_of import OneOf
from ponder.constraints.sentences import Sentences
from ponder.constraints.thinking import Thinking
from ponder.constraints.tokens import TokenCount
from ponder.constraints.words import Words

__all__ = [
    "Automaton",
    "AutomatonCache",
    "Ban",
    "Bits",
    "Composable",
    "Constraint",
    "Language",
    "Length",
    "OneOf",
    "Sentences",
    "Thinking",
    "TokenCount",
    "Words",
    "follow",
    "is_dead",
]
