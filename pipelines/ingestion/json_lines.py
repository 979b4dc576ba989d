"""JSON lines of any source: the declaration says which key becomes which column, the contract of what type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.formats import REQUEST, REQUEST_COLUMNS, Field, Format
from pipelines.contracts.model import Contract
from pipelines.ingestion.json_values import UnusableValueError, find_converter, split_request
from pipelines.ingestion.reject import Reason
from pipelines.ingestion.values import ABSENT

Values = Mapping[str, object]
Find = Callable[[Values], object]


@dataclass(frozen=True, slots=True)
class Reading:
    """How one column is read from an object. find: its value, or None; limits: minimum, maximum, or neither."""

    required: bool
    find: Find
    convert: Callable[[object], object]
    limits: Mapping[str, Any] = field(hash=False)


def read_json_lines(texts: pl.Series, declared: Format, contract: Contract) -> tuple[pl.DataFrame, pl.Series, int]:
    """A source's columns of every line, a reason where a line cannot be used (else null), and undeclared fields.

    Columns and reasons are aligned with the lines. A field that no column is read from is dropped and counted.
    """
    readings = _plan_readings(declared, contract)
    expected = {name for each in declared.fields for key in each.keys for name in (key, key.partition(".")[0])}
    rows: list[Sequence[object]] = []
    reasons: list[str | None] = []
    unusable, undeclared_count = (None,) * len(readings), 0
    for text in texts.to_list():
        try:
            found = _read_object(text)
            rows.append([_read_column(found, each) for each in readings])
            undeclared_count += 0 if expected.issuperset(found) else len(found.keys() - expected)
            reasons.append(None)
        except UnusableValueError as error:
            rows.append(unusable)
            reasons.append(error.reason.value)
    frame = pl.DataFrame(rows, schema=polars_schema(contract), orient="row")
    return frame, pl.Series("reason", reasons, dtype=pl.String), undeclared_count


def _read_object(text: str) -> Values:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UnusableValueError(Reason.MALFORMED_JSON) from None
    if not isinstance(found, dict):
        raise UnusableValueError(Reason.NOT_AN_OBJECT)
    return found


def _plan_readings(declared: Format, contract: Contract) -> list[Reading]:
    """One reading for each column of the contract, in its order."""
    fields = {field.column: field for field in declared.fields}
    return [
        Reading(
            column.required,
            _find_field(column.name, fields, declared),
            find_converter(column, fields.get(column.name), declared),
            column.limits,
        )
        for column in contract.columns
    ]


def _find_field(name: str, fields: Mapping[str, Field], declared: Format) -> Find:
    if name not in fields and REQUEST in fields and name in REQUEST_COLUMNS:
        find_request, place = _find_path(fields[REQUEST].keys[0]), REQUEST_COLUMNS.index(name)
        return lambda found: split_request(find_request(found))[place]
    keys = fields[name].keys
    find = _find_joined(keys, "?" if name == "url" else "T") if len(keys) == 2 else _find_path(keys[0])
    if not declared.all_text:
        return find
    return lambda found: None if (value := find(found)) == ABSENT else value


def _find_path(path: str) -> Find:
    """The value under a key, or below nested objects where the key is a path with dots and no key is named so."""
    if "." not in path:
        return lambda found: found.get(path)
    *steps, last = path.split(".")

    def walk(found: Values) -> object:
        if path in found:
            return found[path]
        inner: object = found
        for step in steps:
            inner = inner.get(step) if isinstance(inner, Mapping) else None
        return inner.get(last) if isinstance(inner, Mapping) else None

    return walk


def _find_joined(keys: Sequence[str], separator: str) -> Find:
    """Two texts as one; only the first where the second is nothing."""
    find_first, find_second = map(_find_path, keys)

    def join(found: Values) -> object:
        first, second = find_first(found), find_second(found)
        if second in (None, "", ABSENT):
            return first
        return f"{first}{separator}{second}" if isinstance(first, str) and isinstance(second, str) else second

    return join


def _read_column(found: Values, wanted: Reading) -> object:
    value = wanted.find(found)
    if value is None or value == "":
        if wanted.required:
            raise UnusableValueError(Reason.MISSING_FIELD)
        return None
    converted: Any = wanted.convert(value)
    limits = wanted.limits
    if limits and not limits.get("minimum", converted) <= converted <= limits.get("maximum", converted):
        raise UnusableValueError(Reason.OUT_OF_RANGE)
    return converted
