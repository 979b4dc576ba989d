"""What is asked of the published warehouse, which no question changes or leaves: an analyst's SELECT, whole periods."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl

from pipelines.errors import ConfigurationError
from pipelines.warehouse.engine import engine_errors, open_engine
from pipelines.warehouse.statements import bind_select

QueryFormat = Literal["table", "csv", "json"]
WORD = re.compile(r"\w+")
# No spilling either: nothing that a query does may write to a disk.
CONFINED = {"enable_external_access": "false", "temp_directory": ""}


@dataclass(frozen=True, slots=True)
class Extract:
    """Rows of some marts, all of one publication, and when that was built."""

    marts: Mapping[str, pl.DataFrame] = field(hash=False)
    built_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a SELECT as text, their columns and count, and of each mart that it reads the first and last period.

    Marts without rows are not among them.
    """

    text: str
    columns: tuple[str, ...]
    row_count: int
    marts: Mapping[str, tuple[date, date]] = field(hash=False)


def run_query(path: Path, sql: str, *, format: QueryFormat) -> str:  # noqa: A002 - the name of the CLI's option
    """The rows of one SELECT (or DESCRIBE, SHOW, SUMMARIZE) as an aligned table, CSV with a header, or a JSON array.

    ConfigurationError when there is no warehouse yet, or when the SQL does not parse or names what does not exist;
    any other failure tells its type only, since the engine's text can hold data.
    """
    _require_warehouse(path)
    with (
        engine_errors("running the query"),
        open_engine(str(path), read_only=True, options=CONFINED) as engine,
    ):
        return _render(_bind(engine, sql), format)[0]


def run_extract(
    path: Path,
    sql: str,
    periods: Mapping[str, str],
    *,
    format: QueryFormat,  # noqa: A002 - as above
) -> Answer:
    """As `run_query`, with what is to be known of rows that are handed over.

    periods: the period column of each mart. A mart that the SQL names in whatever way counts as read from its first row
    to its last.
    """
    _require_warehouse(path)
    with (
        engine_errors("running the query"),
        open_engine(str(path), read_only=True, options=CONFINED) as engine,
    ):
        rows = _bind(engine, sql)
        text, row_count = _render(rows, format)
        named = {word.lower() for word in WORD.findall(sql)}  # the engine's own list fails on joins by USING
        spans = {mart: _find_span(engine, mart, periods[mart]) for mart in sorted(named & periods.keys())}
        return Answer(text, tuple(rows.columns), row_count, {mart: span for mart, span in spans.items() if span})


def _find_span(engine: duckdb.DuckDBPyConnection, mart: str, column: str) -> tuple[date, date] | None:
    period = duckdb.ColumnExpression(column)
    bounds = [duckdb.FunctionExpression(name, period) for name in ("min", "max")]
    ((first, last),) = engine.table(f"marts.{mart}").aggregate(bounds).fetchall()
    return None if first is None else (first, last)


def read_periods(path: Path, columns: Mapping[str, Sequence[str]], first: date, last: date) -> Extract:
    """Of each mart named that the file holds, those of the columns named that it has, in periods from first to last.

    The first of a mart's columns is its period, which it must have. ConfigurationError when there is no warehouse yet.
    """
    _require_warehouse(path)
    with (
        engine_errors("reading the warehouse"),
        open_engine(str(path), read_only=True, options=CONFINED) as engine,
    ):
        (built_at,) = engine.sql("SELECT epoch_us(built_at) FROM meta.build").fetchall()[0]
        stored = [row[0] for row in engine.sql('FROM meta.tables SELECT "table"').fetchall()]
        marts = {name: _read_periods(engine, name, columns[name], first, last) for name in columns if name in stored}
    return Extract(marts, datetime.fromtimestamp(built_at / 1e6, UTC))


def _read_periods(
    engine: duckdb.DuckDBPyConnection, mart: str, columns: Sequence[str], first: date, last: date
) -> pl.DataFrame:
    rows = engine.table(f"marts.{mart}")
    kept = [duckdb.ColumnExpression(column) for column in columns if column in rows.columns]
    period = duckdb.ColumnExpression(columns[0])
    within = period.between(duckdb.ConstantExpression(first), duckdb.ConstantExpression(last))
    frame: pl.DataFrame = rows.filter(within).select(*kept).pl()
    return frame


def _require_warehouse(path: Path) -> None:
    if not path.exists():
        raise ConfigurationError(f"there is no warehouse at {path} yet", hint="run `tokumei build-marts` first")


def _bind(engine: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    try:
        return bind_select(engine, sql, {})
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        # These three speak of the SQL and of table and column names alone.
        message = str(error).partition("\n")[0]
        raise ConfigurationError(message, hint="`FROM meta.tables` and `DESCRIBE marts.<table>` show names") from None


def _render(rows: duckdb.DuckDBPyRelation, format: QueryFormat) -> tuple[str, int]:  # noqa: A002
    """The text, and how many rows it shows."""
    if format == "json":
        return _write_json(rows)
    # DuckDB can write each of its types as text; Polars cannot hold all of them.
    frame: pl.DataFrame = rows.select("COLUMNS(*)::VARCHAR").pl()
    return frame.write_csv().removesuffix("\n") if format == "csv" else _draw_table(frame), frame.height


def _write_json(rows: duckdb.DuckDBPyRelation) -> tuple[str, int]:
    objects = rows.set_alias("query_row").select("to_json(query_row)::VARCHAR").fetchall()
    # Not-a-number and the infinities, which JSON has no word for, become null.
    values = [json.loads(text, parse_constant=lambda _: None) for (text,) in objects]
    return json.dumps(values, ensure_ascii=False), len(values)


def _draw_table(frame: pl.DataFrame) -> str:
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=10_000,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        return str(frame)
