"""Rows on their way into a table: unseen until committed, and committed once."""

from datetime import date

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion import staging
from pipelines.ingestion.staging import TableStage
from pipelines.lake.layout import Lake, read_columns
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
REJECTED_LINES, LINKS = CATALOGUE.get("lake", "rejected_lines"), CATALOGUE.get("lake", "identity_links")


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def rows(*numbers):
    row = {"received_date": date(2026, 11, 22), "source": "access", "file_id": "ab", "byte_offset": 0}
    row |= {"reason": "empty_line", "shape": "", "byte_count": 0}
    return pl.DataFrame([row | {"line_number": number} for number in numbers], schema=polars_schema(REJECTED_LINES))


def stored(lake):
    return sorted(read_columns(lake, REJECTED_LINES, ["line_number"])["line_number"])


def files(tmp_path):
    return [path for path in (tmp_path / "lake").rglob("*.parquet") if "_delta_log" not in path.parts]


def stage(lake, *numbers):
    staged = TableStage(lake, REJECTED_LINES)
    staged.add(rows(*numbers))
    staged.write()
    return staged


def test_rows_are_unseen_until_they_are_committed(lake):
    staged = stage(lake, 1, 2)
    assert stored(lake) == []
    assert staged.commit("access/1")
    assert stored(lake) == [1, 2]


def test_batch_is_committed_once_and_its_second_copy_removed(lake, tmp_path):
    assert stage(lake, 1).commit("access/1")
    assert not stage(lake, 1).commit("access/1")
    assert stage(lake, 2).commit("access/2")
    assert stored(lake) == [1, 2]
    assert len(files(tmp_path)) == 2


def test_discarded_rows_leave_no_file(lake, tmp_path):
    staged = stage(lake, 1)
    assert len(files(tmp_path)) == 1
    staged.discard()
    assert files(tmp_path) == []
    assert staged.commit("access/1")
    assert stored(lake) == []


def test_what_was_committed_is_not_discarded(lake):
    staged = stage(lake, 1)
    staged.commit("access/1")
    staged.discard()
    assert stored(lake) == [1]


def test_nothing_is_discarded_when_nobody_knows_whether_it_was_committed(lake, tmp_path, monkeypatch):
    def commit_and_lose_the_answer(*arguments):
        commit_parts(*arguments)
        raise TimeoutError

    commit_parts = staging.commit_parts
    monkeypatch.setattr(staging, "commit_parts", commit_and_lose_the_answer)
    staged = stage(lake, 1)
    with pytest.raises(TimeoutError):
        staged.commit("access/1")
    staged.discard()
    assert stored(lake) == [1]


def test_buffer_is_written_when_it_is_full(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "BUFFERED_ROWS", 3)
    staged = TableStage(lake, REJECTED_LINES)
    for number in range(7):
        staged.add(rows(number))
    assert len(files(tmp_path)) == 2
    assert sum(frame.height for frame in staged.buffered) == 1


def link(number, day):
    row = {"event_date": date(2026, 11, day), "subject_bucket": 0, "purpose": "usage", "key_id": "k", "file_id": "ab"}
    row |= {"user_pseudonym": bytes([number] * 16), "device_pseudonym": bytes(16)}
    return pl.DataFrame([row], schema=polars_schema(LINKS))


def test_links_that_come_again_and_again_wait_once_for_the_end_on_their_first_day(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "BUFFERED_ROWS", 4)
    staged = TableStage(lake, LINKS)
    for place in range(100):
        staged.add(link(place % 3, 22 if place == 50 else 23))
        assert sum(frame.height for frame in staged.buffered) < 6
    assert files(tmp_path) == []
    staged.write()
    counts = sorted((part.partition["event_date"], part.row_count) for part in staged.parts)
    assert counts == [("2026-11-22", 1), ("2026-11-23", 2)]


def test_links_of_very_many_pairs_are_written_before_the_end_and_none_is_lost(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "BUFFERED_ROWS", 4)
    monkeypatch.setattr(staging, "MOST_UNITED_ROWS", 8)
    staged = TableStage(lake, LINKS)
    for place in range(100):
        staged.add(link(place, 23))
        assert sum(frame.height for frame in staged.buffered) < 16
    assert len(files(tmp_path)) > 1
    staged.write()
    assert sum(part.row_count for part in staged.parts) == 100
    staged.discard()
    assert files(tmp_path) == []
