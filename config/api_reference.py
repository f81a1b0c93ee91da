"""`/api/docs/`: the description of the API as a page of our own, because a page of scripts breaks the content security
policy and is hard to use with a keyboard.

Everything on it is read from the OpenAPI document that `/api/v1/schema/` serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

METHODS = frozenset({"get", "post", "put", "patch", "delete"})
OF_LISTS = frozenset({"cursor", "page_size"})
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One parameter or property. `shape` names the component it links to, if it is one."""

    name: str
    kind: str
    shape: str
    required: bool
    words: str
    choices: tuple[str, ...]
    place: str = ""


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    summary: str
    words: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    body_shape: str
    answers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Shape:
    """One component: an object with its properties."""

    name: str
    words: str
    fields: tuple[Field, ...]


@require_safe
def api_reference(request: HttpRequest) -> HttpResponse:
    """Every operation by noun, then every shape. Open to anybody: it names no data."""
    named = [(noun, noun.replace("-", " ").capitalize(), operations) for noun, operations in groups()]
    return render(request, "api_reference.html", {"groups": named, "shapes": shapes()})


@lru_cache(maxsize=1)
def document() -> Schema:
    """The OpenAPI document, made once for each process: routes do not change while it runs."""
    found: Schema = SchemaGenerator().get_schema(request=None, public=True)
    return found


@lru_cache(maxsize=1)
def groups() -> list[tuple[str, list[Operation]]]:
    """Operations by the noun in their address, in the document's order."""
    found: dict[str, list[Operation]] = {}
    for path, item in document()["paths"].items():
        for method, text in item.items():
            if method in METHODS:
                found.setdefault(text["tags"][0], []).append(_operation(path, method, text))
    return sorted(found.items())


@lru_cache(maxsize=1)
def shapes() -> list[Shape]:
    """The objects that operations take and give; choices are shown with the field that has them."""
    return [
        Shape(name, schema.get("description", ""), tuple(_properties(schema)))
        for name, schema in sorted(document()["components"]["schemas"].items())
        if "properties" in schema
    ]


def _operation(path: str, method: str, text: Schema) -> Operation:
    words = text.get("description", "").strip()
    summary = text.get("summary", "") or words.split("\n")[0].split(". ")[0].rstrip(".")
    body = _content(text.get("requestBody", {}))
    answers = [
        (status, _shape_name(_content(answer)), answer.get("description", ""))
        for status, answer in text.get("responses", {}).items()
    ]
    return Operation(
        id=text["operationId"],
        method=method.upper(),
        path=path,
        summary=summary,
        words=words if words.rstrip(".") != summary else "",
        parameters=tuple(
            _parameter(one)
            for one in text.get("parameters", ())
            if method == "get" or one["name"] not in OF_LISTS  # the generator lists them with every method
        ),
        body=tuple(_properties(_resolved(body))) if body else (),
        body_shape=_shape_name(body),
        answers=tuple(answers),
    )


def _content(holder: Schema) -> Schema:
    """The schema of the first media type of a body."""
    for media in holder.get("content", {}).values():
        found: Schema = media.get("schema", {})
        return found
    return {}


def _parameter(one: Schema) -> Field:
    schema = one.get("schema", {})
    return _field(one["name"], schema, one.get("required", False), one.get("description", ""), one["in"])


def _properties(schema: Schema) -> Iterator[Field]:
    required = set(schema.get("required", ()))
    for name, inner in schema.get("properties", {}).items():
        yield _field(name, inner, name in required, inner.get("description", ""))


def _field(name: str, schema: Schema, required: bool, words: str, place: str = "") -> Field:
    shape = _shape_name(schema)
    resolved = _resolved(schema)
    choices = tuple(str(value) for value in resolved.get("enum", ()) if value not in (None, ""))
    if choices or "properties" not in _resolved(resolved.get("items", resolved)):
        shape = ""
    limits = [
        f"{said} {resolved[key]}"
        for key, said in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most characters:"))
        if key in resolved
    ]
    listed = " * `" in words or words.startswith("* `")  # the generator lists the choices once more
    return Field(
        name, _kind(schema), shape, required, " ".join(filter(None, ("" if listed else words, ", ".join(limits)))),
        choices, place,
    )  # fmt: skip


def _kind(schema: Schema) -> str:
    """`number`, `text (date-time)`, `list of text`, a component's name."""
    if name := _reference(schema):
        inner = _resolved(schema)
        return name if "properties" in inner else _kind(inner)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_kind(part) for part in schema[key] if part))
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    kind = schema.get("type", "any")
    kind = (
        words.get(kind, kind) if isinstance(kind, str) else " or ".join(words.get(one, one) for one in kind)
    )
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _reference(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _shape_name(schema: Schema) -> str:
    """The component that this is, or is a list of, or is wrapped around."""
    if name := _reference(schema):
        return name
    if "items" in schema:
        return _shape_name(schema["items"])
    for key in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(key, ()):
            if name := _shape_name(part):
                return name
    return ""


def _resolved(schema: Schema) -> Schema:
    """The component behind a reference, or the schema itself."""
    name = _reference(schema)
    if not name and len(schema.get("allOf", ())) == 1:
        name = _reference(schema["allOf"][0])
    found: Schema = document()["components"]["schemas"].get(name, schema) if name else schema
    return found
