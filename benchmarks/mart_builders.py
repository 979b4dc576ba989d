"""One way of building all marts of a home, in a process of its own, and what it came to as JSON.

Arguments: the way, the home, the file to write. `full` is the journey from an empty warehouse, with its gates, keys,
comments, Parquet files and publication. `late` is the journey once more, of one day in the middle, as if an event had
come late. `hand` is the SQL alone, as somebody would run it who had the same Parquet files: plain views of them, the
same tables in between, the same query.sql for the same days, each mart stored as it comes.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.erasers import time_work
from benchmarks.page_views import DAYS, FIRST_DAY
from pipelines.journeys.build_marts import build_marts, read_inputs, rebuild_marts
from pipelines.journeys.house import House, open_house
from pipelines.journeys.restrict import list_restricted
from pipelines.settings import load_settings
from pipelines.warehouse.build import plan_build, run_queries
from pipelines.warehouse.cells import blur_of, gather_cells
from pipelines.warehouse.engine import quote_text
from pipelines.warehouse.extract import read_content
from pipelines.warehouse.marts import Mart, select_mart
from pipelines.warehouse.relations import create_relations
from pipelines.warehouse.statements import read_query

LATE_DAY = date.fromordinal(FIRST_DAY.toordinal() + DAYS // 2)


def main() -> None:
    """Build, and write down the seconds, once started up and to start up, and the rows of each mart."""
    way, home = sys.argv[1], Path(sys.argv[2])
    started = time.perf_counter()
    if way != "hand":
        importlib.import_module("great_expectations")  # which the gates need, and which takes seconds by itself
    house = open_house(load_settings({"TOKUMEI_HOME": str(home)}))
    start_up = time.perf_counter() - started
    found: dict[str, object] = dict(time_work(lambda: WAYS[way](house)))
    rows = count_rows(house) if way == "hand" else read_content(house.settings.warehouse_file).row_counts
    held = {name: count for name, count in rows.items() if count}
    Path(sys.argv[3]).write_text(json.dumps({**found, "start_up": start_up, "rows": held}))


def build_late_day(house: House) -> None:
    """The journey for one day that was touched."""
    build_marts(house, also=[LATE_DAY])


def build_by_hand(house: House) -> None:
    """All marts into a new file."""
    settings, inputs = house.settings, read_inputs(house, list_restricted(house))
    with duckdb.connect(str(_file_by_hand(house)), config={"memory_limit": settings.memory_limit}) as engine:
        engine.execute(f"SET TimeZone = {quote_text(settings.timezone)}")
        files = {name: paths for name, paths in inputs.items() if not isinstance(paths, pl.DataFrame) and paths}
        create_relations(engine, house.catalogue, {name: inputs[name] for name in inputs.keys() - files.keys()})
        for name, paths in files.items():
            listed = ", ".join(map(quote_text, paths))
            engine.execute(f"CREATE VIEW {name} AS FROM read_parquet([{listed}], hive_partitioning = true)")
        engine.execute("CREATE SCHEMA marts")
        marts = plan_build(engine, house.catalogue, inputs, None, {})
        run_queries(engine, house.catalogue, settings.sql, marts, _store)


def _store(engine: duckdb.DuckDBPyConnection, mart: Mart, sql_directory: Path, days: frozenset[date]) -> None:
    """The rows of a mart as its query gives them, without keys, rounding or comments."""
    if wanted := mart.made_anew & days:
        query, minimum_people = read_query(sql_directory, mart.name), mart.contract.minimum_people
        gather_cells(engine, mart.contract, sql_directory, wanted, minimum_people, blur=blur_of(mart.contract))
        rows = select_mart(engine, mart.contract, query, wanted, minimum_people)
        exists = engine.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'marts' AND table_name = ?", [mart.name]
        )
        if exists.fetchall():
            rows.insert_into(f"marts.{mart.name}")
        else:
            rows.to_table(f"marts.{mart.name}")


def count_rows(house: House) -> Mapping[str, int]:
    """The rows of each mart that was built by hand."""
    with duckdb.connect(str(_file_by_hand(house)), read_only=True) as engine:
        tables = engine.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'").fetchall()
        return {name: len(engine.table(f"marts.{name}")) for (name,) in tables}


def _file_by_hand(house: House) -> Path:
    return house.settings.home.with_name("hand.duckdb")


WAYS: Mapping[str, Callable[[House], object]] = {"hand": build_by_hand, "full": rebuild_marts, "late": build_late_day}

if __name__ == "__main__":
    main()
