"""JSON lines of any source: the declaration says which key becomes which column, the contract of what type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson
import polars as pl

from pipelines.contracts.derive import POLARS_TYPES
from pipelines.contracts.formats import REQUEST, REQUEST_COLUMNS, Field, Format
from pipelines.contracts.model import Column, Contract
from pipelines.ingestion.json_values import convert_values, split_request_value
from pipelines.ingestion.reject import Reason
from pipelines.ingestion.values import ABSENT, Defect, find_limit_defects, name_reasons

Object = Mapping[str, object]
Find = Callable[[Object], object]
NOTHING: Object = {}
OBJECTS_AT_ONCE = 16_384  # a whole chunk of them would take many times its bytes


def read_json_lines(texts: pl.Series, declared: Format, contract: Contract) -> tuple[pl.DataFrame, pl.Series, int]:
    """A source's columns of every line, a reason where a line cannot be used (else null), and undeclared fields.

    Columns and reasons are aligned with the lines. A field that no column is read from is dropped and counted.
    """
    starts = range(0, max(len(texts), 1), OBJECTS_AT_ONCE)
    frames, reasons, counts = zip(
        *(_read_some(texts.slice(start, OBJECTS_AT_ONCE), declared, contract) for start in starts), strict=True
    )
    return pl.concat(frames), pl.concat(reasons), sum(counts)


def _read_some(texts: pl.Series, declared: Format, contract: Contract) -> tuple[pl.DataFrame, pl.Series, int]:
    objects, refused = _read_objects(texts)
    fields = {field.column: field for field in declared.fields}
    found: dict[str, pl.Series] = {}
    defects: list[Defect] = []
    for column in contract.columns:
        values = _find_values(objects, column.name, fields, declared)
        found[column.name], broken = _read_column(values, column, fields.get(column.name), declared)
        defects += broken
    reasons = pl.select(reason=pl.coalesce(refused, name_reasons(defects, len(objects))))["reason"]
    return pl.DataFrame(found), reasons, _count_undeclared(objects, reasons, declared)


def _read_objects(texts: pl.Series) -> tuple[list[Object], pl.Series]:
    """The object of each line, an empty one where the line holds none, and then the reason."""
    objects, reasons = [], []
    for text in texts.to_list():
        found, reason = _read_object(text)
        objects.append(found)
        reasons.append(reason)
    return objects, pl.Series(reasons, dtype=pl.String)


def _read_object(text: str) -> tuple[Object, Reason | None]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return NOTHING, Reason.MALFORMED_JSON
    return (found, None) if isinstance(found, dict) else (NOTHING, Reason.NOT_AN_OBJECT)


def _count_undeclared(objects: Sequence[Object], reasons: pl.Series, declared: Format) -> int:
    expected = {name for each in declared.fields for key in each.keys for name in (key, key.partition(".")[0])}
    return sum(
        len(found.keys() - expected)
        for found, reason in zip(objects, reasons.to_list(), strict=True)
        if reason is None and not expected.issuperset(found)
    )


def _read_column(
    values: list[object], column: Column, field: Field | None, declared: Format
) -> tuple[pl.Series, list[Defect]]:
    """A column's values, and which rows have none that it can hold."""
    series, defects = convert_values(values, column, field, declared)
    if column.required and (None in values or "" in values):
        missing = pl.Series([value is None or value == "" for value in values], dtype=pl.Boolean)
        defects = [(missing, Reason.MISSING_FIELD), *defects]
    return series.cast(POLARS_TYPES[column.physical_type]), [*defects, *find_limit_defects(series, column)]


def _find_values(objects: Sequence[Object], name: str, fields: Mapping[str, Field], declared: Format) -> list[object]:
    """What each object holds for a column; where it is split from the request, a Reason may stand instead."""
    if name not in fields and REQUEST in fields and name in REQUEST_COLUMNS:
        place = REQUEST_COLUMNS.index(name)
        requests = _find_all(objects, fields[REQUEST].keys, "")
        return [split_request_value(request, place) for request in requests]
    values = _find_all(objects, fields[name].keys, "?" if name == "url" else "T")
    return [None if value == ABSENT else value for value in values] if declared.all_text else values


def _find_all(objects: Sequence[Object], keys: Sequence[str], separator: str) -> list[object]:
    if len(keys) == 2:
        find = _find_joined(keys, separator)
    elif "." in keys[0]:
        find = _find_path(keys[0])
    else:
        key = keys[0]
        return [found.get(key) for found in objects]
    return [find(found) for found in objects]


def _find_path(path: str) -> Find:
    """The value under a key, or below nested objects where no key is named so."""
    *steps, last = path.split(".")

    def walk(found: Object) -> object:
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

    def join(found: Object) -> object:
        first, second = find_first(found), find_second(found)
        if second in (None, "", ABSENT):
            return first
        return f"{first}{separator}{second}" if isinstance(first, str) and isinstance(second, str) else second

    return join
