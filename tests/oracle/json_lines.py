"""One JSON line of any source, column by column as its contract lists them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from tests.oracle.contract import Column, Contract
from tests.oracle.lines import RejectedLineError
from tests.oracle.moments import check_clock, read_iso_time

DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def read_json(text: str, contract: Contract) -> Mapping[str, object]:
    """A source's columns of a line; RejectedLineError with the first thing that is wrong with it."""
    found = _load(text)
    row = {column.name: _read_column(found, column) for column in contract.columns}
    row.pop("forwarded_for", None)  # no proxy is trusted
    moment = row.get("event_at")
    if isinstance(moment, datetime):
        check_clock(moment)
    return row


def _load(text: str) -> dict[str, object]:
    try:
        found = json.loads(text, **HOOKS)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise RejectedLineError("malformed_json") from None
    if not isinstance(found, dict):
        raise RejectedLineError("not_an_object")
    return found


def _refuse(_: str) -> object:
    """NaN and Infinity are no JSON."""
    raise ValueError


def _read_float(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError
    return number


def _read_number(text: str) -> float:
    """What no 64 bits hold is a fraction."""
    number = int(text)
    return number if -(2**63) <= number < 2**64 else _read_float(text)


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of a key that is given twice the last value counts, but the others must be text as well."""
    json.dumps(pairs, ensure_ascii=False).encode()
    return dict(pairs)


def _read_column(found: Mapping[str, object], column: Column) -> object:
    value = found.get(column.key)
    if value is None or value == "":
        if column.required:
            raise RejectedLineError("missing_field")
        return None
    read = READERS[column.kind](value)
    if isinstance(read, int | float) and not column.minimum <= read <= column.maximum:
        raise RejectedLineError("out_of_range")
    return read


def _read_text(value: object) -> str:
    if type(value) is not str:
        raise RejectedLineError("wrong_type")
    return value


def _read_integer(value: object, bits: int) -> int:
    if type(value) is not int:
        raise RejectedLineError("wrong_type")
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise RejectedLineError("out_of_range")
    return value


def _read_fraction(value: object) -> float:
    if type(value) not in (int, float):
        raise RejectedLineError("wrong_type")
    return float(str(value))


def _read_boolean(value: object) -> bool:
    if type(value) is not bool:
        raise RejectedLineError("wrong_type")
    return value


def _read_date(value: object) -> date:
    match = DAY.fullmatch(_read_text(value))
    try:
        return date(*map(int, match.groups() if match else ()))
    except (ValueError, TypeError):
        raise RejectedLineError("impossible_date") from None


HOOKS: Mapping[str, Any] = {
    "parse_constant": _refuse,
    "parse_float": _read_float,
    "parse_int": _read_number,
    "object_pairs_hook": _build_object,
}
READERS: Mapping[str, Callable[[object], object]] = {
    "string": _read_text,
    "int32": lambda value: _read_integer(value, 32),
    "int64": lambda value: _read_integer(value, 64),
    "float64": _read_fraction,
    "boolean": _read_boolean,
    "timestamp": lambda value: read_iso_time(_read_text(value)),
    "date": _read_date,
}
