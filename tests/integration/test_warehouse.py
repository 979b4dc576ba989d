"""The warehouse from lake files to an analyst's query: built aside, checked, put in place in one step, confined."""

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import duckdb_schema, polars_schema
from pipelines.contracts.model import Catalogue, load_catalogue
from pipelines.errors import ConfigurationError, DataQualityError, StorageBusyError, TokumeiError, TransientError
from pipelines.settings import load_settings
from pipelines.warehouse.build import BuiltWarehouse, build_warehouse
from pipelines.warehouse.checks import run_checks
from pipelines.warehouse.directory import lock_directory
from pipelines.warehouse.query import run_query
from pipelines.warehouse.relations import Inputs
from pipelines.warehouse.serve import publish_warehouse

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MARTS = CATALOGUE.layer("marts")
MONDAY = date(2026, 11, 2)
BUILT_AT = datetime(2026, 11, 22, 10, 45, tzinfo=UTC)

UNCASTABLE = """
SELECT event_date, term, CAST(term AS BIGINT) AS search_count, 0 AS zero_result_count, 0 AS click_count,
    10 AS people_at_least
FROM lake.searches
"""

Row = dict[str, object]


READER = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as engine:
    print(len(engine.table("marts.usage_daily")), flush=True)
    input()
    print(len(engine.table("marts.usage_daily")), flush=True)
"""


def view(day: date, person: int, minute: int = 0) -> Row:
    return {
        "event_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC) + timedelta(minutes=minute),
        "event_date": day,
        "subject_bucket": person % 4,
        "visitor_pseudonym": pseudonym(person),
        "user_pseudonym": pseudonym(person + 500) if person % 2 else None,
        "is_page_view": True,
        "status_code": 200,
        "response_bytes": 100,
        "browser_family": f"Browser {person % 3}",
        "os_family": "Linux",
        "device_class": "desktop",
    }


def search(day: date, person: int, term: str = "camera") -> Row:
    return {"event_date": day, "term": term, "people_sketch": person % 64, "page_number": 1, "result_count": 1}


def answer(day: date, person: int, csat: int = 5) -> Row:
    return {
        "event_date": day,
        "subject_bucket": person % 2,
        "user_pseudonym": pseudonym(person + 900),
        "survey_id": "after_sale",
        "csat": csat,
    }


def received_file(day: date, **counts: int) -> Row:
    figures = dict.fromkeys(("read", "accepted", "rejected", "duplicate", "suppressed", "late"), 0) | counts
    return {"received_date": day, "source": "access", "state": "committed"} | {
        f"{name}_count": count for name, count in figures.items()
    }


def pseudonym(number: int) -> bytes:
    """Sixteen bytes that no other part of a file holds by chance."""
    return b"planted" + number.to_bytes(9, "big")


def inputs_from(**rows: list[Row]) -> dict[str, pl.DataFrame]:
    """Every input as a frame: page_views, searches, survey_responses and source_files, empty when left out."""
    lake = {
        f"lake.{table}": pl.DataFrame(rows.get(table, []), schema=polars_schema(CATALOGUE.get("lake", table)))
        for table in ("page_views", "searches", "survey_responses")
    }
    files = rows.get("source_files", [])
    return lake | {"control.source_files": pl.DataFrame([*files, received_file(MONDAY)]).head(len(files))}


def busy_inputs(days: int = 2) -> dict[str, pl.DataFrame]:
    """Enough people on each day for every mart to have rows."""
    dates = [MONDAY + timedelta(days=offset) for offset in range(days)]
    return inputs_from(
        page_views=[view(day, person) for day in dates for person in range(40)],
        searches=[search(day, person) for day in dates for person in range(12)],
        survey_responses=[answer(day, person) for day in dates for person in range(30)],
        source_files=[received_file(day, read=40, accepted=40) for day in dates],
    )


def write_partitions(frame: pl.DataFrame, directory: Path, keys: list[str]) -> list[str]:
    """Data files as Delta lays them out: partition columns are in the path and not in the file."""
    paths = []
    for values, rows in frame.partition_by(keys, as_dict=True, include_key=False).items():
        folder = directory.joinpath(*(f"{key}={value}" for key, value in zip(keys, values, strict=True)))
        folder.mkdir(parents=True)
        rows.write_parquet(folder / "part-00000.parquet")
        paths.append(str(folder / "part-00000.parquet"))
    return paths


def build(
    directory: Path,
    inputs: Inputs,
    event_dates: Sequence[date] | None = None,
    *,
    catalogue: Catalogue = CATALOGUE,
    sql: Path = SETTINGS.sql,
) -> BuiltWarehouse:
    return build_warehouse(
        directory,
        catalogue,
        sql,
        inputs,
        event_dates,
        timezone="Asia/Tokyo",
        memory_limit="500MB",
        built_at=BUILT_AT,
    )


def publish(built: BuiltWarehouse) -> Path:
    return publish_warehouse(built, built.path.parent / "tokumei.duckdb")


def rows_of(path: Path, table: str) -> list[Row]:
    return json.loads(run_query(path, f"FROM {table} ORDER BY ALL", format="json"))


def all_marts(path: Path) -> dict[str, list[Row]]:
    return {contract.name: rows_of(path, f"marts.{contract.name}") for contract in MARTS}


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


def test_tables_have_the_types_keys_and_comments_of_their_contracts(tmp_path: Path):
    built = build(tmp_path, busy_inputs())
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


def test_meta_tells_what_the_file_is(tmp_path: Path):
    built = build(tmp_path, busy_inputs())
    assert {(row["table"], row["row_count"]) for row in rows_of(built.path, "meta.tables")} == set(built.tables)
    (build_row,) = rows_of(built.path, "meta.build")
    assert build_row["event_dates"] == ["2026-11-02", "2026-11-03"]
    assert built.event_dates == (MONDAY, MONDAY + timedelta(days=1))
    assert build_row["contract_versions"]["marts.usage_daily"] == "2.0.0"


def test_no_pseudonym_and_no_binary_column_is_in_the_file(tmp_path: Path):
    built = build(tmp_path, busy_inputs())
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


def test_only_the_named_days_and_those_that_they_reach_are_made_anew(tmp_path: Path):
    """Visits run on over midnight, so a day of usage needs its neighbours; a day of environments stands by itself."""
    publish(build(tmp_path, busy_inputs(days=5)))
    fewer = [view(MONDAY + timedelta(days=offset), person) for offset in range(5) for person in range(20)]
    built = build(tmp_path, inputs_from(page_views=fewer), [MONDAY + timedelta(days=2)])
    usage = rows_of(built.path, "marts.usage_daily")
    assert [row["visitors"] for row in usage] == [40, 20, 20, 20, 40]
    environments = (
        "(SELECT event_date, sum(page_views)::INT AS people FROM marts.usage_by_environment_daily GROUP BY 1)"
    )
    assert [row["people"] for row in rows_of(built.path, environments)] == [40, 40, 20, 40, 40]
    assert built.event_dates == tuple(MONDAY + timedelta(days=offset) for offset in (1, 2, 3))


@pytest.mark.parametrize("late", [0, 1])
def test_late_event_beside_midnight_changes_the_visits_of_both_days(tmp_path: Path, late: int):
    """Events are from noon in Tokyo on: one ten minutes before midnight, one ten minutes after it."""
    views = [view(MONDAY, 1, minute=12 * 60 - 10), view(MONDAY + timedelta(days=1), 1, minute=-12 * 60 + 10)]
    publish(build(tmp_path, inputs_from(page_views=[views[1 - late]]), [views[1 - late]["event_date"]]))
    built = build(tmp_path, inputs_from(page_views=views), [views[late]["event_date"]])
    usage = rows_of(built.path, "marts.usage_daily")
    assert [(row["visits"], row["pages_per_visit"]) for row in usage] == [(1, 2), (0, None)]


def test_reached_days_that_the_lake_does_not_hold_keep_the_rows_that_they_have(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=3)))
    late = inputs_from(page_views=[view(MONDAY + timedelta(days=1), 7)])
    built = build(tmp_path, late, [MONDAY + timedelta(days=1)])
    assert [row["visitors"] for row in rows_of(built.path, "marts.usage_daily")] == [40, 1, 40]
    assert built.event_dates == (MONDAY + timedelta(days=1),)
    apart = build(tmp_path / "new", late, [MONDAY + timedelta(days=1)])
    assert len(rows_of(apart.path, "marts.usage_daily")) == 1


def test_a_named_day_makes_its_whole_week_anew(tmp_path: Path):
    sunday, next_monday = MONDAY + timedelta(days=6), MONDAY + timedelta(days=7)
    answers = [answer(day, person) for day in (MONDAY, sunday, next_monday) for person in range(10)]
    publish(build(tmp_path, inputs_from(survey_responses=answers)))
    late = [answer(MONDAY + timedelta(days=2), 99)]
    rows = rows_of(
        build(tmp_path, inputs_from(survey_responses=answers + late), [late[0]["event_date"]]).path,
        "marts.satisfaction_weekly",
    )
    assert [(row["week_start"], row["response_count"]) for row in rows] == [("2026-11-02", 21), ("2026-11-09", 10)]


def test_ledger_mart_is_whole_whatever_days_are_named(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    files = [received_file(MONDAY, read=5, rejected=5), received_file(MONDAY + timedelta(days=9), read=1, accepted=1)]
    rows = rows_of(build(tmp_path, inputs_from(source_files=files), [MONDAY]).path, "marts.data_quality_daily")
    assert [(row["received_date"], row["read_count"]) for row in rows] == [("2026-11-02", 5), ("2026-11-11", 1)]


def test_days_that_have_aged_out_of_the_lake_keep_their_rows(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    later = inputs_from(page_views=[view(MONDAY + timedelta(days=400), 1)])
    usage = rows_of(build(tmp_path, later).path, "marts.usage_daily")
    assert [(row["event_date"], row["visitors"]) for row in usage] == [("2026-11-02", 40), ("2027-12-07", 1)]


def test_mart_of_another_contract_version_is_made_anew_from_all_days(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=2)))
    contracts = (replace(c, version="2.0.0") if c.name == "usage_daily" else c for c in CATALOGUE.contracts)
    inputs = inputs_from(page_views=[view(MONDAY, 1), view(MONDAY + timedelta(days=1), 1)])
    marts = all_marts(build(tmp_path, inputs, [MONDAY], catalogue=Catalogue(tuple(contracts))).path)
    assert [row["visitors"] for row in marts["usage_daily"]] == [1, 1]
    assert {row["event_date"] for row in marts["usage_by_environment_daily"]} == {"2026-11-03"}


days = st.integers(0, 20).map(lambda offset: MONDAY + timedelta(days=offset))
batches = st.lists(
    st.tuples(
        st.lists(st.builds(view, days, st.integers(0, 15), st.integers(0, 90)), min_size=1, max_size=60),
        st.lists(st.builds(search, days, st.integers(0, 12), st.sampled_from(["camera", "lens"])), max_size=60),
        st.lists(st.builds(answer, days, st.integers(0, 40), st.integers(1, 5)), max_size=60),
    ),
    min_size=2,
    max_size=3,
)


@given(batches)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_building_batch_by_batch_equals_building_all_at_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[Row], ...]]
):
    directory = tmp_path_factory.mktemp("incremental")
    views, searches, answers = [], [], []
    for batch in batches:
        viewed = {row["event_date"] for row in batch[0]}
        # A day that is named has a row of zeros in usage_daily, so only days with page views are compared.
        views += batch[0]
        searches += [row for row in batch[1] if row["event_date"] in viewed]
        answers += [row for row in batch[2] if row["event_date"] in viewed]
        inputs = inputs_from(page_views=views, searches=searches, survey_responses=answers)
        published = publish(build(directory, inputs, sorted(viewed)))
    at_once = build(tmp_path_factory.mktemp("full"), inputs)
    assert all_marts(published) == all_marts(at_once.path)
    assert not any(result.violation_count for result in run_checks(published, CATALOGUE, SETTINGS.sql))


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
    before = published.read_bytes()
    sql = copy_sql(tmp_path / "sql", "search_terms_daily", query)
    with pytest.raises(error) as raised:
        build(tmp_path / "warehouse", busy_inputs(), sql=sql)
    assert "camera" not in str(raised.value)
    assert list(published.parent.iterdir()) == [published]
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
    assert list(tmp_path.iterdir()) == [published]
    assert stat.S_IMODE(published.stat().st_mode) == 0o600


def test_build_on_a_file_that_was_replaced_meanwhile_is_not_published(tmp_path: Path):
    publish(build(tmp_path, busy_inputs(days=1)))
    slow = build(tmp_path, busy_inputs(days=2), [MONDAY])
    publish(build(tmp_path, busy_inputs(days=3)))
    with pytest.raises(StorageBusyError, match="published anew"):
        publish(slow)
    assert len(rows_of(tmp_path / "tokumei.duckdb", "marts.usage_daily")) == 3
