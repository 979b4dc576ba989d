"""The independent scan finds whatever a naive search finds, wherever and however it lies, and nothing else."""

import gzip
import io
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.proof import pieces
from pipelines.proof.needles import build_needles, list_forms
from pipelines.proof.pieces import cut_windows, list_values
from pipelines.proof.scan import ScanReport, scan

few_bytes = st.binary(max_size=80).map(lambda data: bytes(byte % 3 + 97 for byte in data))
identifiers = st.one_of(st.text(min_size=1), st.binary(min_size=1), st.binary(min_size=16, max_size=16))


def list_positions(pattern: bytes, data: bytes) -> list[int]:
    return [begin for begin in range(len(data)) if data.startswith(pattern, begin)]


@given(st.lists(few_bytes), st.sets(few_bytes.filter(bool), min_size=1), st.integers(1, 40))
def test_windows_show_each_occurrence_exactly_once(chunks: list[bytes], patterns: set[bytes], window_bytes: int):
    needles = build_needles(sorted(patterns))
    expected = sorted(
        (begin, len(pattern)) for pattern in patterns for begin in list_positions(pattern, b"".join(chunks))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "WINDOW_BYTES", window_bytes)
        found = [
            (window.locate(begin), end - begin)
            for window in cut_windows("bytes", chunks, needles.longest - 1)
            for pattern, begin, end in needles.find(window.data)
            if window.owns(begin, end) and needles.describe(pattern)[1] == "raw bytes"
        ]
    assert sorted(found) == expected


@given(st.lists(few_bytes), st.sets(few_bytes.filter(bool), min_size=1))
def test_values_show_what_each_of_them_holds_and_nothing_across_two(values: list[bytes], patterns: set[bytes]):
    needles = build_needles(sorted(patterns))
    laid_out = list_values("values", values)
    owned = [
        hit
        for hit in needles.find(laid_out.data)
        if laid_out.owns(*hit[1:]) and needles.describe(hit[0])[1] == "raw bytes"
    ]
    assert len(owned) == sum(len(list_positions(pattern, value)) for pattern in patterns for value in values)


def zip_one(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", content)
    return held.getvalue()


def parquet_one(content: bytes) -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.table({"x": [b"", content]}), held, compression="zstd", write_statistics=False)
    return held.getvalue()


def sqlite_one(content: bytes) -> bytes:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE t (c BLOB)")
    database.execute("INSERT INTO t VALUES (?)", (content,))
    database.commit()
    serialised = database.serialize()
    database.close()
    return serialised


CONTAINERS: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    gzip.compress,
    zstandard.compress,
    zip_one,
    parquet_one,
    sqlite_one,
    lambda content: gzip.compress(parquet_one(content)),
)


def scan_content(content: bytes, identifier: str | bytes) -> ScanReport:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "f").write_bytes(content)
        return scan([Path(directory) / "f"], [identifier])


@given(identifiers, st.data(), st.binary(max_size=5000), st.sampled_from(CONTAINERS))
def test_identifier_in_any_form_at_any_offset_of_any_container_is_found(
    identifier: str | bytes, data: st.DataObject, filler: bytes, contain: Callable[[bytes], bytes]
):
    _, pattern = data.draw(st.sampled_from(sorted(list_forms(identifier))))
    offset = data.draw(st.integers(0, len(filler)))
    report = scan_content(contain(filler[:offset] + pattern + filler[offset:]), identifier)
    assert report.finding_count > 0
    assert not report.clean


@given(identifiers, st.binary(max_size=5000))
def test_bytes_without_any_form_are_clean(identifier: str | bytes, content: bytes):
    holds = any(pattern in content or pattern == b"f" for _, pattern in list_forms(identifier))
    assert scan_content(b"." + content, identifier).clean is not holds


def test_oracle_itself_is_right():
    assert list_positions(b"aa", b"aaa") == [0, 1]
    assert [*pairwise(list_values("v", [b"ab", b"", b"c"]).bounds)] == [(0, 2), (2, 2), (2, 3)]


@given(st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=5, unique=True))
def test_pseudonyms_spelled_all_at_once_have_the_forms_of_each(pseudonyms: list[bytes]):
    needles = build_needles(pseudonyms)
    for position, pseudonym in enumerate(pseudonyms, start=1):
        for _, pattern in list_forms(pseudonym):
            whole = [hit for hit, *span in needles.find(b"..." + pattern) if span == [3, 3 + len(pattern)]]
            assert [owner for owner, _ in map(needles.describe, whole) if owner <= position]
