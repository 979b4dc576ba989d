"""One mart's table in the file being built: its shape from the contract, its rows made anew or carried over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import duckdb

from pipelines.contracts.derive import duckdb_schema
from pipelines.contracts.model import Contract
from pipelines.warehouse.cells import gather_cells, split_periods
from pipelines.warehouse.engine import quote_name, quote_text
from pipelines.warehouse.relations import PEOPLE_TABLES, RESTRICTIONS, find_dates
from pipelines.warehouse.rounding import round_columns
from pipelines.warehouse.statements import bind_select, read_query

WEEKS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Mart:
    """One mart to build: the days whose rows are made anew, and whether the published file has rows to carry over."""

    contract: Contract
    days: frozenset[date]
    has_history: bool

    @property
    def name(self) -> str:
        return self.contract.name

    @property
    def table(self) -> str:
        return f"warehouse.marts.{self.name}"

    @property
    def is_weekly(self) -> bool:
        return bool(self.contract.properties["period"] == "week")

    @property
    def made_anew(self) -> frozenset[date]:
        """The days of whole periods."""
        return whole_weeks(self.days) if self.is_weekly else self.days

    @property
    def read_days(self) -> frozenset[date]:
        """The days on whose events the rows depend that are made anew."""
        reach = self.contract.properties.get("reach", {"before": 0, "after": 0})
        offsets = range(-reach["before"], reach["after"] + 1)
        return frozenset(day + timedelta(days=offset) for day in self.made_anew for offset in offsets)

    @property
    def period_column(self) -> str:
        return str(self.contract.properties["periodColumn"])

    @property
    def reads_visits(self) -> bool:
        """Only visits go beyond one day."""
        return "reach" in self.contract.properties

    @property
    def follows_events(self) -> bool:
        return any(name.startswith("lake.") for name in inputs_of(self.contract))


def inputs_of(contract: Contract) -> tuple[str, ...]:
    """The relations that a mart's query reads: those of its contract, and beside people's tables who is restricted."""
    declared = tuple(contract.properties["inputs"])
    if RESTRICTIONS in declared or PEOPLE_TABLES.isdisjoint(declared):
        return declared
    return (*declared, RESTRICTIONS)


def plan_mart(
    engine: duckdb.DuckDBPyConnection,
    contract: Contract,
    event_dates: Sequence[date] | None,
    published_versions: Mapping[str, str],
) -> Mart:
    """Decide which days to make anew: those named and those they reach, or all where naming days is not enough.

    Days are reached when the inputs hold events of them: a day that has aged out keeps the row that it had.
    """
    mart = Mart(contract, frozenset(event_dates or ()), contract.name in published_versions)
    is_current = published_versions.get(mart.name) == contract.version
    if mart.follows_events and event_dates is not None and is_current:
        return replace(mart, days=mart.days | _find_days(engine, contract, reach_days(contract, mart.days) - mart.days))
    found = _find_days(engine, contract)
    # A file's day of receipt has nothing to do with the days of its events, so the ledger's marts ignore those named.
    return replace(mart, days=mart.days | found if mart.follows_events else found)


def _find_days(
    engine: duckdb.DuckDBPyConnection, contract: Contract, among: frozenset[date] | None = None
) -> frozenset[date]:
    return frozenset[date]().union(*(find_dates(engine, name, among) for name in inputs_of(contract)))


def reach_days(contract: Contract, days: Iterable[date]) -> frozenset[date]:
    """Every day whose row depends on events of these days: a row needs the `before` and the `after` days of its own."""
    reach = contract.properties.get("reach", {"before": 0, "after": 0})
    offsets = range(-reach["after"], reach["before"] + 1)
    return frozenset(day + timedelta(days=offset) for day in days for offset in offsets)


def split_days(days: Iterable[date]) -> Iterator[frozenset[date]]:
    """The days in turn, some whole ISO weeks at a time, so that memory holds those and not all that the lake keeps."""
    for _, span in groupby(sorted(days), lambda day: week_start(day).toordinal() // (7 * WEEKS_AT_ONCE)):
        yield frozenset(span)


def create_mart(engine: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    """Create the mart's table, with the published rows of all days that are not made anew."""
    for statement in define_table(mart.contract, mart.table):
        engine.execute(statement)
    if mart.has_history:
        _carried_rows(engine, mart).insert_into(mart.table)


def fill_mart(engine: duckdb.DuckDBPyConnection, mart: Mart, sql_directory: Path, days: frozenset[date]) -> None:
    """Add the rows that are made anew for some days, whole weeks of them for a weekly mart."""
    if wanted := mart.made_anew & days:
        query, minimum_people = read_query(sql_directory, mart.name), mart.contract.minimum_people
        for part in split_periods(mart.contract, wanted):
            gather_cells(engine, mart.contract, sql_directory, part, minimum_people)
            rows = select_mart(engine, mart.contract, query, part, minimum_people)
            round_columns(mart.contract, rows).insert_into(mart.table)


def select_mart(
    engine: duckdb.DuckDBPyConnection, contract: Contract, query: str, days: Iterable[date], minimum_people: int
) -> duckdb.DuckDBPyRelation:
    """The rows that the query makes for these days, in the contract's columns, ordered by the primary key."""
    parameters = {"event_dates": sorted(days), "minimum_people": minimum_people}
    rows = bind_select(engine, query, parameters).select(*duckdb_schema(contract))
    return rows.order(", ".join(quote_name(name) for name in contract.properties["primaryKey"]))


def whole_weeks(days: Iterable[date]) -> frozenset[date]:
    """Every day, Monday to Sunday, of the ISO weeks that the days lie in."""
    return frozenset(week_start(day) + timedelta(days=weekday) for day in days for weekday in range(7))


def week_start(day: date) -> date:
    """The Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def define_table(contract: Contract, table: str) -> Iterator[str]:
    """The statements that create a mart's empty table with the types, keys and comments of its contract."""
    types = duckdb_schema(contract)
    columns = [
        f"{quote_name(column.name)} {types[column.name]}{' NOT NULL' if column.required else ''}"
        for column in contract.columns
    ]
    key = ", ".join(quote_name(name) for name in contract.properties["primaryKey"])
    yield f"CREATE TABLE {table} ({', '.join(columns)}, PRIMARY KEY ({key}))"
    description = f"{contract.purpose} Grain: {contract.grain}. {contract.limitations}".strip()
    yield f"COMMENT ON TABLE {table} IS {quote_text(description)}"
    for column in contract.columns:
        yield f"COMMENT ON COLUMN {table}.{quote_name(column.name)} IS {quote_text(column.description)}"


def _carried_rows(engine: duckdb.DuckDBPyConnection, mart: Mart) -> duckdb.DuckDBPyRelation:
    """The published rows of all periods that are not made anew; a column that they lack is null."""
    published = engine.table(f"published.marts.{mart.name}")
    columns = [
        duckdb.ColumnExpression(name) if name in published.columns else duckdb.ConstantExpression(None).alias(name)
        for name in duckdb_schema(mart.contract)
    ]
    periods = {week_start(day) for day in mart.days} if mart.is_weekly else mart.days
    if periods:
        published = published.filter(duckdb.ColumnExpression(mart.period_column).isnotin(*sorted(periods)))
    return published.select(*columns)
