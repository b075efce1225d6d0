"""What the text may be: constraints as values, the automata they compile to, and their composition."""

from ponder.constraints.ban import Ban
from ponder.constraints.bits import Bits
from ponder.constraints.cache import AutomatonCache
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import Automaton, Constraint, Language, follow, is_dead
from ponder.constraints.contains import Contains, EndsWith, StartsWith
from ponder.constraints.grammar import Grammar
from ponder.constraints.length import Length
from ponder.constraints.mentions import Mentions
from ponder.constraints.one_of import OneOf
from ponder.constraints.oracle import Oracle
from ponder.constraints.regex import Regex
from ponder.constraints.sentences import Sentences
from ponder.constraints.structure import Token, either, optional, repeated, then
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
    "Contains",
    "EndsWith",
    "Grammar",
    "Language",
    "Length",
    "Mentions",
    "OneOf",
    "Oracle",
    "Regex",
    "Sentences",
    "StartsWith",
    "Thinking",
    "Token",
    "TokenCount",
    "Words",
    "either",
    "follow",
    "is_dead",
    "optional",
    "repeated",
    "then",
]
