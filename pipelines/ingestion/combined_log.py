"""The nginx and Apache combined log format: split fast where a line is regular, matched exactly where it is not."""

from __future__ import annotations

import polars as pl

from pipelines.ingestion.reject import Reason

TIME_FORMAT = "%d/%b/%Y:%H:%M:%S %z"
QUOTED = r'"((?:[^"\\]|\\.)*)"'
EXACT = rf'^(\S+) \S+ (\S+) \[([^\[\]]+)\] {QUOTED} (\d{{3}}) (\d+|-) {QUOTED} {QUOTED}$'
REQUEST = r"^([A-Za-z]{1,20}) (\S+) HTTP/\d(?:\.\d)?$"
FIELDS = ("client_ip", "user_id", "time", "request", "status_code", "response_bytes", "referrer", "user_agent")


def parse_combined(texts: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """The access source's columns of every line, and a reason where a line cannot be used (else null), aligned."""
    fields = _read_fields(texts)
    request = pl.col("request").str.extract_groups(REQUEST)
    typed = fields.with_columns(
        event_at=pl.col("time").str.to_datetime(TIME_FORMAT, time_unit="us", strict=False),
        method=request.struct.field("1"),
        url=request.struct.field("2"),
        status_code=pl.col("status_code").cast(pl.Int32, strict=False),
        response_bytes=pl.col("response_bytes").cast(pl.Int64, strict=False),
    )
    reasons = typed.select(
        pl.when(pl.col("client_ip").is_null()).then(pl.lit(Reason.MALFORMED_LINE.value))
        .when(pl.col("event_at").is_null()).then(pl.lit(Reason.IMPOSSIBLE_TIME.value))
        .when(pl.col("url").is_null()).then(pl.lit(Reason.MALFORMED_REQUEST.value))
        .when(~pl.col("status_code").is_between(100, 599)).then(pl.lit(Reason.OUT_OF_RANGE.value))
        .alias("reason"),
    )["reason"]
    return typed.select(*_columns()), reasons


def _columns() -> list[pl.Expr]:
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in ("device_id", "accept_language")]
    dashed = [pl.col(name).replace("-", None) for name in ("user_id", "referrer", "user_agent")]
    return [pl.col("event_at", "client_ip", "method", "url", "status_code", "response_bytes"), *dashed, *absent]


def _read_fields(texts: pl.Series) -> pl.DataFrame:
    """Text fields of every line, all null where neither way can read it."""
    split = texts.alias("line").to_frame().select(_split_regular()).unnest("fields")
    irregular = split["client_ip"].is_null()
    if not irregular.any():
        return split
    groups = texts.alias("line").to_frame().select(pl.col("line").str.extract_groups(EXACT).alias("groups"))
    exact = groups.unnest("groups").rename(dict(zip(map(str, range(1, 9)), FIELDS, strict=True)))
    return split.select(pl.when(irregular).then(exact[name]).otherwise(pl.col(name)).alias(name) for name in FIELDS)


def _split_regular() -> pl.Expr:
    """Split at quotes, then at spaces; null unless every piece is where it must be."""
    quoted = pl.col("line").str.split_exact('"', 7).struct
    head = quoted.field("field_0").str.split_exact(" ", 6).struct
    tail = quoted.field("field_2").str.split_exact(" ", 4).struct
    regular = (
        (quoted.field("field_6") == "")
        & quoted.field("field_7").is_null()
        & (quoted.field("field_4") == " ")
        & (head.field("field_5") == "")
        & head.field("field_6").is_null()
        & head.field("field_3").str.starts_with("[")
        & head.field("field_4").str.ends_with("]")
        & (tail.field("field_0") == "")
        & (tail.field("field_3") == "")
        & tail.field("field_4").is_null()
        & ~pl.col("line").str.contains("\\", literal=True)
    )
    time = pl.concat_str([head.field("field_3").str.slice(1), head.field("field_4").str.head(-1)], separator=" ")
    pieces = pl.struct(
        client_ip=head.field("field_0"),
        user_id=head.field("field_2"),
        time=time,
        request=quoted.field("field_1"),
        status_code=tail.field("field_1"),
        response_bytes=tail.field("field_2"),
        referrer=quoted.field("field_3"),
        user_agent=quoted.field("field_5"),
    )
    return pl.when(regular).then(pieces).alias("fields")
