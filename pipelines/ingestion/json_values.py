"""What one value of a JSON object must be to stand in a column of each type; anything else is a typed reason."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from types import NoneType
from urllib.parse import unquote

import polars as pl

from pipelines.contracts.derive import POLARS_TYPES
from pipelines.contracts.formats import Field, Format
from pipelines.contracts.model import Column
from pipelines.ingestion.moments import PARTS_OF_SECOND, read_moments
from pipelines.ingestion.reject import Reason
from pipelines.ingestion.values import REQUEST_LINE, Defect

REQUEST, DAY_FORM = re.compile(REQUEST_LINE), re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Numbers that all_text allows in quotes; longer ones are numbers of nothing that is counted here.
WHOLE_NUMBER, NUMBER = re.compile(r"-?[0-9]{1,18}"), re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
BITS = {"int16": 16, "int32": 32, "int64": 64}
HELD_AS = {frozenset[type](): pl.Null(), frozenset({str}): pl.String(), frozenset({int}): pl.Int64()}

Convert = Callable[[object], object]


class UnusableValueError(Exception):
    """A value that its column cannot hold; carries the reason, never the value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def hold_values(values: list[object]) -> pl.Series:
    """JSON values as they are: of type String or Int64 where all that are not null are so, else of Object or Null."""
    kind = HELD_AS.get(frozenset(map(type, values)) - {NoneType}, pl.Object())
    try:
        return pl.Series(values, dtype=kind)
    except TypeError:  # a number beyond 64 bits
        return pl.Series(values, dtype=pl.Object)


def join_values(pieces: Sequence[pl.Series]) -> pl.Series:
    """Values that were held piece by piece, as if at once."""
    kinds = {piece.dtype for piece in pieces} - {pl.Null()}
    if len(kinds) > 1 or pl.Object() in kinds:
        return pl.Series([value for piece in pieces for value in piece.to_list()], dtype=pl.Object)
    kind = kinds.pop() if kinds else pl.Null()
    return pl.concat([piece.cast(kind) for piece in pieces]) if pieces else pl.Series(dtype=kind)


def drop_text(values: pl.Series, text: str) -> pl.Series:
    """The held values, null wherever one is this text."""
    if values.dtype == pl.Object:
        return pl.Series([None if value == text else value for value in values.to_list()], dtype=pl.Object)
    if values.dtype == pl.String:
        return pl.select(pl.when(values != text).then(values)).to_series()
    return values


def convert_values(
    values: pl.Series, column: Column, field: Field | None, declared: Format
) -> tuple[pl.Series, list[Defect]]:
    """Held values as a column, null where one is null, an empty text or unusable, and then the reason.

    Values that are all of the type that one expects are converted at once, else each by itself.
    """
    written, kind = field.written if field else None, POLARS_TYPES[column.physical_type]
    if values.dtype == pl.Null:
        return values.cast(kind), []
    if column.physical_type == "timestamp":
        return _convert_times(values, written, declared.timezone)
    if values.dtype == pl.String and column.physical_type == "string" and written is None:
        return drop_text(values, ""), []
    if values.dtype == pl.Int64 and column.physical_type in BITS:
        numbers = values.cast(kind, strict=False)
        if numbers.null_count() == values.null_count():
            return numbers, []
    return _convert_each(values.to_list(), column, find_converter(column, field, declared))


def _convert_times(values: pl.Series, written: str | None, timezone: str | None) -> tuple[pl.Series, list[Defect]]:
    """Times with their offset, in UTC; one without means no moment unless a zone is declared."""
    spelled = values if values.dtype == pl.String else _spell_times(values, may_be_numbers=written in PARTS_OF_SECOND)
    texts = drop_text(spelled, "")
    moments = read_moments(texts, written, timezone)
    wrong, impossible = spelled.is_null() & values.is_not_null(), moments.is_null() & texts.is_not_null()
    return moments, [(wrong, Reason.WRONG_TYPE), (impossible, Reason.IMPOSSIBLE_TIME)]


def _spell_times(values: pl.Series, *, may_be_numbers: bool) -> pl.Series:
    """Times as texts, null for what is no time in either form."""
    kinds = (str, int, float) if may_be_numbers else (str,)
    return pl.Series([str(value) if type(value) in kinds else None for value in values.to_list()], dtype=pl.String)


def _convert_each(values: list[object], column: Column, convert: Convert) -> tuple[pl.Series, list[Defect]]:
    converted: list[object] = []
    reasons: list[Reason | None] = []
    for value in values:
        try:
            converted.append(None if value is None or value == "" else convert(value))
            reasons.append(None)
        except UnusableValueError as error:
            converted.append(None)
            reasons.append(error.reason)
    met = [(pl.Series([each is reason for each in reasons]), reason) for reason in set(reasons) - {None} if reason]
    return pl.Series(converted, dtype=POLARS_TYPES[column.physical_type]), met


def split_request_value(value: object, place: int) -> object:
    """The method (0) or the URL (1) of a request line; the reason where it is none."""
    if value is None:
        return None
    if not isinstance(value, str):
        return Reason.WRONG_TYPE
    found = REQUEST.fullmatch(value)
    return found[place + 1] if found else Reason.MALFORMED_REQUEST


def find_converter(column: Column, field: Field | None, declared: Format) -> Convert:
    """What makes a column's value of a JSON value that is neither null nor an empty text, or raises."""
    written, kind = field.written if field else None, column.physical_type
    match kind:
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


def _text(value: object) -> str:
    if isinstance(value, Reason):  # left by the split of a request
        raise UnusableValueError(value)
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


def _read_day(value: object) -> object:
    text = _text(value)
    try:
        if DAY_FORM.fullmatch(text):
            return date.fromisoformat(text)
        raise UnusableValueError(Reason.IMPOSSIBLE_DATE)
    except ValueError:
        raise UnusableValueError(Reason.IMPOSSIBLE_DATE) from None
