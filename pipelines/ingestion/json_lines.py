"""JSON lines of any source: the contract says which key becomes which column and of what type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Column, Contract
from pipelines.ingestion.reject import Reason

LEAP_SECOND = re.compile(r"(T[0-9]{2}:[0-9]{2}):60")


@dataclass(frozen=True, slots=True)
class Field:
    """How one column is read from a JSON object. limits: minimum and maximum, either or none."""

    name: str
    required: bool
    convert: Callable[[object], object]
    limits: Mapping[str, Any] = field(hash=False)


class UnusableValueError(Exception):
    """A value that its column cannot hold; carries the reason, never the value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def parse_json_lines(texts: pl.Series, contract: Contract) -> tuple[pl.DataFrame, pl.Series, int]:
    """A source's columns of every line, a reason where a line cannot be used (else null), and undeclared fields.

    Columns and reasons are aligned with the lines. A field that the contract does not declare is dropped and counted.
    """
    fields = [_describe_field(column) for column in contract.columns]
    declared = {column.physical_name for column in contract.columns}
    rows: list[Sequence[object]] = []
    reasons: list[str | None] = []
    unusable, undeclared_count = (None,) * len(fields), 0
    for text in texts.to_list():
        try:
            found = _read_object(text)
            rows.append([_read_field(found, each) for each in fields])
            undeclared_count += 0 if declared.issuperset(found) else len(found.keys() - declared)
            reasons.append(None)
        except UnusableValueError as error:
            rows.append(unusable)
            reasons.append(error.reason.value)
    frame = pl.DataFrame(rows, schema=polars_schema(contract), orient="row")
    return frame, pl.Series("reason", reasons, dtype=pl.String), undeclared_count


def _describe_field(column: Column) -> Field:
    return Field(column.physical_name, column.required, CONVERTERS[column.physical_type], column.limits)


def _read_object(text: str) -> Mapping[str, object]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UnusableValueError(Reason.MALFORMED_JSON) from None
    if not isinstance(found, dict):
        raise UnusableValueError(Reason.NOT_AN_OBJECT)
    return found


def _read_field(found: Mapping[str, object], wanted: Field) -> object:
    value = found.get(wanted.name)
    if value is None or value == "":
        if wanted.required:
            raise UnusableValueError(Reason.MISSING_FIELD)
        return None
    converted = wanted.convert(value)
    limits = wanted.limits
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
    """A time with its offset, in UTC; one without is refused, since nobody can tell which moment it means."""
    text = str(_text(value))
    try:
        moment = _leap_second(text) if ":60" in text else datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise UnusableValueError(Reason.IMPOSSIBLE_TIME)


def _leap_second(text: str) -> datetime:
    """23:59:60 is the second before midnight's; clocks that do not know it call it midnight, and so do we."""
    return datetime.fromisoformat(LEAP_SECOND.sub(r"\1:59", text)) + timedelta(seconds=1)


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
