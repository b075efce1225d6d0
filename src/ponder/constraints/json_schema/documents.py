"""A schema and the documents that it refers to, in one dialect, as a checker of values.

Whatever draft a document declares, it is read as one of draft 2020-12: older keywords get the names and the
places that they have there. Patterns become Python's. Nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY
from referencing import Registry
from referencing.exceptions import NoSuchAnchor, PointerToNowhere, Unresolvable
from referencing.jsonschema import DRAFT202012

from ponder.constraints.json_schema.formats import checker
from ponder.constraints.json_schema.keywords import COUNTS, NAMED, ONE, SOME
from ponder.constraints.json_schema.patterns import python_pattern
from ponder.constraints.json_schema.well_formed import check
from ponder.errors import ParameterError

ROOT = "urn:ponder:schema"
MAX_DEPTH = 100
MAX_CHARACTERS = 4_000_000

_OLD_REFS = ("draft-03", "draft-04", "draft-06", "draft-07")
_VALIDATION = "https://json-schema.org/draft/2020-12/vocab/validation"
_VALIDATES = COUNTS | frozenset(
    [
        "type",
        "enum",
        "const",
        "multipleOf",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "pattern",
        "uniqueItems",
        "required",
        "dependentRequired",
    ]
)


def read(text: str, field: str = "schema") -> Any:
    """Return the JSON value of a text.

    Raises
    ------
    ParameterError : it is not JSON, too long, or too deep.
    """
    if len(text) > MAX_CHARACTERS:
        raise ParameterError(field, f"{len(text)} characters", f"at most {MAX_CHARACTERS} characters")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ParameterError(field, text, f"nested at most {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise ParameterError(field, text, f"JSON text ({error})") from None
    if _depth(value) > MAX_DEPTH:
        raise ParameterError(field, text, f"nested at most {MAX_DEPTH} deep")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for outer in level
            for inner in (
                outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            )
        ]
    return depth


class Documents:
    """The schema, its remote documents, and their references resolved.

    Attributes
    ----------
    root : the schema, read as draft 2020-12.
    patterns : which pattern each of Python's was made from.
    validator : checks a value against the schema.
    """

    def __init__(self, root: Any, remotes: Mapping[str, Any], *, formats: bool) -> None:
        self.patterns: dict[str, str] = {}
        self._remotes = remotes
        draft = _draft(root)
        if draft and "json-schema.org/" not in draft and draft not in remotes:
            raise ParameterError("$schema", draft, "a draft of json-schema.org, or one given in `remotes`")
        self.root = self._upgraded(root, _draft(root))
        check(self.root, "schema")
        self._checked: set[int] = set()
        registry: Registry[Any] = REGISTRY
        others = [(uri, self._upgraded(value, _draft(value))) for uri, value in remotes.items()]
        for uri, value in others:
            check(value, f"remotes[{uri!r}]")
        resources = [(ROOT, self.root), *others]
        registry = registry.with_resources(
            (uri, DRAFT202012.create_resource(value)) for uri, value in resources
        ).crawl()
        self.registry = registry
        base = self.root.get("$id", ROOT) if isinstance(self.root, dict) else ROOT
        if base != ROOT:
            registry = registry.with_resource(base, DRAFT202012.create_resource(self.root))
        self.resolver = registry.resolver(base_uri=base)
        self.validator: Any = Draft202012Validator(
            self.root,
            registry=registry,
            format_checker=checker() if formats else None,
        )
        self.documents = [self.root, *(value for _, value in others)]

    def lookup(self, resolver: Any, reference: str) -> Any:
        """Return what a reference leads to: `contents`, and their `resolver`.

        Raises
        ------
        ParameterError : there is no such document, or no such place in it.
        """
        try:
            found = resolver.lookup(reference)
        except (NoSuchAnchor, PointerToNowhere):
            raise ParameterError("schema", reference, "a $ref to a place that exists") from None
        except Unresolvable:
            raise ParameterError(
                "schema", reference, "a $ref within the schema, or to a document given in `remotes`"
            ) from None
        if id(found.contents) not in self._checked:  # it may stand where no schema is expected
            check(found.contents, "schema")
            self._checked.add(id(found.contents))
        return found

    def is_valid(self, value: Any) -> bool:
        """Return whether a value is what the schema describes."""
        return self.error(value) is None

    def error(self, value: Any, spot: tuple[tuple[Any, Any], ...] = ()) -> ValidationError | None:
        """Return what is wrong with a value, after the schema or after some subschemas; None: nothing."""
        try:
            if not spot:
                return next(iter(self.validator.iter_errors(value)), None)
            for schema, resolver in spot:
                found: ValidationError
                for found in self.validator.descend(value, schema, resolver=resolver):
                    return found
        except (RecursionError, OverflowError, ArithmeticError) as error:
            return ValidationError(f"it cannot be checked: {type(error).__name__}")
        return None

    def _upgraded(self, schema: Any, draft: str) -> Any:
        """Return a schema with today's names of keywords, and with Python's patterns."""
        if not isinstance(schema, dict):
            return schema
        draft = _draft(schema) or draft
        old = any(name in draft for name in _OLD_REFS)
        if old and isinstance(schema.get("$ref"), str):
            schema = {key: value for key, value in schema.items() if key in ("$ref", "$defs", "definitions")}
        result: dict[str, Any] = {}
        for keyword, value in schema.items():
            for name, new in _renamed(keyword, value, schema, old=old):
                result[name] = new
        for keyword, value in result.items():
            if keyword in ONE:
                result[keyword] = self._upgraded(value, draft)
            elif keyword in SOME and isinstance(value, list):
                result[keyword] = [self._upgraded(inner, draft) for inner in value]
            elif keyword in NAMED and isinstance(value, dict):
                result[keyword] = {
                    self._python(name) if keyword == "patternProperties" else name: self._upgraded(
                        inner, draft
                    )
                    for name, inner in value.items()
                }
            elif keyword == "pattern" and isinstance(value, str):
                result[keyword] = self._python(value)
            elif keyword in COUNTS and isinstance(value, float) and value.is_integer():
                result[keyword] = int(value)
        if not self._validates(draft):
            result = {key: value for key, value in result.items() if key not in _VALIDATES}
        return result

    def _python(self, pattern: str) -> str:
        translated = python_pattern(pattern)
        self.patterns[translated] = pattern
        return translated

    def _validates(self, draft: str) -> bool:
        meta = self._remotes.get(draft)
        vocabulary = meta.get("$vocabulary") if isinstance(meta, dict) else None
        return not isinstance(vocabulary, dict) or _VALIDATION in vocabulary


def _draft(schema: Any) -> str:
    declared = schema.get("$schema") if isinstance(schema, dict) else None
    return declared if isinstance(declared, str) else ""


def _renamed(keyword: str, value: Any, schema: dict[str, Any], *, old: bool) -> list[tuple[str, Any]]:
    """Return what a keyword is called today."""
    if keyword == "items" and isinstance(value, list) and "prefixItems" not in schema:
        return [("prefixItems", value)] if value else []
    if keyword == "additionalItems" and old:
        return [("items", value)] if isinstance(schema.get("items"), list) else []
    if keyword == "dependencies" and old and isinstance(value, dict):
        lists = {name: inner for name, inner in value.items() if isinstance(inner, list)}
        others = {name: inner for name, inner in value.items() if not isinstance(inner, list)}
        return [("dependentRequired", lists), ("dependentSchemas", others)]
    if keyword in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool):
        bound = schema.get(keyword[9:].lower())
        return [(keyword, bound)] if value and bound is not None else []
    if keyword == "id" and old and isinstance(value, str):
        keyword = "$id"
    if keyword == "$id" and old and isinstance(value, str) and value.startswith("#"):
        return [("$anchor", value[1:])] if len(value) > 1 else []
    if keyword == "$schema":
        return [] if old or "2019-09" in str(value) else [(keyword, value)]
    return [(keyword, value)]


def numbers(document: Any) -> Iterator[int | float]:
    """Yield all numbers that a document has."""
    level = [document]
    while level:
        value = level.pop()
        if isinstance(value, dict):
            level.extend(value.values())
        elif isinstance(value, list):
            level.extend(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield value
