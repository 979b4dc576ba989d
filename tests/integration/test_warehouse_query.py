"""What an analyst can ask of the published warehouse, and what no query can do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import ConfigurationError, TokumeiError
from pipelines.warehouse.query import run_query

WAREHOUSE = """
CREATE SCHEMA marts;
CREATE TABLE marts.usage_daily (event_date DATE, page_views BIGINT, bounce_rate DOUBLE);
INSERT INTO marts.usage_daily VALUES (DATE '2026-11-02', 1200, 0.25), (DATE '2026-11-03', 0, NULL);
CREATE TABLE marts.terms (term VARCHAR);
INSERT INTO marts.terms VALUES ('カメラ, "used"');
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "tokumei.duckdb"
    with duckdb.connect(str(path)) as engine:
        engine.execute(WAREHOUSE)
    return path


@pytest.fixture
def warehouse(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(stored, tmp_path))


def test_table_shows_every_row_aligned(warehouse: Path):
    table = run_query(warehouse, "FROM marts.usage_daily", format="table")
    header, first, second = [line for line in table.splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in header.strip("│").split("┆")] == ["event_date", "page_views", "bounce_rate"]
    assert [cell.strip() for cell in first.strip("│").split("┆")] == ["2026-11-02", "1200", "0.25"]
    assert [cell.strip() for cell in second.strip("│").split("┆")] == ["2026-11-03", "0", "null"]


def test_table_leaves_no_row_out(warehouse: Path):
    assert run_query(warehouse, "FROM range(5000)", format="table").count("\n") > 5000


def test_csv_has_a_header_and_quotes_what_needs_it(warehouse: Path):
    assert run_query(warehouse, "FROM marts.terms", format="csv") == 'term\n"カメラ, ""used"""'


def test_csv_of_nothing_is_the_header(warehouse: Path):
    query = "FROM marts.usage_daily WHERE page_views < 0"
    assert run_query(warehouse, query, format="csv") == "event_date,page_views,bounce_rate"


def test_json_is_an_array_of_rows(warehouse: Path):
    assert json.loads(run_query(warehouse, "FROM marts.usage_daily LIMIT 1", format="json")) == [
        {"event_date": "2026-11-02", "page_views": 1200, "bounce_rate": 0.25}
    ]


def test_numbers_stay_numbers_in_json_and_what_is_none_is_null(warehouse: Path):
    query = "SELECT sum(page_views) AS total, 1.5::DECIMAL(9, 2) AS exact, 1 / 0 AS infinite FROM marts.usage_daily"
    assert json.loads(run_query(warehouse, query, format="json")) == [{"total": 1200, "exact": 1.5, "infinite": None}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[1, 2]", "[1, 2]"),
        ("{'a': 1}", "{'a': 1}"),
        ("map {'k': 'v'}", "{k=v}"),
        ("INTERVAL 90 MINUTE", "01:30:00"),
        ("DATE 'infinity'", "infinity"),
        ("'x'::BLOB", "x"),
        ("true", "true"),
    ],
)
def test_every_type_can_be_shown(warehouse: Path, value: str, text: str):
    query = f"SELECT {value} AS shown"
    assert text in run_query(warehouse, query, format="table")
    assert run_query(warehouse, query, format="csv").splitlines()[1].strip('"') == text
    assert len(json.loads(run_query(warehouse, query, format="json"))) == 1


def test_columns_of_one_name_keep_their_own_values(warehouse: Path):
    assert run_query(warehouse, "SELECT 1 AS a, 2 AS a", format="csv").endswith("\n1,2")


@pytest.mark.parametrize("query", ["SHOW ALL TABLES", "DESCRIBE marts.usage_daily", "SUMMARIZE marts.usage_daily"])
def test_the_warehouse_can_be_explored(warehouse: Path, query: str):
    assert "page_views" in run_query(warehouse, query, format="csv")


def test_times_are_shown_in_utc_wherever_the_query_runs(warehouse: Path):
    query = "SELECT TIMESTAMPTZ '2026-11-22 19:45:00+09:00' AS built_at"
    assert json.loads(run_query(warehouse, query, format="json")) == [{"built_at": "2026-11-22 10:45:00+00"}]


@pytest.mark.parametrize(
    "hostile",
    [
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_parquet('{file}')",
        "SELECT * FROM glob('{file}')",
        "SELECT * FROM sniff_csv('{file}')",
        "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
        "SELECT * FROM python_variable",
        "COPY marts.terms TO '{file}.copy'",
        "COPY marts.terms FROM '{file}'",
        "EXPORT DATABASE '{file}.copy'",
        "ATTACH '{file}.copy' AS other",
        "ATTACH ':memory:' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET temp_directory = '{file}.copy'",
        "PRAGMA enable_profiling",
        "CREATE TABLE marts.more AS SELECT 1",
        "CREATE TEMP TABLE more AS SELECT 1",
        "DELETE FROM marts.terms",
        "DROP TABLE marts.terms",
        "CHECKPOINT",
        "SELECT 1; DELETE FROM marts.terms",
        "SELECT $parameter",
        "",
    ],
)
def test_no_query_reads_or_writes_anything_else(warehouse: Path, hostile: str):
    python_variable = [1]
    secret = warehouse.parent / "secret.csv"
    secret.write_text("unseen\n")
    before = warehouse.read_bytes()
    with pytest.raises(TokumeiError) as raised:
        run_query(warehouse, hostile.format(file=secret), format="csv")
    assert "unseen" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert {path.name for path in warehouse.parent.iterdir()} == {"tokumei.duckdb", "secret.csv"}
    assert warehouse.read_bytes() == before
    assert python_variable


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT visits FROM marts.usage_daily", '"visits" not found'),
        ("FROM marts.usage_weekly", "usage_weekly does not exist"),
    ],
)
def test_mistake_in_the_sql_is_told_in_one_line(warehouse: Path, wrong: str, message: str):
    with pytest.raises(ConfigurationError, match=message) as raised:
        run_query(warehouse, wrong, format="table")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("leaking", ["SELECT term::INTEGER FROM marts.terms", "SELECT error(term) FROM marts.terms"])
def test_failure_on_a_value_does_not_tell_the_value(warehouse: Path, leaking: str):
    with pytest.raises(TokumeiError, match="DuckDB failed while running the query") as raised:
        run_query(warehouse, leaking, format="table")
    assert "カメラ" not in str(raised.value)


def test_missing_warehouse_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="run `tokumei build-marts` first"):
        run_query(tmp_path / "tokumei.duckdb", "SELECT 1", format="table")
    assert not list(tmp_path.iterdir())


def test_file_that_is_no_warehouse_is_refused(tmp_path: Path):
    path = tmp_path / "tokumei.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(TokumeiError, match="IOException"):
        run_query(path, "SELECT 1", format="table")


@pytest.mark.parametrize("sql", ["FROM marts.usage_daily", "SELECT term::INTEGER FROM marts.terms", "SELEC"])
def test_process_ends_without_noise_of_the_engine(warehouse: Path, sql: str):
    script = """
import pathlib, sys
from pipelines.errors import TokumeiError
from pipelines.warehouse.query import run_query
try:
    run_query(pathlib.Path(sys.argv[1]), sys.argv[2], format="csv")
except TokumeiError:
    pass
"""
    ended = subprocess.run([sys.executable, "-c", script, str(warehouse), sql], capture_output=True, check=True)
    assert ended.stdout + ended.stderr == b""
