"""One mart's table in the file being built: its shape from the contract, its rows made anew or carried over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from pipelines.contracts.derive import duckdb_schema
from pipelines.contracts.model import Contract
from pipelines.warehouse.cells import blur_of, gather_cells, split_periods
from pipelines.warehouse.engine import quote_name, quote_text
from pipelines.warehouse.periods import Reach
from pipelines.warehouse.relations import PEOPLE_TABLES, RESTRICTIONS, find_dates
from pipelines.warehouse.rounding import round_columns
from pipelines.warehouse.statements import bind_select, read_query

ARRANGED = """
SELECT {columns} FROM (
{select}
) ORDER BY {key}
"""


@dataclass(frozen=True, slots=True)
class Mart:
    """One mart to build.

    periods: the first days of the periods whose published rows go. filled: those of them that get rows anew.
    has_history: whether the published file has rows to carry over. reads: the relations that its SQL names.
    """

    contract: Contract
    periods: frozenset[date]
    filled: frozenset[date]
    has_history: bool
    reads: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.contract.name

    @property
    def table(self) -> str:
        return f"warehouse.marts.{self.name}"

    @property
    def made_anew(self) -> frozenset[date]:
        """The days of the periods that get rows."""
        return reach_of(self.contract).list_days(self.filled)

    @property
    def read_days(self) -> frozenset[date]:
        """The days on whose events the rows depend that are made anew."""
        return reach_of(self.contract).find_read(self.filled)

    @property
    def period_column(self) -> str:
        return str(self.contract.properties["periodColumn"])

    @property
    def is_daily(self) -> bool:
        """Whether its rows are days of events."""
        return bool(_events_of(self.contract)) and not reach_of(self.contract).is_weekly


def inputs_of(contract: Contract) -> tuple[str, ...]:
    """The relations that a mart's query reads: those of its contract, and beside people's tables who is restricted."""
    declared = tuple(contract.properties["inputs"])
    if RESTRICTIONS in declared or PEOPLE_TABLES.isdisjoint(declared):
        return declared
    return (*declared, RESTRICTIONS)


def reach_of(contract: Contract) -> Reach:
    """The period of a mart's rows, and the days around it that a row depends on."""
    around = contract.properties.get("reach", {"before": 0, "after": 0})
    return Reach(contract.properties["period"] == "week", around["before"], around["after"])


def plan_marts(
    engine: duckdb.DuckDBPyConnection,
    contracts: Iterable[Contract],
    event_dates: Sequence[date] | None,
    published_versions: Mapping[str, str],
) -> list[Mart]:
    """Decide which periods to make anew: those of the days named, those that they reach, or all of the inputs.

    All where no days are named, in marts that are published under another contract version or not at all, and in marts
    of the ledger, for a file's day of receipt has nothing to do with the days of its events. A period without events
    in the inputs gets no row: it keeps the one it has when it was reached only, since its days may have aged out of
    the lake, and loses it when one of its own days is named.
    """
    scopes = [(contract, _find_scope(contract, event_dates, published_versions)) for contract in contracts]
    held = _find_held_days(engine, scopes)
    touched = frozenset(event_dates or ())
    return [
        _plan_mart(contract, scope, touched, held, has_history=contract.name in published_versions)
        for contract, scope in scopes
    ]


def _find_scope(
    contract: Contract, event_dates: Sequence[date] | None, published_versions: Mapping[str, str]
) -> frozenset[date] | None:
    """The periods that the days named reach; None for all."""
    is_current = published_versions.get(contract.name) == contract.version
    if event_dates is None or not is_current or not _events_of(contract):
        return None
    return reach_of(contract).find_reached(event_dates)


def _find_held_days(
    engine: duckdb.DuckDBPyConnection, scopes: Iterable[tuple[Contract, frozenset[date] | None]]
) -> dict[str, frozenset[date]]:
    """The days of which each input holds rows, each input asked once, for the days that marts need alone."""
    wanted: dict[str, frozenset[date] | None] = {}
    for contract, scope in scopes:
        days = None if scope is None else reach_of(contract).list_days(scope)
        for name in _dated_inputs(contract):
            known = wanted.get(name, frozenset())
            wanted[name] = None if days is None or known is None else known | days
    return {name: frozenset(find_dates(engine, name, days)) for name, days in wanted.items()}


def _plan_mart(
    contract: Contract,
    scope: frozenset[date] | None,
    touched: frozenset[date],
    held: Mapping[str, frozenset[date]],
    *,
    has_history: bool,
) -> Mart:
    reach = reach_of(contract)
    found = reach.find_periods(frozenset[date]().union(*(held[name] for name in _dated_inputs(contract))))
    filled = found if scope is None else found & scope
    named = reach.find_periods(touched) if _events_of(contract) else frozenset[date]()
    return Mart(contract, filled | named, filled, has_history)


def _events_of(contract: Contract) -> tuple[str, ...]:
    return tuple(name for name in inputs_of(contract) if name.startswith("lake."))


def _dated_inputs(contract: Contract) -> tuple[str, ...]:
    """The inputs whose days are those of the mart's rows: the lake's tables, or else those of the ledger."""
    return _events_of(contract) or inputs_of(contract)


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
            gather_cells(engine, mart.contract, sql_directory, part, minimum_people, blur=blur_of(mart.contract))
            rows = select_mart(engine, mart.contract, query, part, minimum_people, finish=round_columns)
            rows.insert_into(mart.table)


def select_columns(contract: Contract, select: str) -> str:
    """A SELECT's rows in the contract's columns, ordered by the primary key, as SQL."""
    names = {"columns": duckdb_schema(contract), "key": contract.properties["primaryKey"]}
    return ARRANGED.format(select=select, **{name: _list_names(listed) for name, listed in names.items()})


def select_mart(  # noqa: PLR0913 - what a mart is made of, and how it is shown
    engine: duckdb.DuckDBPyConnection,
    contract: Contract,
    query: str,
    days: Iterable[date],
    minimum_people: int,
    *,
    finish: Callable[[Contract, str], str] = select_columns,
) -> duckdb.DuckDBPyRelation:
    """The rows that the query makes for these days, in the contract's columns, ordered by the primary key.

    The query may ask for $event_dates, the days of its rows, and for $read_dates, all days that they depend on.
    finish: makes the SELECT that is run of the query; as one statement, for each step on a relation binds it again.
    """
    reach, wanted = reach_of(contract), frozenset(days)
    parameters = {
        "event_dates": sorted(wanted),
        "read_dates": sorted(reach.find_read(reach.find_periods(wanted))),
        "minimum_people": minimum_people,
    }
    return bind_select(engine, query, parameters, lambda select: finish(contract, select))


def define_table(contract: Contract, table: str) -> Iterator[str]:
    """The statements that create a mart's empty table with the types, keys and comments of its contract."""
    types = duckdb_schema(contract)
    columns = [
        f"{quote_name(column.name)} {types[column.name]}{' NOT NULL' if column.required else ''}"
        for column in contract.columns
    ]
    key = _list_names(contract.properties["primaryKey"])
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
    if mart.periods:
        published = published.filter(duckdb.ColumnExpression(mart.period_column).isnotin(*sorted(mart.periods)))
    return published.select(*columns)


def _list_names(names: Iterable[str]) -> str:
    return ", ".join(map(quote_name, names))
