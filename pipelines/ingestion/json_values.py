"""What one value of a JSON object must be to stand in a column of each type; anything else is a typed reason."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from functools import partial
from urllib.parse import unquote

from pipelines.contracts.formats import Field, Format
from pipelines.contracts.model import Column
from pipelines.ingestion.moments import PARTS_OF_SECOND, read_moment
from pipelines.ingestion.reject import Reason
from pipelines.ingestion.values import REQUEST_LINE

REQUEST = re.compile(REQUEST_LINE)
# Numbers that all_text allows in quotes; longer ones are numbers of nothing that is counted here.
WHOLE_NUMBER, NUMBER = re.compile(r"-?[0-9]{1,18}"), re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
BITS = {"int16": 16, "int32": 32, "int64": 64}

Convert = Callable[[object], object]


class UnusableValueError(Exception):
    """A value that its column cannot hold; carries the reason, never the value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def find_converter(column: Column, field: Field | None, declared: Format) -> Convert:
    """What makes a column's value of a JSON value that is neither null nor an empty text, or raises."""
    written, kind = field.written if field else None, column.physical_type
    match kind:
        case "timestamp":
            return partial(_read_time, written=written, timezone=declared.timezone)
        case "float64":
            return partial(_read_number, parts=PARTS_OF_SECOND.get(written or "", 1), quoted=declared.all_text)
        case "boolean":
            return partial(_read_truth, quoted=declared.all_text)
        case "date":
            return _read_day
        case "string":
            return partial(_read_text, written=written)
        case _:
            return partial(_read_integer, bits=BITS[kind], quoted=declared.all_text)


def split_request(value: object) -> tuple[str, str] | tuple[None, None]:
    """Method and URL of a request line."""
    if value is None:
        return None, None
    found = REQUEST.match(_text(value))
    if found is None:
        raise UnusableValueError(Reason.MALFORMED_REQUEST)
    return found[1], found[2]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnusableValueError(Reason.WRONG_TYPE)
    return value


def _read_text(value: object, written: str | None) -> object:
    text = _text(value)
    if written == "url_encoded":
        return unquote(text)
    return text.upper() if written == "uppercase" else text


def _read_integer(value: object, bits: int, *, quoted: bool) -> object:
    if quoted and isinstance(value, str) and WHOLE_NUMBER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnusableValueError(Reason.WRONG_TYPE)
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise UnusableValueError(Reason.OUT_OF_RANGE)
    return value


def _read_number(value: object, parts: int, *, quoted: bool) -> object:
    if quoted and isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UnusableValueError(Reason.WRONG_TYPE)
    number = value / parts
    if not math.isfinite(number):
        raise UnusableValueError(Reason.OUT_OF_RANGE)
    return number


def _read_truth(value: object, *, quoted: bool) -> object:
    if quoted and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise UnusableValueError(Reason.WRONG_TYPE)
    return value


def _read_time(value: object, written: str | None, timezone: str | None) -> object:
    """A time with its offset, in UTC; one without means no moment unless a zone is declared."""
    is_number = written in PARTS_OF_SECOND and isinstance(value, int | float) and not isinstance(value, bool)
    moment = read_moment(str(value) if is_number else _text(value), written, timezone)
    if moment is None:
        raise UnusableValueError(Reason.IMPOSSIBLE_TIME)
    return moment


def _read_day(value: object) -> object:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise UnusableValueError(Reason.IMPOSSIBLE_DATE) from None
