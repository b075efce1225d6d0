"""A schema rewritten so that a grammar can be made of it, and how each of its keywords is kept.

The rewritten schema allows at least what the schema allows, and mostly the same: what a mask cannot say is
left out, and checked when values close.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from referencing.jsonschema import DRAFT202012

from ponder.constraints.json_schema.documents import Documents
from ponder.constraints.json_schema.formats import CHECKS
from ponder.constraints.json_schema.keywords import subschemas
from ponder.errors import ParameterError

How = Literal["mask", "close", "annotation", "unknown"]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_MASK = frozenset(
    [
        "type",
        "enum",
        "const",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "required",
        "minProperties",
        "maxProperties",
    ]
)
_CLOSE = frozenset(
    [
        "not",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)
_NUMBERS = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
_APPLY = frozenset(("properties", "items", "prefixItems", "additionalProperties", "anyOf", "allOf", "$ref"))
_SILENT = frozenset(("$id", "$anchor", "$dynamicAnchor", "$defs", "definitions", "$schema", "$vocabulary"))
_ANNOTATION = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$comment",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "discriminator",
        "example",
        "xml",
        "externalDocs",
        "nullable",
    ]
)
KNOWN = (_MASK | _CLOSE | _APPLY | _SILENT | _ANNOTATION | _NUMBERS | {"pattern", "format"}) | frozenset(
    ("oneOf", "patternProperties", "$dynamicRef")
)
MAX_PROPERTIES = 2000  # of one object
MAX_PATTERN = 50_000  # characters
MAX_LEVELS = (
    600  # of schemas inside one another, references followed: llguidance's stack has room for twice that
)


@dataclass(frozen=True, slots=True)
class Kept:
    """How a keyword of a schema is kept.

    Attributes
    ----------
    path : where the keyword stands, as a JSON pointer into the document that it was reached in.
    how : "mask": no token that breaks it is allowed; "close": it is checked when a value closes;
        "annotation": it restricts nothing; "unknown": JSON Schema has no such keyword.
    note : more about it, perhaps empty.
    """

    path: str
    keyword: str
    how: How
    note: str = ""


class Rewriter:
    """Rewrites one schema.

    Parameters
    ----------
    takes : whether a grammar can be made of a small schema by itself.
    """

    def __init__(
        self, documents: Documents, takes: Callable[[dict[str, Any]], bool], *, formats: bool, any_order: bool
    ) -> None:
        self._documents = documents
        self._takes = takes
        self._formats = formats
        self._any_order = any_order
        self._names: dict[int, str] = {}
        self._defs: dict[str, Any] = {}
        self._waiting: list[tuple[str, Any, Any, str]] = []
        self._kept: dict[tuple[str, str], Kept] = {}
        self._taken: dict[str, bool] = {}
        self.checks: list[tuple[Any, Any]] = []
        self._anchors = _dynamic_anchors(documents.documents)

    @property
    def kept(self) -> tuple[Kept, ...]:
        """How each keyword that was reached is kept."""
        return tuple(self._kept.values())

    def rewritten(self) -> dict[str, Any] | bool:
        """Return the whole schema, rewritten; references lead into its `$defs` only."""
        root = self._documents.root
        if isinstance(root, bool):
            return root
        top = self._named(root, self._documents.resolver, "#")
        while self._waiting:
            name, schema, resolver, path = self._waiting.pop()
            self._defs[name] = self._entered(schema, resolver, path)
        if _depth(self._defs) > MAX_LEVELS:
            raise ParameterError("schema", root, f"references and schemas nested at most {MAX_LEVELS} deep")
        return {**top, "$defs": self._defs}

    def _named(self, schema: Any, resolver: Any, path: str) -> Any:
        """Return a reference to a schema that is rewritten once."""
        if isinstance(schema, bool):
            return schema
        key = id(schema)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"d{len(self._names)}"
            self._waiting.append((name, schema, resolver, path))
        return {"$ref": f"#/$defs/{name}"}

    def _note(self, path: str, keyword: str, how: How, note: str = "") -> None:
        self._kept[path, keyword] = Kept(path, keyword, how, note)

    def _how(self, path: str, keyword: str) -> How | None:
        kept = self._kept.get((path, keyword))
        return None if kept is None else kept.how

    def _schema(self, schema: Any, resolver: Any, path: str) -> Any:
        if isinstance(schema, bool):
            return schema
        return self._entered(schema, resolver.in_subresource(DRAFT202012.create_resource(schema)), path)

    def _entered(self, schema: dict[str, Any], resolver: Any, path: str) -> dict[str, Any]:
        """Rewrite a schema whose resolver knows its `$id`."""
        result: dict[str, Any] = {}
        further: list[Any] = []  # schemas that hold as well
        for keyword in schema:
            self._keyword(keyword, schema, resolver, path, result, further)
        self._object(schema, resolver, path, result)
        if any(self._how(path, keyword) == "close" for keyword in schema):
            result["x-check"] = len(self.checks)
            self.checks.append((schema, resolver))
        if further:
            result["allOf"] = [*result.get("allOf", ()), *further]
        return result

    def _keyword(
        self,
        keyword: str,
        schema: dict[str, Any],
        resolver: Any,
        path: str,
        result: dict[str, Any],
        further: list[Any],
    ) -> None:
        """Rewrite one keyword, unless it is about an object's properties."""
        value = schema[keyword]
        if keyword in _MASK:
            result[keyword] = _plain(value)
            loose = self._any_order and keyword in ("required", "minProperties")
            self._note(path, keyword, "close" if loose else "mask")
        elif keyword in ("$ref", "$dynamicRef"):
            self._reference(keyword, value, resolver, path, further)
        elif keyword == "items":
            result["items"] = self._schema(value, resolver, f"{path}/items")
            self._note(path, keyword, "mask")
        elif keyword in ("prefixItems", "allOf", "anyOf", "oneOf"):
            inner = [self._schema(one, resolver, f"{path}/{keyword}/{i}") for i, one in enumerate(value)]
            if keyword == "oneOf":
                further.append({"anyOf": inner})
                self._note(path, keyword, "close", "the mask allows what one branch or more allow")
            else:
                result[keyword] = inner
                self._note(path, keyword, "mask")
        elif keyword == "pattern":
            self._pattern(value, path, result)
        elif keyword == "format":
            self._format(value, path, result)
        elif keyword in _NUMBERS:
            fits = self._fits({"type": "number", keyword: _plain(value)})
            if fits:
                result[keyword] = _plain(value)
            self._note(path, keyword, "mask" if fits else "close")
        elif keyword in _CLOSE:
            self._note(path, keyword, "close")
            if keyword == "not":
                further.extend(_complement(value))
            elif keyword == "contains" and schema.get("minContains", 1) > 0:
                further.append({"minItems": schema.get("minContains", 1)})
            elif keyword == "if" and {"then", "else"} & schema.keys():
                further.extend(self._conditional(schema, resolver, path))
        elif keyword in _ANNOTATION:
            self._note(path, keyword, "annotation")
        elif keyword not in KNOWN:
            near = difflib.get_close_matches(keyword, KNOWN, 1, 0.8)
            self._note(path, keyword, "unknown", f"did you mean {near[0]!r}?" if near else "")

    def _reference(self, keyword: str, value: Any, resolver: Any, path: str, further: list[Any]) -> None:
        found = self._documents.lookup(resolver, value)
        anchor = value.rpartition("#")[2]
        dynamic = (
            keyword == "$dynamicRef"
            and isinstance(found.contents, dict)
            and found.contents.get("$dynamicAnchor") == anchor
            and self._anchors.get(anchor, 0) > 1
        )
        if dynamic:
            self._note(path, keyword, "close", "what it leads to hangs on where it is reached from")
        else:
            further.append(self._named(found.contents, found.resolver, value))
            self._note(path, keyword, "mask")

    def _pattern(self, value: str, path: str, result: dict[str, Any]) -> None:
        if len(value) > MAX_PATTERN:
            raise ParameterError("schema", value, f"patterns of at most {MAX_PATTERN} characters")
        given = self._fitting(value)
        if given is not None:
            result["pattern"] = given
        self._note(path, "pattern", "mask" if given is not None else "close")

    def _fitting(self, pattern: str) -> str | None:
        """Return a pattern as a grammar takes it; None: it does not."""
        for form in (self._documents.patterns.get(pattern, pattern), pattern):
            if self._fits({"type": "string", "pattern": form}):
                return form
        return None

    def _format(self, value: str, path: str, result: dict[str, Any]) -> None:
        if not self._formats:
            self._note(path, "format", "annotation")
        elif value not in CHECKS:
            self._note(path, "format", "annotation", f"no check for {value!r}")
        else:
            if self._fits({"type": "string", "format": value}):
                result["format"] = value
            self._note(path, "format", "close", "the mask allows nearly what the format does")

    def _fits(self, schema: dict[str, Any]) -> bool:
        key = repr(schema)
        if key not in self._taken:
            self._taken[key] = self._takes(schema)
        return self._taken[key]

    def _conditional(self, schema: dict[str, Any], resolver: Any, path: str) -> list[Any]:
        """Return `if`, `then`, `else` as two branches; of not `if`, as much as is simple."""
        others = _other_values(schema["if"], schema.get("properties", {}))
        if "else" not in schema and others is True:
            return []
        condition = self._schema(schema["if"], resolver, f"{path}/if")
        then = self._schema(schema.get("then", True), resolver, f"{path}/then")
        otherwise = self._schema(schema.get("else", True), resolver, f"{path}/else")
        return [{"anyOf": [{"allOf": [condition, then]}, {"allOf": [others, otherwise]}]}]

    def _object(self, schema: dict[str, Any], resolver: Any, path: str, result: dict[str, Any]) -> None:
        """Rewrite what is about an object's properties."""
        if len(schema.get("properties", ())) > MAX_PROPERTIES:
            count = f"{len(schema['properties'])} properties at {path}"
            raise ParameterError("schema", count, f"at most {MAX_PROPERTIES} properties in an object")
        named = {
            name: self._schema(inner, resolver, f"{path}/properties/{_pointer(name)}")
            for name, inner in schema.get("properties", {}).items()
        }
        patterns = {
            name: self._schema(inner, resolver, f"{path}/patternProperties/{_pointer(name)}")
            for name, inner in schema.get("patternProperties", {}).items()
        }
        rest = schema.get("additionalProperties", True)
        rest = self._schema(rest, resolver, f"{path}/additionalProperties")
        forms = {name: self._fitting(name) for name in patterns}
        kept = {form: patterns[name] for name, form in forms.items() if form is not None}
        apart = len(kept) == len(patterns) and self._fits(
            {"type": "object", "patternProperties": {key: {} for key in kept}}
        )
        if self._any_order and named and patterns:
            apart = False
        if patterns and apart:
            result["patternProperties"] = kept
        elif patterns and rest is not True:  # patterns overlap: a further property has one of these schemas
            rest = {"anyOf": [*patterns.values(), rest]}
        for keyword in ("properties", "patternProperties", "additionalProperties"):
            if keyword in schema:
                self._note(path, keyword, "mask" if apart or keyword == "properties" else "close")
        names = schema.get("propertyNames")
        if "propertyNames" in schema and not patterns:
            rest = self._names_of(names, rest, named, result)
        if named:
            result["properties"] = named
        if rest is not True:
            result["additionalProperties"] = rest

    def _names_of(self, names: Any, rest: Any, named: dict[str, Any], result: dict[str, Any]) -> Any:
        """Put what properties may be called into the mask, where that is simple; return the rest's schema."""
        if not isinstance(names, dict) or named:
            return rest
        listed = names.get("enum", [names["const"]] if "const" in names else None)
        if listed is not None:
            named.update({name: rest for name in listed if isinstance(name, str)})
            return False
        form = self._fitting(names["pattern"]) if "pattern" in names else None
        if form is not None:
            result["patternProperties"] = {form: rest}
            return False
        return rest


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _plain(value: Any) -> Any:
    """Return a value with whole numbers written as such."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def _complement(schema: Any) -> list[Any]:
    """Return what `not` of a schema says, as far as that is simple."""
    if isinstance(schema, dict) and schema.keys() == {"type"}:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        left = [name for name in TYPES if name not in types and not ("number" in types and name == "integer")]
        return [{"type": left} if left else False]
    if isinstance(schema, dict) and schema.keys() == {"required"} and len(schema["required"]) == 1:
        return [{"properties": {schema["required"][0]: False}}]
    return []


def _depth(defs: dict[str, Any]) -> int:
    """Return how deep schemas are followed, each reference once."""
    seen: set[str] = set()
    deepest = 0
    stack: list[Iterator[Any]] = [iter(({"$ref": "#/$defs/d0"},))]
    while stack:
        deepest = max(deepest, len(stack))
        schema = next(stack[-1], None)
        if schema is None:
            stack.pop()
        elif isinstance(schema, dict):
            inner = [one for _, one in subschemas(schema)]
            name = schema.get("$ref", "").rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                inner.append(defs[name])
            stack.append(iter(inner))
    return deepest


def _other_values(condition: Any, properties: dict[str, Any]) -> Any:
    """Return what holds where a condition does not, if that is about one property with listed values."""
    named = condition.get("properties", {}) if isinstance(condition, dict) else {}
    if len(named) != 1 or condition.keys() - {"properties", "required"}:
        return True
    [(name, inner)] = named.items()
    declared = properties.get(name)
    if not (isinstance(inner, dict) and inner.keys() <= {"const", "enum"} and isinstance(declared, dict)):
        return True
    if "enum" not in declared or condition.get("required", [name]) != [name]:
        return True
    values = [*inner.get("enum", ()), *([inner["const"]] if "const" in inner else [])]
    return {"properties": {name: {"enum": [_plain(one) for one in declared["enum"] if one not in values]}}}


def in_any_order(schema: Any) -> Any:
    """Return a rewritten schema whose properties may come in any order, and may all be left out."""
    if isinstance(schema, list):
        return [in_any_order(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in ("enum", "const", "x-check"):
            result[keyword] = value
        elif keyword == "properties":
            patterns = {f"^{_literally(name)}$": in_any_order(inner) for name, inner in value.items()}
            result.setdefault("patternProperties", {}).update(patterns)
        elif keyword == "patternProperties":
            result.setdefault("patternProperties", {}).update(
                (name, in_any_order(inner)) for name, inner in value.items()
            )
        elif keyword == "$defs":
            result[keyword] = {name: in_any_order(inner) for name, inner in value.items()}
        elif keyword not in ("required", "minProperties"):
            result[keyword] = in_any_order(value)
    return result


def _literally(name: str) -> str:
    return "".join("\\" + letter if letter in r"\.+*?()|[]{}^$#&-~/" else letter for letter in name)


def _dynamic_anchors(documents: list[Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    level = list(documents)
    while level:
        value = level.pop()
        if isinstance(value, dict):
            anchor = value.get("$dynamicAnchor")
            if isinstance(anchor, str):
                counts[anchor] = counts.get(anchor, 0) + 1
            level.extend(value.values())
        elif isinstance(value, list):
            level.extend(value)
    return counts
