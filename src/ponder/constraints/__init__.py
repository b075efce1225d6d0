"""What the text may be: constraints as values, the automata they compile to, and their composition."""

from ponder.constraints.ban import Ban
from ponder.constraints.bits import Bits
from ponder.constraints.cache import AutomatonCache
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import Automaton, Constraint, Language, follow, is_dead
from ponder.constraints.contains import Contains, EndsWith, StartsWith
from ponder.constraints.length import Length
from ponder.constraints.mentions import Mentions
from ponder.constraints.one_of import OneOf
from ponder.constraints.regex import Regex

__all__ = [
    "Automaton",
    "AutomatonCache",
    "Ban",
    "Bits",
    "Composable",
    "Constraint",
    "Contains",
    "EndsWith",
    "Language",
    "Length",
    "Mentions",
    "OneOf",
    "Regex",
    "StartsWith",
    "follow",
    "is_dead",
]
