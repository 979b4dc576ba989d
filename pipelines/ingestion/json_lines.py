"""JSON lines of any source: the contract says which key becomes which column and of what type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson
import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Column, Contract
from pipelines.ingestion.reject import Reason


@dataclass(frozen=True, slots=True)
class Field:
    """How one column is read from a JSON object."""

    column: Column
    convert: Callable[[object], object]


class UnusableValueError(Exception):
    """A value that its column cannot hold; carries the reason, never the value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def parse_json_lines(texts: pl.Series, contract: Contract) -> tuple[pl.DataFrame, pl.Series]:
    """A source's columns of every line, and a reason where a line cannot be used (else null), aligned."""
    fields = [Field(column, CONVERTERS[column.physical_type]) for column in contract.columns]
    rows: list[Sequence[object]] = []
    reasons: list[str | None] = []
    unusable = (None,) * len(fields)
    for text in texts.to_list():
        try:
            rows.append(_read_object(text, fields))
            reasons.append(None)
        except UnusableValueError as error:
            rows.append(unusable)
            reasons.append(error.reason.value)
    frame = pl.DataFrame(rows, schema=polars_schema(contract), orient="row")
    return frame, pl.Series("reason", reasons, dtype=pl.String)


def count_undeclared(texts: pl.Series, contract: Contract) -> int:
    """How many keys of a sample line no contract declares; such fields are dropped."""
    known = {column.physical_name for column in contract.columns}
    for text in texts.head(1).to_list():
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return 0
        return len(found.keys() - known) if isinstance(found, dict) else 0
    return 0


def _read_object(text: str, fields: Sequence[Field]) -> tuple[object, ...]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UnusableValueError(Reason.MALFORMED_JSON) from None
    if not isinstance(found, dict):
        raise UnusableValueError(Reason.NOT_AN_OBJECT)
    return tuple(_read_field(found, field) for field in fields)


def _read_field(found: Mapping[str, object], field: Field) -> object:
    value = found.get(field.column.physical_name)
    if value is None or value == "":
        if field.column.required:
            raise UnusableValueError(Reason.MISSING_FIELD)
        return None
    converted = field.convert(value)
    limits = field.column.limits
    if limits and not limits.get("minimum", converted) <= converted <= limits.get("maximum", converted):
        raise UnusableValueError(Reason.OUT_OF_RANGE)
    return converted


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise UnusableValueError(Reason.WRONG_TYPE)
    return value


def _integer(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnusableValueError(Reason.WRONG_TYPE)
    if not -(2**31) <= value < 2**31:
        raise UnusableValueError(Reason.OUT_OF_RANGE)
    return value


def _big_integer(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnusableValueError(Reason.WRONG_TYPE)
    if not -(2**63) <= value < 2**63:
        raise UnusableValueError(Reason.OUT_OF_RANGE)
    return value


def _boolean(value: object) -> object:
    if not isinstance(value, bool):
        raise UnusableValueError(Reason.WRONG_TYPE)
    return value


def _moment(value: object) -> object:
    """A time with its offset; one without is refused, since nobody can tell which moment it means."""
    try:
        moment = datetime.fromisoformat(str(_text(value)))
    except ValueError:
        raise UnusableValueError(Reason.IMPOSSIBLE_TIME) from None
    if moment.tzinfo is None:
        raise UnusableValueError(Reason.IMPOSSIBLE_TIME)
    return moment


def _day(value: object) -> object:
    try:
        return date.fromisoformat(str(_text(value)))
    except ValueError:
        raise UnusableValueError(Reason.IMPOSSIBLE_DATE) from None


CONVERTERS: Mapping[str, Callable[[object], object]] = {
    "string": _text,
    "int32": _integer,
    "int64": _big_integer,
    "boolean": _boolean,
    "timestamp": _moment,
    "date": _day,
}
