"""Where tables lie, and what is in them, follows from one URI and the contract."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.lake.layout import (
    TABLE_CONFIGURATION,
    file_uris,
    live_files,
    open_lake,
    open_table,
    read_columns,
    table_dates,
)

DAY, NEXT_DAY = date(2026, 11, 20), date(2026, 11, 21)


def test_local_lake_is_known_by_its_absolute_path_however_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    given = [str(tmp_path / "a lake"), "a lake", "./a lake", f"file://{tmp_path}/a%20lake"]
    assert {open_lake(uri).uri for uri in given} == {str(tmp_path / "a lake")}
    assert open_lake("a lake").directory == tmp_path / "a lake"


def test_object_store_keeps_its_uri_and_has_no_directory():
    lake = open_lake("s3://bucket/lake/", {"region": "ap-northeast-1"})
    assert (lake.table_uri("searches"), lake.directory) == ("s3://bucket/lake/searches", None)


@pytest.mark.parametrize("name", ["lake", "a lake", "湖", "50% #1 [x]*"])
def test_table_is_written_and_read_in_a_directory_of_any_name(tmp_path: Path, table_in, name: str):
    table = table_in(str(tmp_path / name))
    pairs = [(1, 1), (2, 2), (3, 3)]
    assert table.append(pairs, "batch")
    assert table.pairs() == pairs
    assert all(Path(uri).is_file() for uri in file_uris(table.lake, table.contract))


def test_new_table_is_empty_has_the_contract_and_keeps_no_history_or_statistics(table):
    created = open_table(table.lake, table.contract)
    assert live_files(created) == ()
    assert [field.name for field in created.schema().fields] == list(polars_schema(table.contract))
    assert created.metadata().partition_columns == ["event_date", "subject_bucket"]
    assert created.metadata().configuration == TABLE_CONFIGURATION


def test_opening_a_table_again_changes_nothing(table):
    open_table(table.lake, table.contract)
    assert open_table(table.lake, table.contract).version() == 0


def test_files_are_listed_by_day_with_rows_bytes_and_partition(table):
    table.append([(1, 1), (3, 3), (2, 2)], "a")
    table.append([(1, 4)], "b", NEXT_DAY)
    [later] = live_files(open_table(table.lake, table.contract), [NEXT_DAY])
    assert (later.row_count, dict(later.partition)) == (1, {"event_date": "2026-11-21", "subject_bucket": "1"})
    assert later.byte_count == (table.root / later.path).stat().st_size
    assert sorted(file.row_count for file in table.files()) == [1, 1, 2]
    assert table_dates(table.lake, table.contract) == (DAY, NEXT_DAY)
    assert len(file_uris(table.lake, table.contract, [DAY])) == 2


def test_columns_of_an_empty_table_keep_their_types(table):
    empty = read_columns(table.lake, table.contract, ["user_pseudonym", "purpose"])
    assert dict(empty.schema) == {"purpose": pl.String, "user_pseudonym": pl.Binary}
