"""A scan for some subjects looks into others' partitions less deeply, and nowhere else."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.proof.partitions import is_outlying
from pipelines.proof.scan import ScanReport, scan

PSEUDONYM = bytes(range(200, 216))
OWN, OTHER = 3, 1
ROWS = pa.table({"user_pseudonym": [PSEUDONYM, bytes(16)], "note": ["text", PSEUDONYM.hex()]})


def write_rows(path: Path, table: pa.Table = ROWS, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd", **options)
    return path


def scan_table(table: Path) -> ScanReport:
    return scan([table.parent], [PSEUDONYM], buckets={table: frozenset({OWN})})


def list_places(report: ScanReport) -> set[str]:
    return {finding.place for finding in report.findings}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "page_views"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("event_date=2026-11-20/subject_bucket=1/part.parquet", True),
        ("subject_bucket=1/part.parquet", True),
        ("event_date=2026-11-20/subject_bucket=3/part.parquet", False),
        ("event_date=2026-11-20/part.parquet", False),
        ("_delta_log/0.json", False),
        ("subject_bucket=1/subject_bucket=2/part.parquet", False),
        ("subject_bucket=__HIVE_DEFAULT_PARTITION__/part.parquet", False),
        ("subject_bucket=-1/part.parquet", False),
        ("subject_bucket=1", False),
    ],
)
def test_only_a_file_in_one_bucket_of_others_is_outlying(table: Path, name: str, *, expected: bool):
    assert is_outlying(table / name, {table: frozenset({OWN})}) is expected


def test_table_that_is_not_named_is_read_whole(table: Path):
    write_rows(table / f"subject_bucket={OTHER}" / "part.parquet")
    report = scan([table], [PSEUDONYM], buckets={table.parent / "searches": frozenset({OWN})})
    assert list_places(report) > {"parquet column user_pseudonym", "parquet column note", "parquet statistics"}
    assert report.outlying_count == 0


def test_pseudonym_in_a_partition_of_others_is_found_all_the_same(table: Path):
    write_rows(table / f"subject_bucket={OTHER}" / "part.parquet")
    report = scan_table(table)
    assert list_places(report) == {"parquet column user_pseudonym"}
    assert (report.outlying_count, report.byte_count) == (1, 0)


def test_text_in_the_own_partition_and_beside_all_partitions_is_found(table: Path):
    for name in (f"subject_bucket={OWN}/part.parquet", "part.parquet", "_staging/part.parquet"):
        write_rows(table / name, ROWS.slice(1))
        assert "parquet column note" in list_places(scan_table(table)), name
        (table / name).unlink()


@pytest.mark.parametrize("name", ["part.crc", "part.parquet#1", "part.parquet"])
def test_file_that_is_no_parquet_is_searched_whole_even_among_others(table: Path, name: str):
    path = table / f"subject_bucket={OTHER}" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"torn " + PSEUDONYM)
    assert list_places(scan_table(table)) == {"bytes"}


def test_damaged_parquet_file_of_others_is_searched_whole_and_counted_as_damaged(table: Path):
    path = write_rows(table / f"subject_bucket={OTHER}" / "part.parquet")
    path.write_bytes(path.read_bytes()[:-20] + PSEUDONYM)
    report = scan_table(table)
    assert list_places(report) == {"bytes"}
    assert report.damaged == (str(path),)


def test_threads_find_the_same_in_the_same_order(table: Path):
    path = write_rows(table / f"subject_bucket={OWN}" / "part-0.parquet")
    for number in range(1, 30):
        shutil.copy(path, path.with_name(f"part-{number}.parquet"))
    assert scan([table], [PSEUDONYM], threads=4) == scan([table], [PSEUDONYM])
