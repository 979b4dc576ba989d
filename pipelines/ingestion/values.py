"""Texts to the values of a source's columns, whole columns at once, with a reason wherever a text is no such value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

import numpy as np
import polars as pl

from anonymization import distinct
from pipelines.contracts.derive import POLARS_TYPES
from pipelines.contracts.formats import REQUEST, REQUEST_COLUMNS, Field
from pipelines.contracts.model import Column, Contract
from pipelines.ingestion.moments import PARTS_OF_SECOND, map_distinct, read_moments
from pipelines.ingestion.reject import Reason

ABSENT = "-"
# HTTP separates by single spaces; a URL holds neither white space nor control characters, in whatever alphabet.
REQUEST_LINE = r"^([A-Za-z]{1,20}) ([^\s\x00-\x1f\x7f-\x9f]+) HTTP/[0-9](?:\.[0-9])?$"
PRINTABLE = r"^[ -~]*$"
USUAL_METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")
USUAL_PROTOCOLS = ("HTTP/1.1", "HTTP/2.0", "HTTP/1.0", "HTTP/3.0", "HTTP/2", "HTTP/3")
TRUE, TRUTH = r"^(?i:true|1)$", r"^(?i:true|false|1|0)$"
# A sign only stands before a number below zero.
WHOLE_NUMBER, NUMBER = r"^(?:[0-9]+|-[1-9][0-9]*)$", r"^-?[0-9]+(?:\.[0-9]+)?$"
FORMS = {"boolean": TRUTH, "float64": NUMBER, "int16": WHOLE_NUMBER, "int32": WHOLE_NUMBER, "int64": WHOLE_NUMBER}
STATUS, STATUS_FORM = "status_code", "^[0-9]{3}$"
DAY, DAY_FORM = "%Y-%m-%d", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
IMPOSSIBLE = {"timestamp": Reason.IMPOSSIBLE_TIME, "date": Reason.IMPOSSIBLE_DATE}

Defect = tuple[pl.Series, Reason]


def read_values(
    texts: pl.DataFrame, fields: Mapping[str, Field], contract: Contract, timezone: str | None, unreadable: Reason
) -> tuple[pl.DataFrame, pl.Series]:
    """A source's columns, and for each row the first thing that is wrong with it, or null.

    texts: a String column for each field; what no field fills is null. unreadable: the reason for what is not written
    like a value of its column's type at all.
    """
    found, defects = {}, []
    requests = split_requests(texts[REQUEST]).to_dict() if REQUEST in fields else {}
    if requests:
        defects.append((requests["url"].is_null(), Reason.MALFORMED_REQUEST))
    for column in contract.columns:
        name = column.name
        if name in fields:
            raw = _drop_absent(texts[name], column)
            found[name] = _convert(raw, column, fields[name].written, timezone)
            defects += _find_defects(raw, found[name], column, unreadable)
        else:
            absent = pl.repeat(None, texts.height, dtype=POLARS_TYPES[column.physical_type], eager=True)
            found[name] = requests.get(name, absent)
    defects.sort(key=lambda each: each[1] is not unreadable)  # first of all, whether there is anything to judge
    return pl.DataFrame(found), name_reasons(defects, texts.height)


def _drop_absent(texts: pl.Series, column: Column) -> pl.Series:
    """A lone dash says that there is nothing; where something is required, it is left for the treatment to refuse."""
    if column.required and column.physical_type == "string":
        return texts
    return texts.to_frame("text").select(pl.when(pl.col("text") != ABSENT).then(pl.col("text")))["text"]


def _convert(texts: pl.Series, column: Column, written: str | None, timezone: str | None) -> pl.Series:
    match column.physical_type:
        case "string":
            return _convert_text(texts, written)
        case "timestamp":
            return read_moments(texts, written, timezone)
        case "boolean":
            return texts.to_frame("text").select(
                pl.when(pl.col("text").str.contains(TRUTH)).then(pl.col("text").str.contains(TRUE))
            )["text"]
        case "date":
            return _keep(texts, texts.str.contains(DAY_FORM)).str.to_date(DAY, strict=False)
        case "float64":
            numbers = texts.cast(pl.Float64, strict=False).to_frame("n") / PARTS_OF_SECOND.get(written or "", 1)
            return numbers.select(pl.when(pl.col("n").is_finite()).then(pl.col("n")))["n"]
        case kind:
            return _keep(texts, _is_well_written(texts, column)).cast(POLARS_TYPES[kind], strict=False)


def _keep(texts: pl.Series, kept: pl.Series) -> pl.Series:
    """Some of the texts, null for the others."""
    return pl.select(pl.when(kept).then(texts)).to_series()


def _is_well_written(texts: pl.Series, column: Column) -> pl.Series:
    """False for what a cast would read although it does not have the column's form; a pattern would take longer."""
    if column.name == STATUS:
        return (texts.str.len_bytes() == 3) & ~texts.str.starts_with("+") & ~texts.str.starts_with("-")
    return ~texts.str.starts_with("+") & ~texts.str.starts_with("-0")


def _form_of(column: Column) -> str:
    return STATUS_FORM if column.name == STATUS else FORMS.get(column.physical_type, "")


def _convert_text(texts: pl.Series, written: str | None) -> pl.Series:
    if written == "url_encoded":
        return map_distinct(texts, unquote, pl.String())
    return texts.str.to_uppercase() if written == "uppercase" else texts


def _find_defects(texts: pl.Series, values: pl.Series, column: Column, unreadable: Reason) -> Iterator[Defect]:
    """Rows whose text is no value of the column, is beyond its limits, or is missing; most columns have none."""
    if values.null_count() > texts.null_count():
        failed = values.is_null() & texts.is_not_null()
        has_form = texts.str.contains(_form_of(column))
        yield failed & ~has_form, unreadable
        yield failed & has_form, IMPOSSIBLE.get(column.physical_type, Reason.OUT_OF_RANGE)
    yield from find_limit_defects(values, column)
    if column.required and texts.null_count():
        yield texts.is_null(), Reason.MISSING_FIELD


def find_limit_defects(values: pl.Series, column: Column) -> Iterator[Defect]:
    """Rows beyond the limits that the contract sets for a column."""
    if "minimum" in column.limits:
        yield values < column.limits["minimum"], Reason.OUT_OF_RANGE
    if "maximum" in column.limits:
        yield values > column.limits["maximum"], Reason.OUT_OF_RANGE


def name_reasons(defects: Sequence[Defect], height: int) -> pl.Series:
    """The reason of each row's first defect, null where there is none."""
    reasons = pl.repeat(None, height, dtype=pl.String, eager=True)
    for defect, reason in reversed(defects):
        reasons.scatter(defect.arg_true(), reason.value)
    return reasons


def find_printable(texts: pl.Series) -> pl.Series:
    """Whether each text is printable ASCII throughout, which those of most columns are, one and all."""
    data = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
    characters = np.frombuffer(memoryview(data), np.uint8) if data else np.empty(0, np.uint8)
    if not characters.size or (characters.min() >= ord(" ") and characters.max() <= ord("~")):
        return texts.is_not_null()
    return texts.str.contains(PRINTABLE)


def split_requests(requests: pl.Series) -> pl.DataFrame:
    """Method and URL of request lines; null where a line is none."""
    return distinct.map_distinct(requests, _split_distinct_requests)


def _split_distinct_requests(requests: pl.Series) -> pl.DataFrame:
    """What is not usual is read by the exact pattern."""
    pieces = requests.str.split_exact(" ", 3).struct.unnest()
    method, url, protocol, more = pieces.get_columns()
    usual = method.is_in(USUAL_METHODS) & protocol.is_in(USUAL_PROTOCOLS) & more.is_null()
    usual = (usual & (url != "") & find_printable(url)).fill_null(value=False)
    frame = pl.DataFrame({"method": method, "url": url})
    if usual.all():
        return frame
    exact = requests.str.extract_groups(REQUEST_LINE).struct.unnest().rename({"1": "method", "2": "url"})
    return frame.select(
        pl.when(usual).then(pl.col(name)).otherwise(exact[name]).alias(name) for name in REQUEST_COLUMNS
    )
