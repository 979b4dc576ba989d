"""An identifier is found inside compressed and tabular files, recognised by their content and not by their name."""

import gzip
import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.proof import decoding
from pipelines.proof.scan import ScanReport, scan

USER = "u123456789"
PSEUDONYM = bytes(range(200, 216))
NOISE = "".join(random.Random(7).choices("abcdefghijklmnop \n", k=5000))


def scan_bytes(directory: Path, content: bytes) -> ScanReport:
    (directory / "file").write_bytes(content)
    return scan([directory], [USER, PSEUDONYM])


def list_places(report: ScanReport) -> set[str]:
    return {finding.place for finding in report.findings}


def zip_bytes(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def parquet_bytes(table: pa.Table, **options: object) -> bytes:
    held = io.BytesIO()
    pq.write_table(table, held, compression="zstd", **options)
    return held.getvalue()


HIDDEN = f"{NOISE}{USER}{NOISE}".encode()


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("gzip", gzip.compress(HIDDEN)),
        ("gzip", gzip.compress(b"first member") + bytes(512) + gzip.compress(HIDDEN)),
        ("zstd", zstandard.compress(HIDDEN)),
        ("zstd", zstandard.compress(b"first frame") + zstandard.compress(HIDDEN)),
        ("zip member a", zip_bytes(a=HIDDEN)),
        ("gzip > zstd", gzip.compress(zstandard.compress(HIDDEN))),
        ("gzip > zip member a > zip member b", gzip.compress(zip_bytes(a=zip_bytes(b=HIDDEN)))),
        ("zstd > parquet column x", zstandard.compress(parquet_bytes(pa.table({"x": [HIDDEN]})))),
    ],
)
def test_compressed_content_is_searched(tmp_path: Path, place: str, content: bytes):
    assert USER.encode() not in content
    report = scan_bytes(tmp_path, content)
    assert list_places(report) == {place}
    assert report.undecodable == 0


def test_decoded_finding_gives_the_offset_in_the_decoded_stream(tmp_path: Path):
    [finding] = scan_bytes(tmp_path, gzip.compress(HIDDEN)).findings
    assert finding.byte_offset == len(NOISE)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_truncated_stream_yields_what_decoded_and_is_counted(tmp_path: Path, compress: Callable[[bytes], bytes]):
    content = compress(HIDDEN + os.urandom(300_000))
    report = scan_bytes(tmp_path, content[:-1000])
    assert list_places(report) & {"gzip", "zstd"}
    assert report.undecodable == 1


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1", b"SQLite format 3\0"])
def test_corrupt_content_falls_back_to_its_raw_bytes(tmp_path: Path, magic: bytes):
    report = scan_bytes(tmp_path, magic + b"\xee" * 200 + USER.encode())
    assert list_places(report) == {"bytes"}
    assert (report.undecodable, report.unreachable) == (1, ())


def test_masked_member_name_holds_no_identifier(tmp_path: Path):
    report = scan_bytes(tmp_path, zip_bytes(**{f"{USER}.csv": HIDDEN}))
    assert "zip member [identifier 1].csv" in list_places(report)
    assert USER not in repr(report)


def test_encrypted_parquet_is_unreachable(tmp_path: Path):
    report = scan_bytes(tmp_path, b"PARE" + b"\xee" * 200)
    assert report.unreachable == (f"{tmp_path}/file: bytes: encrypted",)


def test_endless_nesting_is_unreachable(tmp_path: Path):
    content = HIDDEN
    for _ in range(decoding.DEEPEST_NESTING + 1):
        content = gzip.compress(content)
    assert not scan_bytes(tmp_path, content).clean


def test_nested_file_too_large_for_memory_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding, "LARGEST_NESTED_BYTES", 1000)
    report = scan_bytes(tmp_path, gzip.compress(parquet_bytes(pa.table({"x": [NOISE]}))))
    assert report.unreachable == (f"{tmp_path}/file: gzip: more than 1000 bytes to decode in memory",)


ROWS = [f"u{row:09d}" for row in range(1000)] * 3
COLUMNS = {
    "text": pa.array([*ROWS, USER]),
    "large": pa.array([*ROWS, USER], pa.large_string()),
    "category": pa.array([*ROWS, USER]).dictionary_encode(),
    "list": pa.array([[row] for row in ROWS] + [[USER]]),
    "struct": pa.array([{"inner": row} for row in ROWS] + [{"inner": USER}]),
    "map": pa.array([[(row, row)] for row in ROWS] + [[(USER, "")]], pa.map_(pa.string(), pa.string())),
    "binary": pa.array([b"other"] * len(ROWS) + [PSEUDONYM], pa.binary()),
    "fixed": pa.array([bytes(16)] * len(ROWS) + [PSEUDONYM], pa.binary(16)),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("options", [{"use_dictionary": False}, {}, {"dictionary_pagesize_limit": 100}])
def test_every_kind_of_parquet_column_is_searched(tmp_path: Path, name: str, options: dict[str, object]):
    column = COLUMNS[name]
    table = pa.table({"a": pa.array(range(len(column))), name: column})
    content = parquet_bytes(table, **options, row_group_size=1000, write_statistics=False)
    report = scan_bytes(tmp_path, content)
    assert f"parquet column {name}" in list_places(report)
    assert (report.undecodable, report.unreachable) == (0, ())


def test_parquet_dictionary_entry_that_no_row_uses_is_found(tmp_path: Path):
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 9), pa.array([*dict.fromkeys(NOISE.split()), USER]))
    report = scan_bytes(tmp_path, parquet_bytes(pa.table({"x": column}), store_schema=False))
    assert list_places(report) == {"parquet column x"}


def test_parquet_metadata_and_statistics_are_searched(tmp_path: Path):
    table = pa.table({"x": [USER]}).replace_schema_metadata({"note": f"of {USER}"})
    assert list_places(scan_bytes(tmp_path, parquet_bytes(table))) >= {"parquet metadata", "parquet statistics"}


def test_values_of_neighbouring_rows_are_not_read_as_one(tmp_path: Path):
    table = pa.table({"x": [USER[:5], USER[5:]], "y": [b"", PSEUDONYM]})
    content = parquet_bytes(table.select(["x"]), use_dictionary=False, write_statistics=False)
    assert scan_bytes(tmp_path, content).clean


def test_sqlite_values_are_searched_even_where_overflow_pages_cut_them(tmp_path: Path):
    with sqlite3.connect(tmp_path / "state") as database:
        database.execute('CREATE TABLE "odd ""name" (id INTEGER, "note text" TEXT, raw BLOB)')
        for filler in range(3000, 6000, 7):
            database.execute('INSERT INTO "odd ""name" VALUES (1, ?, NULL)', ("x" * filler + USER,))
        database.execute('INSERT INTO "odd ""name" VALUES (2, NULL, ?)', (PSEUDONYM,))
    database.close()
    report = scan([tmp_path], [USER, PSEUDONYM])
    assert report.finding_count > len(range(3000, 6000, 7))
    assert list_places(scan([tmp_path], [PSEUDONYM])) == {"bytes", 'sqlite table odd "name column raw'}


def test_sqlite_database_in_use_shows_its_write_ahead_log(tmp_path: Path):
    database = sqlite3.connect(tmp_path / "state", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (c TEXT)")
    database.execute("INSERT INTO t VALUES (?)", (USER,))
    places = list_places(scan([tmp_path], [USER]))
    database.close()
    assert places == {"bytes", "sqlite table t column c"}


def fill_duckdb(path: Path) -> None:
    with duckdb.connect(path) as database:
        database.execute("CREATE SCHEMA marts")
        database.execute("CREATE TABLE marts.t (text VARCHAR, raw BLOB, nested STRUCT(k VARCHAR[]), id UUID)")
        database.execute("CREATE VIEW marts.v AS SELECT * FROM marts.t")
        repeated = "'mail-of-' || (i % 977) || '@example.jp'"
        database.execute(f"INSERT INTO marts.t SELECT {repeated}, NULL, NULL, NULL FROM range(100000) r(i)")
        database.execute("INSERT INTO marts.t VALUES (?, ?, {'k': [?]}, ?)", [USER, PSEUDONYM, USER, PSEUDONYM.hex()])


def test_duckdb_values_are_searched_through_its_compression(tmp_path: Path):
    fill_duckdb(tmp_path / "warehouse")
    places = list_places(scan([tmp_path], [USER, PSEUDONYM])) - {"bytes"}
    assert places == {f"duckdb marts.t.{column}" for column in ("text", "raw", "nested", "id")}
    assert scan([tmp_path], ["mail-of-976@example.jp"]).finding_count > 100
    assert [path.name for path in tmp_path.iterdir()] == ["warehouse"]


def test_duckdb_database_inside_gzip_is_searched(tmp_path: Path):
    fill_duckdb(tmp_path / "warehouse")
    content = gzip.compress((tmp_path / "warehouse").read_bytes())
    (tmp_path / "warehouse").unlink()
    assert "gzip > duckdb marts.t.text" in list_places(scan_bytes(tmp_path, content))


def test_duckdb_database_locked_by_another_process_is_unreachable(tmp_path: Path):
    path = tmp_path / "warehouse"
    fill_duckdb(path)
    program = "import duckdb, sys; database = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        report = scan([tmp_path], ["nobody at all"])
        holder.send_signal(signal.SIGKILL)
    assert not report.clean
    assert report.unreachable == (f"{path}: duckdb: locked or unreadable as a database (IOException)",)


def test_damaged_duckdb_database_is_unreachable(tmp_path: Path):
    fill_duckdb(tmp_path / "warehouse")
    content = (tmp_path / "warehouse").read_bytes()
    (tmp_path / "warehouse").write_bytes(content[:9000])
    assert len(scan([tmp_path], [USER]).unreachable) == 1
