"""The nginx and Apache combined log format, by one regular expression: a line is all that it says, or is rejected."""

from __future__ import annotations

import polars as pl

from pipelines.ingestion.reject import Reason

TIME_FORMAT = "%d/%b/%Y:%H:%M:%S %z"
BARE = r'([^ "]+)'
QUOTED = r'"((?:[^"\\]|\\.)*)"'
LINE = rf"^{BARE} [^ \"]+ {BARE} \[([^\[\]]+)\] {QUOTED} ([0-9]{{3}}) ([0-9]+|-) {QUOTED} {QUOTED}$"
FIELDS = ("client_ip", "user_id", "time", "request", "status", "bytes", "referrer", "user_agent")
REQUEST = r"^([A-Za-z]{1,20}) (\S+) HTTP/[0-9](?:\.[0-9])?$"
REQUEST_FIELDS = ("method", "url")


def parse_combined(texts: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """The access source's columns of every line, and a reason where a line cannot be used (else null), aligned."""
    fields = _match(texts, LINE, FIELDS)
    typed = pl.concat([fields, _match(fields["request"], REQUEST, REQUEST_FIELDS)], how="horizontal").with_columns(
        event_at=pl.col("time").str.to_datetime(TIME_FORMAT, time_unit="us", strict=False),
        status_code=pl.col("status").cast(pl.Int32, strict=False),
        response_bytes=pl.col("bytes").cast(pl.Int64, strict=False),
    )
    return typed.select(*_columns()), typed.select(reason=_find_reason())["reason"]


def _match(texts: pl.Series, pattern: str, names: tuple[str, ...]) -> pl.DataFrame:
    """What a pattern's groups capture, by name; all null where it does not match. Escapes stay as they are logged."""
    groups = texts.alias("text").to_frame().select(pl.col("text").str.extract_groups(pattern)).unnest("text")
    return groups.rename({str(place): name for place, name in enumerate(names, start=1)})


def _columns() -> list[pl.Expr]:
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in ("device_id", "accept_language")]
    dashed = [pl.col(name).replace("-", None) for name in ("user_id", "referrer", "user_agent")]
    return [pl.col("event_at", "client_ip", "method", "url", "status_code", "response_bytes"), *dashed, *absent]


def _find_reason() -> pl.Expr:
    """The first thing that is wrong with a line; null where nothing is."""
    uncountable = pl.col("response_bytes").is_null() & (pl.col("bytes") != "-")
    defects = {
        Reason.MALFORMED_LINE: pl.col("time").is_null(),
        Reason.IMPOSSIBLE_TIME: pl.col("event_at").is_null(),
        Reason.MALFORMED_REQUEST: pl.col("url").is_null(),
        Reason.OUT_OF_RANGE: ~pl.col("status_code").is_between(100, 599) | uncountable,
    }
    return pl.coalesce(pl.when(defect).then(pl.lit(reason.value)) for reason, defect in defects.items())
