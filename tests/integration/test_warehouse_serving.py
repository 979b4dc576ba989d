"""What analysts get: a file that explains itself, views of recent days, Parquet beside it, and nobody disturbed."""

import json
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.contracts.derive import duckdb_schema
from pipelines.errors import ConfigurationError
from pipelines.warehouse.build import BuiltWarehouse
from pipelines.warehouse.describe import QualityRow, record_quality
from pipelines.warehouse.directory import sweep_dead_builds
from pipelines.warehouse.export import is_exported
from tests.integration.warehouses import (
    BUILT_AT,
    CATALOGUE,
    MARTS,
    MONDAY,
    build,
    busy_inputs,
    inputs_from,
    publish,
    received_file,
    rows_of,
    view,
)

DAILY = [contract for contract in MARTS if contract.properties["period"] == "day"]
UNEXPLAINED = """
SELECT 'table' AS kind, schema_name, table_name AS name FROM duckdb_tables() WHERE coalesce(comment, '') = ''
UNION ALL
SELECT 'view', schema_name, view_name FROM duckdb_views() WHERE NOT internal AND coalesce(comment, '') = ''
UNION ALL
SELECT 'column', table_name, column_name FROM duckdb_columns() WHERE NOT internal AND coalesce(comment, '') = ''
"""
VERDICT = QualityRow("marts.usage_daily", "page_views__range", "critical", "rows", 0, 0, 0, passed=True)
READER = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as engine:
    for _ in sys.stdin:
        tables = engine.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        rows = {name: engine.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in tables}
        rows["recent"] = engine.execute("SELECT count(*) FROM recent.usage_daily").fetchone()[0]
        print(json.dumps(rows), flush=True)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltWarehouse:
    """One that is only looked at."""
    return build(tmp_path_factory.mktemp("built"), busy_inputs())


def open_as(path: Path, name: str) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect()
    engine.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
    return engine


def exported(directory: Path) -> dict[str, pl.DataFrame]:
    return {path.stem: pl.read_parquet(path) for path in (directory / "parquet").iterdir()}


def agrees(path: Path) -> bool:
    """Whether every Parquet file holds the very rows of its mart in the published file."""
    with duckdb.connect(str(path), read_only=True) as engine:
        marts = {contract.name: engine.table(f"marts.{contract.name}").order("ALL").fetchall() for contract in MARTS}
        return {
            name: engine.execute(f"FROM read_parquet('{path.parent}/parquet/{name}.parquet') ORDER BY ALL").fetchall()
            for name in marts
        } == marts


def test_every_table_view_and_column_explains_itself(built: BuiltWarehouse):
    assert rows_of(built.path, f"({UNEXPLAINED})") == []
    views = rows_of(built.path, "(SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal)")
    assert {(row["schema_name"], row["view_name"]) for row in views} == {("recent", each.name) for each in DAILY}


def test_columns_are_described_in_meta_as_in_their_comments(built: BuiltWarehouse):
    described = {
        (row["table"], row["column"]): (row["type"], row["description"]) for row in rows_of(built.path, "meta.columns")
    }
    comments = rows_of(built.path, "(SELECT * FROM duckdb_columns() WHERE schema_name = 'marts')")
    assert described == {
        (row["table_name"], row["column_name"]): (row["data_type"], row["comment"]) for row in comments
    }
    assert {name for name, _ in described} == {contract.name for contract in MARTS}


def test_recent_views_hold_the_28_complete_days_before_the_newest_day_of_events(tmp_path: Path):
    days = [BUILT_AT.date() - timedelta(days=offset) for offset in reversed(range(31))]
    built = build(tmp_path, inputs_from(page_views=[view(day, person) for day in days for person in range(12)]))
    recent = rows_of(built.path, "recent.usage_daily")
    assert [row["event_date"] for row in recent] == [str(day) for day in days[2:30]]
    assert recent == [row for row in rows_of(built.path, "marts.usage_daily") if row in recent]
    (comment,) = rows_of(built.path, "(SELECT comment FROM duckdb_views() WHERE view_name = 'usage_daily')")
    assert f"{days[2]} to {days[29]}" in comment["comment"]


def test_newest_day_is_that_of_all_tables_and_of_receipt_for_the_ledger_s_marts(tmp_path: Path):
    inputs = inputs_from(
        page_views=[view(MONDAY, person) for person in range(12)],
        searches=[{"event_date": MONDAY + timedelta(days=1), "term": "camera", "people_sketch": 1, "page_number": 1}],
        source_files=[received_file(MONDAY + timedelta(days=offset), read=1, accepted=1) for offset in (5, 6, 7)],
    )
    built = build(tmp_path, inputs)
    assert [row["event_date"] for row in rows_of(built.path, "recent.usage_daily")] == [str(MONDAY)]
    received = [row["received_date"] for row in rows_of(built.path, "recent.data_quality_daily")]
    assert received == [str(MONDAY + timedelta(days=offset)) for offset in (5, 6)]


def test_event_of_a_day_that_has_not_begun_makes_no_day_complete(tmp_path: Path):
    """It is still the 22nd in Tokyo when the build begins: an event of the 23rd comes of a clock that is wrong."""
    days = [BUILT_AT.date() + timedelta(days=offset) for offset in (-1, 0, 1, 400)]
    built = build(tmp_path, inputs_from(page_views=[view(day, person) for day in days for person in range(12)]))
    assert [row["event_date"] for row in rows_of(built.path, "recent.usage_daily")] == [str(days[0])]


def test_recent_views_are_empty_while_no_day_is_known_and_hold_no_clock(tmp_path: Path):
    built = build(tmp_path, inputs_from())
    assert [rows_of(built.path, f"recent.{contract.name}") for contract in DAILY] == [[]] * len(DAILY)
    definitions = rows_of(built.path, "(SELECT sql FROM duckdb_views() WHERE NOT internal)")
    assert not any(word in str(definitions).lower() for word in ("current_", "today", "now("))


@pytest.mark.parametrize("name", ["tokumei", "warehouse", "w"])
def test_views_can_be_read_under_any_name_that_the_file_is_given(tmp_path: Path, name: str):
    published = publish(build(tmp_path, busy_inputs(days=3)))
    with open_as(published, name) as engine:
        assert len(engine.execute(f"FROM {name}.recent.usage_daily").fetchall()) == 2


def test_meta_tells_how_fresh_each_table_is_and_what_was_taken_in(tmp_path: Path):
    late = received_file(MONDAY + timedelta(days=3), read=9, accepted=7, rejected=2)
    held = received_file(MONDAY + timedelta(days=4), read=5, accepted=5) | {"state": "held"}
    accounts = inputs_from(source_files=[late, late, held])["control.source_files"]
    built = build(tmp_path, busy_inputs() | {"control.source_files": accounts})
    freshness = {(row["table"], row["source"]): row for row in rows_of(built.path, "meta.freshness")}
    assert freshness["page_views", "access"]["newest_event_date"] == str(MONDAY + timedelta(days=1))
    assert freshness["page_views", "access"]["last_received_date"] == str(MONDAY + timedelta(days=3))
    assert freshness["survey_responses", "surveys"]["last_received_date"] is None
    assert rows_of(built.path, "meta.source_files") == [
        {
            "received_date": str(MONDAY + timedelta(days=3)),
            "source": "access",
            "file_count": 2,
            "read_count": 18,
            "accepted_count": 14,
        }
    ]


def test_meta_follows_each_mart_back_to_the_files_received(built: BuiltWarehouse):
    lineage = {(row["mart"], row["input"], row["source"]) for row in rows_of(built.path, "meta.lineage")}
    assert ("usage_daily", "lake.page_views", "access") in lineage
    assert ("data_quality_daily", "control.source_files", None) in lineage
    assert {(mart, name) for mart, name, _ in lineage} == {
        (contract.name, name) for contract in MARTS for name in contract.properties["inputs"]
    }


def test_quality_is_recorded_before_publication_and_leaves_no_free_block(tmp_path: Path):
    """A free block would keep deletions open, so whatever is recorded, and however often, must leave none."""
    built = build(tmp_path, busy_inputs(days=5))
    rows = [replace(VERDICT, rule=f"rule_{number}", observed=number) for number in range(300)]
    for count in (1, 300, 50):
        record_quality(built.path, rows[:count])
        assert len(rows_of(built.path, "meta.quality")) == count
        (size,) = rows_of(built.path, "pragma_database_size()")
        assert size["free_blocks"] == 0
        assert [path.name for path in tmp_path.iterdir()] == [built.path.name]
        assert stat.S_IMODE(built.path.stat().st_mode) == 0o600
    published = publish(built)
    assert rows_of(published, f"({UNEXPLAINED})") == []
    assert len(rows_of(published, "meta.quality")) == 50
    keys = rows_of(published, "(SELECT * FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY')")
    assert {contract.name for contract in MARTS} <= {row["table_name"] for row in keys}


def test_parquet_files_hold_what_the_published_file_holds(tmp_path: Path):
    for days in (1, 3):
        published = publish(build(tmp_path, busy_inputs(days=days)))
        assert agrees(published)
        assert is_exported(published)
    frames = exported(tmp_path)
    assert frames.keys() == {contract.name for contract in MARTS}
    assert frames["usage_daily"].columns == list(duckdb_schema(CATALOGUE.get("marts", "usage_daily")))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "parquet").iterdir()}
    assert (modes, stat.S_IMODE((tmp_path / "parquet").stat().st_mode)) == ({0o600}, 0o700)


def test_parquet_file_of_a_mart_that_is_no_more_vanishes(tmp_path: Path):
    publish(build(tmp_path, busy_inputs()))
    (tmp_path / "parquet" / "forgotten_daily.parquet").write_bytes(b"PAR1")
    published = tmp_path / "tokumei.duckdb"
    assert not is_exported(published)
    publish(build(tmp_path, busy_inputs()))
    assert exported(tmp_path).keys() == {contract.name for contract in MARTS}


def test_whoever_reads_an_old_parquet_file_keeps_reading_it(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    with (tmp_path / "parquet" / "usage_daily.parquet").open("rb") as held:
        publish(build(tmp_path, busy_inputs(days=3)))
        assert pl.read_parquet(held).height == 1
    assert exported(tmp_path)["usage_daily"].height == 3


@pytest.mark.slow
def test_publication_killed_between_file_and_export_is_noticed_and_mended(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    built = build(tmp_path, busy_inputs(days=2))
    (tmp_path / "parquet.0123456789abcdef.building").mkdir()
    published = built.path.replace(tmp_path / "tokumei.duckdb")
    assert not is_exported(published)
    sweep_dead_builds(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"tokumei.duckdb", "parquet"}
    publish(build(tmp_path, busy_inputs(days=2)))
    assert is_exported(published)


def test_export_that_fails_publishes_nothing(tmp_path: Path):
    published = publish(build(tmp_path, busy_inputs(days=1)))
    built = build(tmp_path, busy_inputs(days=2))
    with duckdb.connect(str(built.path)) as engine:
        engine.execute("DROP VIEW recent.usage_daily; DROP TABLE marts.usage_daily")
    with pytest.raises(ConfigurationError, match="exporting"):
        publish(built)
    assert agrees(published)
    assert not list(tmp_path.glob("parquet.*"))


@pytest.mark.slow
def test_reader_in_another_process_is_undisturbed_through_two_publications(tmp_path: Path):
    """The old file loses its name, not its bytes: what was open can be read to its end, table by table."""
    published = publish(build(tmp_path, busy_inputs(days=2)))
    command = [sys.executable, "-c", READER, str(published)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        seen = []
        for days in (None, 3, 4):
            if days:
                publish(build(tmp_path, busy_inputs(days=days)))
                assert len(rows_of(published, "marts.usage_daily")) == days
            reader.stdin.write("\n")
            reader.stdin.flush()
            seen.append(json.loads(reader.stdout.readline()))
        reader.stdin.close()
        assert reader.wait() == 0
    assert seen[0] == seen[1] == seen[2]
    assert (seen[0]["marts.usage_daily"], seen[0]["recent"]) == (2, 1)


def test_file_of_an_older_layout_is_carried_over_whole(tmp_path: Path):
    """Its meta knows neither columns nor freshness: only what is carried over is read of it."""
    published = publish(build(tmp_path, busy_inputs(days=3)))
    with duckdb.connect(str(published)) as engine:
        engine.execute("DROP SCHEMA recent CASCADE; DROP TABLE meta.columns; DROP TABLE meta.freshness")
    built = build(tmp_path, inputs_from(), [date(2026, 11, 20)])
    assert len(rows_of(built.path, "marts.usage_daily")) == 3
