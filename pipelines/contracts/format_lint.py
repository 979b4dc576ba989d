"""Refuses declarations of formats by which no file of the source could be read."""

from __future__ import annotations

import ipaddress
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.contracts.formats import (
    DELIMITERS,
    FIRST_LINE,
    REQUEST,
    REQUEST_COLUMNS,
    Format,
    build_format,
)
from pipelines.contracts.layout import SPACE, UnreadableLayoutError, find_separator, name_variables, parse_layout
from pipelines.contracts.shapes import FLAG, NAMES, TEXT, Shape, list_of, one_of, repeated

Columns = Mapping[str, Mapping[str, Any]]

KINDS = one_of("text", "json", "delimited")
UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")
WRITTEN: Mapping[str, Shape] = {
    "timestamp": one_of("clf", "iso8601", *UNITS),
    "float64": one_of(*UNITS),
    "string": one_of("url_encoded", "uppercase"),
}
COLUMN_NAMES = Shape("a mapping by column", lambda value: isinstance(value, Mapping) and all(map(TEXT.fits, value)))
HEADER = Shape(
    f"{FIRST_LINE}, the beginning of a line as in '#Fields:', or a list of names",
    lambda value: value == FIRST_LINE or NAMES.fits(value) or (TEXT.fits(value) and value[0] == "#" and value != "#"),
)
ANY_KIND: Mapping[str, Shape] = {
    "files": TEXT,
    "kind": KINDS,
    "keys": COLUMN_NAMES,
    "values": COLUMN_NAMES,
    "timezone": Shape(
        "the name of a time zone", lambda value: isinstance(value, str) and value in zoneinfo.available_timezones()
    ),
}
OF_KIND: Mapping[str, Mapping[str, Shape]] = {
    "text": {"layout": TEXT, "openEnded": FLAG},
    "json": {"allText": FLAG},
    "delimited": {"delimiter": one_of(*DELIMITERS), "header": HEADER},
}
REQUIRED = {"text": ("layout",), "json": (), "delimited": ("delimiter", "header")}
SPACED = (REQUEST, "user_agent")


def _is_network(value: object) -> bool:
    try:
        return bool(ipaddress.ip_network(value)) if isinstance(value, str) else False
    except ValueError:
        return False


NETWORKS = list_of(Shape("a network", _is_network), "a list of networks as in 10.0.0.0/8, without host bits")


def check_formats(formats: object, columns: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Place and rule of everything that is wrong with a source's formats; columns as the document declares them."""
    if not isinstance(formats, list) or not formats:
        yield "formats", "must be a list of declarations, each with files and kind"
        return
    known = {str(column["name"]): column for column in columns}
    for number, declared in enumerate(formats, start=1):
        for rule in _check_declaration(declared, known):
            yield f"formats/{number}", rule


def check_proxies(properties: Mapping[str, Any], columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Trusted proxies need the address of the peer, and the header in which they tell whom they served."""
    if "trustedProxies" in properties:
        for name in ("client_ip", "forwarded_for"):
            if name not in columns:
                yield "trustedProxies", f"needs a column {name}"


def _check_declaration(declared: object, columns: Columns) -> Iterator[str]:
    if not isinstance(declared, Mapping) or not KINDS.fits(declared.get("kind")):
        yield f"needs a kind, {KINDS.words}"
        return
    kind = str(declared["kind"])
    shapes = {**ANY_KIND, **OF_KIND[kind]}
    broken = [f"{kind} takes no {name}" for name in declared if name not in shapes]
    broken += [f"{kind} lacks {name}" for name in ("files", *REQUIRED[kind]) if name not in declared]
    wrong = [name for name, shape in shapes.items() if name in declared and not shape.fits(declared[name])]
    broken += [f"{name} must be {shapes[name].words}" for name in wrong]
    yield from broken or _check_mapping(declared, columns)


def _check_mapping(declared: Mapping[str, Any], columns: Columns) -> Iterator[str]:
    """The keys, then the values, then what both together fill."""
    broken = [*_check_keys(declared, columns), *_check_written(declared, columns)]
    if declared["kind"] == "text" and not broken:
        broken = list(_check_layout(declared))
    yield from broken
    if not broken:
        names = {name: str(column.get("physicalName", name)) for name, column in columns.items()}
        yield from _check_filled(build_format(declared, names), columns)


def _check_keys(declared: Mapping[str, Any], columns: Columns) -> Iterator[str]:
    for name, key in declared.get("keys", {}).items():
        joins = isinstance(key, list) and len(key) == 2 and all(map(TEXT.fits, key)) and declared["kind"] != "text"
        if name != REQUEST and name not in columns:
            yield f"keys: {name} is no column of this source"
        elif not TEXT.fits(key) and not (joins and (_type_of(name, columns) == "timestamp" or name == "url")):
            yield f"keys: {name} must be a text, or for a time or a URL a list of two"


def _check_written(declared: Mapping[str, Any], columns: Columns) -> Iterator[str]:
    for name, written in declared.get("values", {}).items():
        shape = WRITTEN.get(_type_of(name, columns))
        if name not in columns:
            yield f"values: {name} is no column of this source"
        elif shape is None:
            yield f"values: {name} is of a type that is written in one way only"
        elif not shape.fits(written):
            yield f"values: {name} must be {shape.words}"


def _check_layout(declared: Mapping[str, Any]) -> Iterator[str]:
    try:
        variables = name_variables(parse_layout(declared["layout"]))
    except UnreadableLayoutError as error:
        yield f"layout {error}"
        return
    for name, variable in declared.get("keys", {}).items():
        if variable not in variables:
            yield f"keys: {name} is read from {variable}, which the layout does not hold"


def _check_filled(found: Format, columns: Columns) -> Iterator[str]:
    filled = [field.column for field in found.fields]
    filled += REQUEST_COLUMNS if REQUEST in filled else ()
    for name, column in columns.items():
        if column.get("required") and name not in filled:
            yield f"fills no {name}, which is required"
    for field in found.fields:
        if field.column == REQUEST and not set(REQUEST_COLUMNS) <= columns.keys():
            yield "reads a request, but the source has no columns method and url"
    if found.kind == "text":
        yield from _check_spaces(found)
    for key in repeated(key for field in found.fields for key in field.keys):
        yield f"reads {key} into two columns"


def _check_spaces(found: Format) -> Iterator[str]:
    """A value with spaces in it must be told from its neighbours by quotes."""
    spaced = {field.keys[0] for field in found.fields if field.column in SPACED}
    quotes, separator = 0, find_separator(found.tokens)
    for token, following in zip(found.tokens, (*found.tokens[1:], separator), strict=True):
        if isinstance(token, str):
            quotes += token.count('"')
        elif token.name in spaced and quotes % 2 == 0 and isinstance(following, str) and following[0] == SPACE:
            yield f"layout has {token.name} outside of quotes, where its first space would end it"


def _type_of(name: str, columns: Columns) -> str:
    return str(columns.get(name, {}).get("physicalType"))
