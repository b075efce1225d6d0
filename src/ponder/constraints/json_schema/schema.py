"""JSON text that a schema describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llguidance

from ponder.constraints.composition import Composable
from ponder.constraints.guided.automaton import compile_guided
from ponder.constraints.json_schema.automaton import JsonAutomaton
from ponder.constraints.json_schema.documents import Documents, numbers, read
from ponder.constraints.json_schema.instances import MAX_COST, Instances
from ponder.constraints.json_schema.leaves import takes
from ponder.constraints.json_schema.numerals import Numerals
from ponder.constraints.json_schema.plan import Planner
from ponder.constraints.json_schema.rewriting import Kept, Rewriter, in_any_order
from ponder.constraints.json_schema.room import Room
from ponder.constraints.json_schema.shapes import Shapes
from ponder.constraints.json_schema.spots import AT_CLOSE, Spot
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

SPACE = r"(\n[ \t]{0,40}| )?"  # between two tokens of JSON: a space, or a new line and its indentation

MAX_GRAMMAR = 2**20  # characters: far more than schemas take that compile in time


@dataclass(frozen=True, slots=True)
class JsonSchema(Composable):
    """The JSON texts of a schema (draft 2020-12; older drafts are read as that).

    A grammar makes the mask; what it cannot say is checked when values close, and no text ends that the
    schema does not allow. `report` tells for each keyword how it is kept.

    Attributes
    ----------
    schema : a schema as a dict, a bool or JSON text; where pydantic is installed, also a type that it
        describes, such as a model. It is kept as JSON text.
    remotes : the documents that the schema refers to, by URI. Nothing is ever fetched.
    formats : whether `format` is checked, for the formats that are known. Otherwise it is an annotation.
    any_order : whether the properties of an object may come in any order. Otherwise they come in the order
        in which the schema names them.
    compact : whether there is no white space. Otherwise a space, or a new line with up to 40 spaces or
        tabs, may stand between two tokens of JSON.

    Raises
    ------
    ParameterError : the schema is none, refers to what is not there, or no finite text satisfies it.
    """

    schema: Any
    remotes: Any = ()
    formats: bool = True
    any_order: bool = False
    compact: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", _text_of(self.schema))
        remotes = self.remotes.items() if isinstance(self.remotes, Mapping) else self.remotes
        try:
            kept = tuple((str(uri), _text_of(document)) for uri, document in remotes)
        except (TypeError, ValueError):
            raise ParameterError("remotes", self.remotes, "schemas by their URIs") from None
        object.__setattr__(self, "remotes", kept)
        read(self.schema)

    def compile(self, vocabulary: Vocabulary) -> JsonAutomaton:
        """Return the automaton of the texts over a vocabulary."""
        prepared = _prepared(self)
        documents, rewriter, grammar = prepared.documents, prepared.rewriter, prepared.grammar
        try:
            guided = compile_guided(
                grammar, vocabulary, field="schema", limits=_limits(), max_characters=MAX_GRAMMAR
            )
        except ParameterError as error:
            raise ParameterError("schema", self.schema, error.allowed) from None
        watched = AT_CLOSE | {kept.keyword for kept in rewriter.kept if kept.how == "close"}
        return JsonAutomaton(
            documents,
            guided,
            Spot(documents, ((documents.root, documents.resolver),), watched - _ASIDE),
            Planner(prepared.shapes, prepared.instances, any_order=self.any_order),
            Room(prepared.shapes, prepared.instances),
            Numerals.of(number for document in documents.documents for number in numbers(document)),
            vocabulary,
            is_loose=self.any_order or any(kept.how == "close" for kept in rewriter.kept),
            any_order=self.any_order,
        )

    def report(self) -> tuple[Kept, ...]:
        """Return for each keyword of the schema how it is kept."""
        return _prepared(self).rewriter.kept


_ASIDE = frozenset(("if", "then", "else"))


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    documents: Documents
    rewriter: Rewriter
    grammar: str
    shapes: Shapes
    instances: Instances


@lru_cache(maxsize=64)
def _prepared(value: JsonSchema) -> _Prepared:
    """Return what can be known of a schema without a vocabulary."""
    try:
        return _prepare(value)
    except RecursionError:
        raise ParameterError("schema", value.schema, "one that is less deep, or refers to less") from None


def _prepare(value: JsonSchema) -> _Prepared:
    remotes = {uri: read(text, f"remotes[{uri!r}]") for uri, text in value.remotes}
    documents = Documents(read(value.schema), remotes, formats=value.formats)
    rewriter = Rewriter(documents, takes, formats=value.formats, any_order=value.any_order)
    rewritten = rewriter.rewritten()
    shapes = Shapes(rewritten)
    instances = Instances(shapes, documents, rewriter.checks)
    if instances.cost(shapes.root) >= MAX_COST:
        raise ParameterError(
            "schema", value.schema, "one that a text of finite and bearable length satisfies: none was found"
        )
    allowed = in_any_order(rewritten) if value.any_order else rewritten
    grammar = llguidance.LLMatcher.grammar_from_json_schema(
        json.dumps({} if allowed is True else allowed), overrides=_options(value.compact)
    )
    return _Prepared(documents, rewriter, grammar, shapes, instances)


def _limits() -> llguidance.LLParserLimits:
    """Return limits of llguidance's work with room for objects of a thousand optional properties."""
    return llguidance.LLParserLimits(
        max_items_in_row=10_000,
        initial_lexer_fuel=20_000_000,
        step_lexer_fuel=1_000_000,
        step_max_items=200_000,
        max_lexer_states=50_000,
        verbose_errors=False,
    )


def _options(compact: bool) -> Any:
    return {"whitespace_flexible": False} if compact else {"whitespace_pattern": SPACE}


def _text_of(schema: Any) -> str:
    """Return a schema as JSON text."""
    if isinstance(schema, str):
        return json.dumps(read(schema), ensure_ascii=False, separators=(",", ":"))
    if isinstance(schema, Mapping | bool):
        described: Any = dict(schema) if isinstance(schema, Mapping) else schema
    else:
        described = _described(schema)
    try:
        return json.dumps(described, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError("schema", schema, f"what JSON can say ({error})") from None


def _described(kind: Any) -> Any:
    """Return the schema that pydantic makes of a type."""
    try:
        from pydantic import PydanticUserError, TypeAdapter
    except ImportError:
        raise ParameterError("schema", kind, "a dict, a bool or JSON text; types need pydantic") from None
    try:
        return TypeAdapter(kind).json_schema()
    except (PydanticUserError, TypeError, AttributeError) as error:
        reason = str(error).split(".")[0].split("\n")[0]
        raise ParameterError(
            "schema", kind, f"a schema, or a type that pydantic describes ({reason})"
        ) from None
