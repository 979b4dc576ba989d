"""JSON lines of any source: the declaration says which key becomes which column, the contract of what type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
import polars as pl

from pipelines.contracts.derive import POLARS_TYPES
from pipelines.contracts.formats import REQUEST, REQUEST_COLUMNS, Field, Format
from pipelines.contracts.model import Column, Contract
from pipelines.ingestion.json_values import convert_values, drop_text, hold_values, join_values, split_request_value
from pipelines.ingestion.reject import Reason
from pipelines.ingestion.values import ABSENT, Defect, find_limit_defects, name_reasons

Object = Mapping[str, object]
Find = Callable[[Object], object]
NOTHING: Object = {}
JOINTS = {REQUEST: "", "url": "?"}  # between two values that are joined; a day and a time have a T
OBJECTS_AT_ONCE = 1024  # so few are still in the processor's cache when the last of their values is looked up


@dataclass(frozen=True, slots=True)
class Found:
    """What lines hold, one item for each line.

    values: of each declared field, by its column. refused: why there is no object. undeclared_counts: of its fields.
    """

    values: dict[str, pl.Series]
    refused: list[Reason | None]
    undeclared_counts: list[int]


def read_json_lines(texts: pl.Series, declared: Format, contract: Contract) -> tuple[pl.DataFrame, pl.Series, int]:
    """A source's columns of every line, a reason where a line cannot be used (else null), and undeclared fields.

    Columns and reasons are aligned with the lines. A field that no column is read from is dropped and counted.
    """
    fields = {field.column: field for field in declared.fields}
    found = _find_values(texts, declared)
    columns: dict[str, pl.Series] = {}
    defects: list[Defect] = []
    for column in contract.columns:
        values = _choose_values(found.values, column.name, declared)
        columns[column.name], broken = _read_column(values, column, fields.get(column.name), declared)
        defects += broken
    refused = pl.Series(found.refused, dtype=pl.String)
    reasons = pl.select(reason=pl.coalesce(refused, name_reasons(defects, len(texts))))["reason"]
    undeclared = pl.Series(found.undeclared_counts, dtype=pl.Int64).filter(reasons.is_null())
    return pl.DataFrame(columns), reasons, sum(undeclared.to_list())


def _find_values(texts: pl.Series, declared: Format) -> Found:
    """What the lines hold; their objects are let go as soon as possible, for all would take many times their bytes."""
    pieces: dict[str, list[pl.Series]] = {field.column: [] for field in declared.fields}
    declared_keys = {name for each in declared.fields for key in each.keys for name in (key, key.partition(".")[0])}
    refused, undeclared_counts = list[Reason | None](), list[int]()
    for start in range(0, len(texts), OBJECTS_AT_ONCE):
        objects, reasons = _read_objects(texts.slice(start, OBJECTS_AT_ONCE))
        keys = set[str]().union(*objects)
        for field in declared.fields:
            pieces[field.column].append(hold_values(_find_all(objects, field, keys)))
        refused += reasons
        undeclared_counts += _count_undeclared(objects, keys, declared_keys)
    return Found({name: join_values(each) for name, each in pieces.items()}, refused, undeclared_counts)


def _read_objects(texts: pl.Series) -> tuple[list[Object], list[Reason | None]]:
    """The object of each line, an empty one where the line holds none, and then the reason."""
    objects, reasons = list[Object](), list[Reason | None]()
    for text in texts.to_list():
        try:
            found, reason = orjson.loads(text), None
        except orjson.JSONDecodeError:
            found, reason = NOTHING, Reason.MALFORMED_JSON
        is_object = isinstance(found, dict)
        objects.append(found if is_object else NOTHING)
        reasons.append(reason if is_object else Reason.NOT_AN_OBJECT)
    return objects, reasons


def _count_undeclared(objects: Sequence[Object], keys: set[str], declared: set[str]) -> list[int]:
    """How many fields of each object are undeclared. keys: those of all the objects."""
    if keys <= declared:
        return [0] * len(objects)
    return [len(found.keys() - declared) for found in objects]


def _read_column(
    values: pl.Series, column: Column, field: Field | None, declared: Format
) -> tuple[pl.Series, list[Defect]]:
    """A column's values, and which rows have none that it can hold."""
    series, defects = convert_values(values, column, field, declared)
    if column.required and series.null_count():
        defects = [(drop_text(values, "").is_null(), Reason.MISSING_FIELD), *defects]
    return series.cast(POLARS_TYPES[column.physical_type]), [*defects, *find_limit_defects(series, column)]


def _choose_values(found: Mapping[str, pl.Series], name: str, declared: Format) -> pl.Series:
    """What each line holds for a column; where it is split from the request, a Reason may stand instead."""
    if name not in found and REQUEST in found and name in REQUEST_COLUMNS:
        place = REQUEST_COLUMNS.index(name)
        return hold_values([split_request_value(request, place) for request in found[REQUEST].to_list()])
    return drop_text(found[name], ABSENT) if declared.all_text else found[name]


def _find_all(objects: Sequence[Object], field: Field, keys: set[str]) -> list[object]:
    """What each object holds for a field. keys: those of all the objects."""
    if not any(key in keys or key.partition(".")[0] in keys for key in field.keys):
        return [None] * len(objects)
    if len(field.keys) == 2:
        return list(map(_find_joined(field.keys, JOINTS.get(field.column, "T")), objects))
    key = field.keys[0]
    if "." in key:
        return list(map(_find_path(key), objects))
    return [found.get(key) for found in objects]


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
