"""Lake and ledger into marts: a new, complete DuckDB file beside the published one, for `serve` to put in its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from pipelines.contracts.model import Catalogue
from pipelines.errors import ConfigurationError
from pipelines.warehouse.describe import BuildFacts, describe_build
from pipelines.warehouse.directory import (
    PUBLISHED_NAME,
    FileIdentity,
    discard_on_failure,
    identify_file,
    lock_directory,
    name_building,
    spill_directory,
)
from pipelines.warehouse.engine import engine_errors, open_engine, quote_text
from pipelines.warehouse.marts import Mart, create_mart, fill_mart, inputs_of, plan_marts
from pipelines.warehouse.meta import define_meta
from pipelines.warehouse.people import VISITS, create_people, gather_person_days, gather_visits
from pipelines.warehouse.periods import split_days
from pipelines.warehouse.rates import mark_bots_by_rate
from pipelines.warehouse.relations import Inputs, create_relations, digest_restricted, list_days, note_days
from pipelines.warehouse.statements import find_reads
from pipelines.warehouse.views import create_recent

Fill = Callable[[duckdb.DuckDBPyConnection, Mart, Path, frozenset[date]], None]


@dataclass(frozen=True, slots=True)
class BuiltWarehouse:
    """A complete, closed warehouse file that nobody reads yet.

    tables: name and row count of each mart. event_dates: the days of events whose rows were made anew.
    based_on: the published file whose other rows were carried over, None without one.
    """

    path: Path
    tables: tuple[tuple[str, int], ...]
    event_dates: tuple[date, ...]
    based_on: FileIdentity | None


def build_warehouse(  # noqa: PLR0913 - each is a different thing that a build is made from
    target_directory: Path,
    catalogue: Catalogue,
    sql_directory: Path,
    inputs: Inputs,
    event_dates: Sequence[date] | None,
    *,
    timezone: str,
    memory_limit: str,
    built_at: datetime,
) -> BuiltWarehouse:
    """Build every mart into a new file in target_directory; a failed build leaves nothing behind.

    inputs: each lake table whole, as Parquet files (only the partitions that are needed get read) or as a frame, and
    control.<facts>. control.restrictions (columns purpose and pseudonym) must be among them, empty or not.
    event_dates: the service days whose events changed; the rows of all periods that these do not
    reach are carried over from the published file. None rebuilds the days found in the inputs, while days that have
    aged out of the lake keep the rows they had: a day that a deletion emptied must therefore be named. A mart that is
    new, or published under another contract version, is rebuilt as with None; marts of the ledger always are. Where
    somebody else was restricted in the published file, every day of the inputs is named.
    StorageBusyError while another build runs; what DuckDB raises becomes one of our errors, without its text.
    """
    published, wanted = target_directory / PUBLISHED_NAME, _select_inputs(catalogue, inputs)
    with _open_site(target_directory, timezone, memory_limit) as (engine, building):
        versions, based_on = _attach_published(engine, published), identify_file(published)
        event_dates = _name_days(engine, wanted, event_dates, digest_restricted(inputs)) if versions else event_dates
        marts = plan_build(engine, catalogue, wanted, event_dates, versions)
        create_relations(engine, catalogue, wanted, _list_days_read(marts))
        _create_tables(engine, marts)
        run_queries(engine, catalogue, sql_directory, marts)
        create_recent(engine, catalogue, inputs, built_at.astimezone(ZoneInfo(timezone)).date())
        row_counts = {mart.name: len(engine.table(mart.table)) for mart in marts}
        daily = _unite(mart.periods for mart in marts if mart.is_daily)
        days = tuple(sorted(daily.union(event_dates or ())))
        describe_build(engine, catalogue, inputs, BuildFacts(built_at, timezone, days, row_counts))
    return BuiltWarehouse(building, tuple(row_counts.items()), days, based_on)


@contextmanager
def _open_site(
    target_directory: Path, timezone: str, memory_limit: str
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """An engine with an empty database `warehouse` attached, and its file, which is complete on disk afterwards."""
    building = name_building(target_directory)
    with (
        lock_directory(target_directory),
        spill_directory(target_directory) as spill,
        discard_on_failure(building),
        engine_errors("building the marts"),
        open_engine(timezone=timezone, options={"memory_limit": memory_limit, "temp_directory": str(spill)}) as engine,
    ):
        engine.execute(f"ATTACH {quote_text(str(building))} AS warehouse")
        building.chmod(0o600)
        yield engine, building
        engine.execute("CHECKPOINT warehouse; DETACH warehouse")


def _select_inputs(catalogue: Catalogue, inputs: Inputs) -> Inputs:
    """Those inputs that some mart reads."""
    wanted = {name: contract.name for contract in catalogue.layer("marts") for name in inputs_of(contract)}
    for name, mart in wanted.items():
        if name not in inputs:
            raise ConfigurationError(f"marts.{mart} reads {name}", hint=f"pass {name} to the build")
    return {name: inputs[name] for name in wanted}


def _attach_published(engine: duckdb.DuckDBPyConnection, published: Path) -> dict[str, str]:
    """Open the published file for reading, when there is one; the contract version of each mart in it."""
    if not published.exists():
        return {}
    engine.execute(f"ATTACH {quote_text(str(published))} AS published (READ_ONLY)")
    return dict(engine.table("published.meta.tables").select("table", "contract_version").fetchall())


def _name_days(
    engine: duckdb.DuckDBPyConnection, inputs: Inputs, event_dates: Sequence[date] | None, restricted: str
) -> Sequence[date] | None:
    """The days whose events changed, or all of them when the published rows count other people than may be counted.

    Compared in here, under the lock, so that no file ever carries over what was built under another restriction.
    """
    built = engine.table("published.meta.build")
    known = built.select("restricted_digest").fetchall() if "restricted_digest" in built.columns else []
    if event_dates is None or known == [(restricted,)]:
        return event_dates
    days = _unite(list_days(name, source) for name, source in inputs.items() if name.startswith("lake."))
    return sorted(days.union(event_dates))


def plan_build(
    engine: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    inputs: Inputs,
    event_dates: Sequence[date] | None,
    published_versions: Mapping[str, str],
) -> list[Mart]:
    """Which rows of each mart are made anew; no file of the lake is opened for that."""
    note_days(engine, inputs)
    return plan_marts(engine, catalogue.layer("marts"), event_dates, published_versions)


def run_queries(
    engine: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    sql_directory: Path,
    planned: Sequence[Mart],
    fill: Fill = fill_mart,
) -> None:
    """Run the SQL of all marts, some weeks at a time: what they share, then each one's own, stored by `fill`."""
    reads = find_reads(sql_directory, [mart.name for mart in planned])
    marts = [replace(mart, reads=reads[mart.name]) for mart in planned]
    mark_bots_by_rate(engine, catalogue, sql_directory, marts)
    create_people(engine, sql_directory)
    gather_person_days(engine, sql_directory, marts)
    visited = _unite(mart.made_anew for mart in marts if VISITS in mart.reads)
    for days in split_days(_unite(mart.made_anew for mart in marts)):
        if starts := days & visited:
            gather_visits(engine, sql_directory, starts)
        for mart in marts:
            fill(engine, mart, sql_directory, days)


def _create_tables(engine: duckdb.DuckDBPyConnection, marts: Sequence[Mart]) -> None:
    """All tables at once: by itself each of some hundred statements would wait for the disk."""
    engine.execute("BEGIN; CREATE SCHEMA warehouse.marts")
    for statement in define_meta("warehouse"):
        engine.execute(statement)
    for mart in marts:
        create_mart(engine, mart)
    engine.execute("COMMIT")


def _list_days_read(marts: Iterable[Mart]) -> dict[str, frozenset[date]]:
    """By input every day of events on which some row depends that is made anew."""
    days: defaultdict[str, frozenset[date]] = defaultdict(frozenset)
    for mart in marts:
        for name in inputs_of(mart.contract):
            days[name] |= mart.read_days
    return dict(days)


def _unite(days: Iterable[frozenset[date]]) -> frozenset[date]:
    return frozenset[date]().union(*days)
