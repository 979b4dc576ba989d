"""Parquet pages are read as the format lays them out, whoever wrote them and however they are packed."""

import io
import random
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.proof import parquet
from pipelines.proof.pages import UnreadablePageError, list_values_of_chunk
from pipelines.proof.scan import ScanReport, scan

PSEUDONYM = bytes(range(200, 216))
OTHERS = [random.Random(number).randbytes(16) for number in range(3000)]
ROWS = pa.table({"x": pa.array([*OTHERS, PSEUDONYM], pa.binary())})


def scan_rows(directory: Path, content: bytes) -> ScanReport:
    (directory / "file").write_bytes(content)
    return scan([directory], [PSEUDONYM])


def list_places(report: ScanReport) -> set[str]:
    return {finding.place for finding in report.findings}


def write_rows(**options: object) -> bytes:
    held = io.BytesIO()
    pq.write_table(ROWS, held, **({"compression": "zstd", "write_statistics": False} | options))
    return held.getvalue()


@pytest.fixture
def without_full_reader(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object):
        raise AssertionError("the pages should have told everything")

    monkeypatch.setattr(parquet, "read_values", refuse)


@pytest.mark.usefixtures("without_full_reader")
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "brotli", "zstd"])
@pytest.mark.parametrize("data_page_version", ["1.0", "2.0"])
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_pages_of_each_version_and_codec_are_read(
    tmp_path: Path, compression: str, data_page_version: str, *, use_dictionary: bool
):
    content = write_rows(
        compression=compression, data_page_version=data_page_version, use_dictionary=use_dictionary, data_page_size=4096
    )
    report = scan_rows(tmp_path, content)
    assert "parquet column x" in list_places(report)
    assert report.undecodable == 0


@pytest.mark.usefixtures("without_full_reader")
@pytest.mark.parametrize("distinct", [3001, 40])
def test_pages_as_the_lake_writes_them_are_read(tmp_path: Path, distinct: int):
    values = [*(OTHERS[number % distinct % 3000] for number in range(20_000)), PSEUDONYM]
    held = io.BytesIO()
    pl.DataFrame({"x": values}).write_parquet(held, compression="zstd", statistics=False)
    assert "parquet column x" in list_places(scan_rows(tmp_path, held.getvalue()))


@pytest.mark.usefixtures("without_full_reader")
def test_value_after_the_dictionary_was_given_up_is_found(tmp_path: Path):
    report = scan_rows(tmp_path, write_rows(dictionary_pagesize_limit=500, data_page_size=1000))
    assert "parquet column x" in list_places(report)


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_values_that_are_not_laid_end_to_end_are_left_to_a_full_reader(tmp_path: Path, encoding: str):
    report = scan_rows(tmp_path, write_rows(use_dictionary=False, column_encoding={"x": encoding}))
    assert "parquet column x" in list_places(report)


def test_codec_that_the_pages_do_not_tell_is_left_to_a_full_reader(tmp_path: Path):
    report = scan_rows(tmp_path, write_rows(compression="lz4"))
    assert "parquet column x" in list_places(report)


def test_chunk_with_a_flipped_byte_is_never_clean(tmp_path: Path):
    content = write_rows(use_dictionary=False)
    middle = len(content) // 2
    report = scan_rows(tmp_path, content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    assert report.findings or report.damaged


@pytest.mark.usefixtures("without_full_reader")
def test_rows_without_a_value_are_counted_among_the_values(tmp_path: Path):
    content = io.BytesIO()
    pq.write_table(pa.table({"x": pa.array([None] * 900 + [PSEUDONYM], pa.binary())}), content, compression="zstd")
    assert "parquet column x" in list_places(scan_rows(tmp_path, content.getvalue()))


@pytest.mark.parametrize("value_count", [len(OTHERS), len(OTHERS) + 2])
def test_pages_of_fewer_or_more_values_than_the_footer_says_are_not_trusted(value_count: int):
    with pq.ParquetFile(io.BytesIO(write_rows(use_dictionary=False))) as reader:
        described = reader.metadata.row_group(0).column(0)
    begin = described.data_page_offset
    chunk = memoryview(write_rows(use_dictionary=False))[begin : begin + described.total_compressed_size]
    assert [*list_values_of_chunk(chunk, "ZSTD", len(OTHERS) + 1)]
    with pytest.raises(UnreadablePageError):
        list(list_values_of_chunk(chunk, "ZSTD", value_count))
