"""What the text may be: constraints as values, the automata they compile to, and their composition."""

from ponder.constraints.ban import Ban
from ponder.constraints.bits import Bits
from ponder.constraints.cache import AutomatonCache
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import Automaton, Constraint, Language, follow, is_dead
from ponder.constraints.grammar import Grammar
from ponder.constraints.json_schema import JsonSchema
from ponder.constraints.length import Length
from ponder.constraints.one_of import OneOf

__all__ = [
    "Automaton",
    "AutomatonCache",
    "Ban",
    "Bits",
    "Composable",
    "Constraint",
    "Grammar",
    "JsonSchema",
    "Language",
    "Length",
    "OneOf",
    "follow",
    "is_dead",
]
