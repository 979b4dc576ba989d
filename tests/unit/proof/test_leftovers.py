"""What databases leave behind of values that they deleted, or were killed over, is found or named as out of reach."""

import gzip
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
import zstandard

from pipelines.proof.scan import ScanReport, scan

USER = "hanako.yamada@example.jp"
PSEUDONYM = bytes(range(200, 216))
ROWS = 600_000
MOST_SPILLS = 10

# Both die with everything unfinished, as by the kernel's hand.
WRITES_LOG = """
import duckdb, os, signal, sys
database = duckdb.connect(sys.argv[1])
database.execute("CREATE TABLE t (text VARCHAR, raw BLOB)")
database.execute("INSERT INTO t VALUES (?, ?)", [sys.argv[2], bytes.fromhex(sys.argv[3])])
os.kill(os.getpid(), signal.SIGKILL)
"""
SPILLS = """
import duckdb, os, signal, sys
database = duckdb.connect(config={"temp_directory": sys.argv[1], "memory_limit": "40MB", "threads": "1"})
rows = database.execute(
    "SELECT unhex(substr(sha256(i::VARCHAR), 1, 32)) AS pseudonym, sha256(i::VARCHAR) AS text,"
    f" unhex(md5(i::VARCHAR)) AS carried FROM range({sys.argv[2]}) r(i) ORDER BY {sys.argv[3]}"
)
rows.fetchmany(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(program: str, *arguments: object) -> None:
    died = subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=False)
    assert died.returncode == -signal.SIGKILL


def list_places(report: ScanReport) -> set[str]:
    return {finding.place for finding in report.findings}


def list_forms(report: ScanReport) -> set[str]:
    return {finding.form for finding in report.findings}


def test_row_deleted_from_sqlite_stays_in_a_free_page_and_is_found_there(tmp_path: Path):
    database = sqlite3.connect(tmp_path / "state", isolation_level=None)
    database.execute("PRAGMA secure_delete = OFF")
    database.execute("CREATE TABLE t (text TEXT, raw BLOB)")
    database.executemany("INSERT INTO t VALUES (?, ?)", [("x" * 500, bytes(500)), (USER, PSEUDONYM)] * 50)
    database.execute("DELETE FROM t")
    [(free_pages,)] = database.execute("PRAGMA freelist_count").fetchall()
    database.close()
    report = scan([tmp_path], [USER, PSEUDONYM])
    assert free_pages > 0
    assert list_places(report) == {"bytes"}
    assert list_forms(report) == {"utf-8", "raw bytes"}


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_journal_of_sqlite_is_found_beside_its_database(tmp_path: Path, mode: str):
    database = sqlite3.connect(tmp_path / "state", isolation_level=None)
    database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute("CREATE TABLE t (text TEXT)")
    database.execute("INSERT INTO t VALUES (?)", (USER,))
    database.execute("PRAGMA cache_size = 1")
    database.execute("BEGIN")
    database.execute("UPDATE t SET text = 'gone'")
    copies = [path for path in tmp_path.iterdir() if path.name != "state"]
    for path in copies:
        (tmp_path / f"left-{path.name}").write_bytes(path.read_bytes())
    database.close()
    found = {Path(finding.path).name for finding in scan([tmp_path], [USER]).findings}
    assert found & {"left-state-journal", "left-state-wal"}


@pytest.mark.parametrize("outer", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("inner", [gzip.compress, zstandard.compress])
def test_log_compressed_twice_is_searched(tmp_path: Path, inner, outer):
    (tmp_path / "old.log.1").write_bytes(outer(inner(f"{USER} came\n".encode() * 3)))
    assert [place for place in list_places(scan([tmp_path], [USER])) if place.count(">") == 1]


def test_write_ahead_log_of_a_killed_duckdb_is_searched(tmp_path: Path):
    die(WRITES_LOG, tmp_path / "warehouse", USER, PSEUDONYM.hex())
    report = scan([tmp_path], [USER, PSEUDONYM])
    found = {(Path(finding.path).name, finding.form) for finding in report.findings}
    assert {("warehouse.wal", "utf-8"), ("warehouse.wal", "raw bytes")} <= found


def test_duckdb_with_free_blocks_is_out_of_reach_though_its_tables_are_clean(tmp_path: Path):
    path = tmp_path / "warehouse"
    with duckdb.connect(path) as database:
        database.execute("CREATE TABLE gone AS SELECT sha256(i::VARCHAR) AS text FROM range(300000) r(i)")
        database.execute("CREATE TABLE kept AS SELECT i FROM range(3000000) r(i)")
        for statement in ("CHECKPOINT", "DROP TABLE gone", "CHECKPOINT"):
            database.execute(statement)
        [(free,)] = database.sql("SELECT free_blocks FROM pragma_database_size()").fetchall()
    report = scan([tmp_path], [hashlib.sha256(b"5").hexdigest()])
    assert free > 0
    assert report.unreachable == (f"{path}: duckdb: {free} free blocks may hold what was deleted",)


def test_duckdb_written_once_has_no_free_blocks(tmp_path: Path):
    with duckdb.connect(tmp_path / "warehouse") as database:
        database.execute("CREATE TABLE kept AS SELECT sha256(i::VARCHAR) AS text FROM range(300000) r(i)")
    assert scan([tmp_path], [USER]).clean


@pytest.mark.parametrize("order", ["pseudonym", "text", "text DESC"])
def test_spill_files_of_a_killed_duckdb_are_searched_through_their_shifted_bytes(tmp_path: Path, order: str):
    sampled = range(0, ROWS, ROWS // 200)
    texts = [hashlib.sha256(str(row).encode()).hexdigest() for row in sampled]
    carried = [hashlib.md5(str(row).encode()).digest() for row in sampled]
    pseudonyms = [bytes.fromhex(text[:32]) for text in texts]
    report = spill_compressed(tmp_path, order, [*texts, *carried, *pseudonyms])
    assert {"bytes", "spilled blocks"} <= list_places(report)
    assert ("sort key" if order != "pseudonym" else "raw bytes") in list_forms(report)
    found = {finding.identifier_index for finding in report.findings if finding.place == "spilled blocks"}
    assert found - {finding.identifier_index for finding in report.findings if finding.place == "bytes"}


def spill_compressed(directory: Path, order: str, identifiers: Sequence[str | bytes]) -> ScanReport:
    """DuckDB compresses what it spills only while that seems faster, so it may take several times until it does."""
    for attempt in range(MOST_SPILLS):
        spill = directory / str(attempt)
        spill.mkdir()
        die(SPILLS, spill, ROWS, order)
        report = scan([spill], identifiers)
        if "spilled blocks" in list_places(report):
            break
    return report


def test_spill_file_that_cannot_be_unpacked_is_out_of_reach(tmp_path: Path):
    path = tmp_path / "duckdb_temp_7_0_storage_S32K-0.tmp"
    path.write_bytes((100).to_bytes(8, "little") + os.urandom(32 * 1024 - 8))
    assert scan([tmp_path], [USER]).unreachable == (f"{path}: spilled blocks: cannot be unpacked",)
