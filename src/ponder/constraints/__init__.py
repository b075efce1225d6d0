"""What the text may be: constraints as values, the automata they compile to, and their composition."""

from ponder.constraints.ban import Ban
from ponder.constraints.bits import Bits
from ponder.constraints.cache import AutomatonCache
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import Automaton, Constraint, Language, follow, is_dead
from ponder.constraints.contains import Contains, EndsWith, StartsWith
from ponder.constraints.grammar import Grammar
from ponder.constraints.json_schema import JsonSchema
from ponder.constraints.length import Length
from ponder.constraints.mentions import Mentions
from ponder.constraints.one_of import OneOf
from ponder.constraints.only_tokens import OnlyTokens
from ponder.constraints.oracle import Oracle
from ponder.constraints.plain import constraint_of
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
    "JsonSchema",
    "Language",
    "Length",
    "Mentions",
    "OneOf",
    "OnlyTokens",
    "Oracle",
    "Regex",
    "Sentences",
    "StartsWith",
    "Thinking",
    "Token",
    "TokenCount",
    "Words",
    "constraint_of",
    "either",
    "follow",
    "is_dead",
    "optional",
    "repeated",
    "then",
]
