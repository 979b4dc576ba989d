"""The warehouse from lake files to an analyst's query: built aside, checked, put in place in one step, confined."""

import shutil
import stat
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.derive import duckdb_schema
from pipelines.contracts.model import Catalogue
from pipelines.errors import ConfigurationError, DataQualityError, StorageBusyError, TokumeiError, TransientError
from pipelines.warehouse.build import BuiltWarehouse
from pipelines.warehouse.directory import lock_directory
from tests.integration.warehouses import (
    CATALOGUE,
    MARTS,
    MONDAY,
    SETTINGS,
    all_marts,
    build,
    busy_inputs,
    inputs_from,
    pseudonym,
    publish,
    rows_of,
)

FAR_READERS = {"active_users_daily", "retention_weekly", "satisfaction_weekly"}  # weeks of page views
NEAR_MARTS = [contract.name for contract in MARTS if contract.name not in FAR_READERS]
REACH_OF_VISITS = (
    3  # a day reaches those beside it, which need those beside them, where bots are told by the day beside
)
UNCASTABLE = """
SELECT event_date, term, CAST(term AS BIGINT) AS search_count, 0 AS zero_result_count, 0 AS click_count,
    10 AS people_at_least
FROM lake.searches
"""

READER = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as engine:
    print(len(engine.table("marts.usage_daily")), flush=True)
    input()
    print(len(engine.table("marts.usage_daily")), flush=True)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltWarehouse:
    """One that is only looked at."""
    return build(tmp_path_factory.mktemp("built"), busy_inputs())


def write_partitions(frame: pl.DataFrame, directory: Path, keys: list[str]) -> list[str]:
    """Data files as Delta lays them out: partition columns are in the path and not in the file."""
    paths = []
    for values, rows in frame.partition_by(keys, as_dict=True, include_key=False).items():
        folder = directory.joinpath(*(f"{key}={value}" for key, value in zip(keys, values, strict=True)))
        folder.mkdir(parents=True)
        rows.write_parquet(folder / "part-00000.parquet")
        paths.append(str(folder / "part-00000.parquet"))
    return paths


def test_parquet_partitions_give_the_same_marts_as_frames(tmp_path: Path):
    frames = busy_inputs()
    partitions = {"page_views": ["event_date", "subject_bucket"], "searches": ["event_date"]}
    files = {
        f"lake.{table}": write_partitions(frames[f"lake.{table}"], tmp_path / table, keys)
        for table, keys in partitions.items()
    }
    from_files = build(tmp_path / "files", frames | files)
    assert all(count > 0 for _, count in from_files.tables)
    assert all_marts(from_files.path) == all_marts(build(tmp_path / "frames", frames).path)


@pytest.mark.slow
def test_late_day_opens_no_file_but_those_of_the_days_that_it_needs(tmp_path: Path):
    """The rows of the days around come from their files, all others from what is published, and all are the same."""
    near = Catalogue(tuple(contract for contract in CATALOGUE.contracts if contract.name not in FAR_READERS))
    frames, late = busy_inputs(days=9), MONDAY + timedelta(days=4)
    files = write_partitions(frames["lake.page_views"], tmp_path / "page_views", ["event_date", "subject_bucket"])
    inputs = frames | {"lake.page_views": files}
    published = publish(build(tmp_path / "warehouse", inputs, catalogue=near))
    expected = {name: rows_of(published, f"marts.{name}") for name in NEAR_MARTS}
    for path in files:
        if abs(days_between(path, late)) > REACH_OF_VISITS:
            Path(path).write_bytes(b"no Parquet")
    built = build(tmp_path / "warehouse", inputs, [late], catalogue=near)
    assert {name: rows_of(built.path, f"marts.{name}") for name in NEAR_MARTS} == expected
    with pytest.raises(TokumeiError):
        build(tmp_path / "warehouse", inputs, [MONDAY], catalogue=near)


def days_between(path: str, day: date) -> int:
    return (date.fromisoformat(path.partition("event_date=")[2][:10]) - day).days


def test_tables_have_the_types_keys_and_comments_of_their_contracts(built: BuiltWarehouse):
    for contract in MARTS:
        columns = rows_of(built.path, f"(DESCRIBE marts.{contract.name})")
        assert {column["column_name"]: column["column_type"] for column in columns} == duckdb_schema(contract)
        assert {column["column_name"] for column in columns if column["key"] == "PRI"} == set(
            contract.properties["primaryKey"]
        )
        assert {column["column_name"] for column in columns if column["null"] == "NO"} == {
            column.name for column in contract.columns if column.required
        }
    comments = "(SELECT table_name, column_name, comment FROM duckdb_columns() WHERE schema_name = 'marts')"
    assert {(row["table_name"], row["column_name"], row["comment"]) for row in rows_of(built.path, comments)} == {
        (contract.name, column.name, column.description) for contract in MARTS for column in contract.columns
    }
    tables = "(SELECT comment FROM duckdb_tables())"
    assert all(row["comment"] for row in rows_of(built.path, tables))


def test_meta_tells_what_the_file_is(built: BuiltWarehouse):
    assert {(row["table"], row["row_count"]) for row in rows_of(built.path, "meta.tables")} == set(built.tables)
    (build_row,) = rows_of(built.path, "meta.build")
    assert build_row["event_dates"] == ["2026-11-02", "2026-11-03"]
    assert built.event_dates == (MONDAY, MONDAY + timedelta(days=1))
    assert build_row["contract_versions"]["marts.usage_daily"] == "2.1.0"


def test_no_pseudonym_and_no_binary_column_is_in_the_file(built: BuiltWarehouse):
    content = built.path.read_bytes()
    assert b"Browser 1" in content  # what is stored can be found in the bytes, so the next line proves something
    assert b"planted" not in content
    assert not rows_of(built.path, "(SELECT column_name FROM duckdb_columns() WHERE data_type = 'BLOB')")


def test_build_leaves_one_private_file_and_nothing_else(tmp_path: Path):
    directory = tmp_path / "warehouse"
    built = build(directory, busy_inputs())
    assert list(directory.iterdir()) == [built.path]
    assert stat.S_IMODE(built.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_spill_of_a_killed_build_is_wiped_before_the_next(tmp_path: Path):
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill" / "duckdb_temp_storage-0.tmp").write_bytes(pseudonym(1))
    built = build(tmp_path, busy_inputs())
    assert list(tmp_path.iterdir()) == [built.path]


def test_no_input_rows_give_empty_typed_tables(tmp_path: Path):
    built = build(tmp_path, {name: [] for name in inputs_from()})
    assert [count for _, count in built.tables] == [0] * len(MARTS)


def copy_sql(directory: Path, table: str, query: str) -> Path:
    shutil.copytree(SETTINGS.sql, directory)
    (directory / "marts" / table / "query.sql").write_text(query)
    return directory


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (UNCASTABLE, DataQualityError),
        ("SELECT nonsense FROM lake.searches", ConfigurationError),
        ("SELECT event_date, $secret FROM lake.searches", ConfigurationError),
        ("SELECT 1; SELECT 2", ConfigurationError),
        ("CREATE TABLE warehouse.marts.copy AS FROM lake.searches", ConfigurationError),
    ],
)
def test_failed_build_tells_no_value_and_keeps_the_published_file(
    tmp_path: Path, query: str, error: type[TokumeiError]
):
    published = publish(build(tmp_path / "warehouse", busy_inputs()))
    before, left = published.read_bytes(), set(published.parent.iterdir())
    sql = copy_sql(tmp_path / "sql", "search_terms_daily", query)
    with pytest.raises(error) as raised:
        build(tmp_path / "warehouse", busy_inputs(), sql=sql)
    assert "camera" not in str(raised.value)
    assert set(published.parent.iterdir()) == left
    assert published.read_bytes() == before


def test_missing_lake_file_is_worth_a_retry_and_names_no_path(tmp_path: Path):
    inputs = busy_inputs() | {"lake.searches": [str(tmp_path / "event_date=2026-11-02" / "gone.parquet")]}
    with pytest.raises(TransientError, match="IOException") as raised:
        build(tmp_path, inputs)
    assert "gone" not in str(raised.value)


def test_input_that_was_not_passed_is_named(tmp_path: Path):
    inputs = busy_inputs()
    del inputs["lake.searches"]
    with pytest.raises(ConfigurationError, match=r"marts\.search_terms_daily reads lake\.searches"):
        build(tmp_path, inputs)


def test_second_build_at_the_same_time_is_refused(tmp_path: Path):
    with lock_directory(tmp_path), pytest.raises(StorageBusyError, match="another build"):
        build(tmp_path, busy_inputs())


@pytest.mark.slow
def test_reader_of_the_old_file_is_never_disturbed(tmp_path: Path):
    published = publish(build(tmp_path, busy_inputs(days=1)))
    command = [sys.executable, "-c", READER, str(published)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "1\n"
        publish(build(tmp_path, busy_inputs(days=3)))
        assert len(rows_of(published, "marts.usage_daily")) == 3
        assert reader.communicate("\n")[0] == "1\n"
        assert reader.returncode == 0


def test_publication_removes_what_dead_builds_left(tmp_path: Path):
    (tmp_path / "tokumei.duckdb.dead.building").touch()
    (tmp_path / "tokumei.duckdb.dead.building.wal").touch()
    published = publish(build(tmp_path, busy_inputs()))
    assert set(tmp_path.iterdir()) == {published, tmp_path / "parquet"}
    assert stat.S_IMODE(published.stat().st_mode) == 0o600


@pytest.mark.slow
def test_build_on_a_file_that_was_replaced_meanwhile_is_not_published(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    slow = build(tmp_path, busy_inputs(days=2), [MONDAY])
    publish(build(tmp_path, busy_inputs(days=3)))
    with pytest.raises(StorageBusyError, match="published anew"):
        publish(slow)
    assert len(rows_of(tmp_path / "tokumei.duckdb", "marts.usage_daily")) == 3
