"""Merging leaves the same rows in fewer files, keeps out of what others need, and gives way to rewrites."""

from datetime import date, timedelta

import pytest

from pipelines.errors import DataQualityError
from pipelines.lake import compact as compact_module
from pipelines.lake.append import add_action, commit_actions, write_file
from pipelines.lake.compact import Aim, Compaction, compact_table
from pipelines.lake.layout import open_table, read_columns
from pipelines.lake.purge import purge_table
from pipelines.lake.rewrite import multiset_hash, remove_subjects

DAY = date(2026, 11, 20)
NEXT_DAY = DAY + timedelta(days=1)
FEW_FILES = 8
MANY = 3 * FEW_FILES
LARGE = 1 << 30


def fill(table, day=DAY, count=MANY, user=2):
    for number in range(count):
        table.append([(user, number)], f"{day} {user} {number}", day)


def compact(table, target_bytes=LARGE, **aim):
    return compact_table(table.lake, table.contract, Aim(NEXT_DAY, target_bytes, FEW_FILES, **aim))


def row_hash(table):
    return multiset_hash(read_columns(table.lake, table.contract, ["user_pseudonym", "device_pseudonym", "file_id"]))


def test_many_small_files_of_a_partition_become_one_with_the_same_rows(table):
    fill(table)
    fill(table, user=3)
    before, expected = row_hash(table), table.pairs()
    assert compact(table) == Compaction(table.contract.name, 2 * MANY, 2)
    assert sorted(file.row_count for file in table.files()) == [MANY, MANY]
    assert {file.partition["subject_bucket"] for file in table.files()} == {"0", "1"}
    assert (row_hash(table), table.pairs()) == (before, expected)


def test_merging_again_changes_nothing_and_commits_nothing(table):
    fill(table)
    compact(table, target_bytes=20_000)
    paths, version = table.paths(), open_table(table.lake, table.contract).version()
    assert compact(table, target_bytes=20_000) == Compaction(table.contract.name, 0, 0)
    assert (table.paths(), open_table(table.lake, table.contract).version()) == (paths, version)


def test_few_files_and_files_of_today_stay_as_they_are(table):
    fill(table, count=FEW_FILES)
    fill(table, day=NEXT_DAY)
    paths = table.paths()
    assert compact(table).merged_count == 0
    assert table.paths() == paths


def test_large_files_stay_as_they_are(table):
    table.append([(2, number) for number in range(256)], "large")
    [large] = table.files()
    fill(table)
    assert compact(table, target_bytes=2 * large.byte_count).merged_count == MANY
    assert large.path in table.paths()


def test_no_merged_file_holds_more_rows_than_memory_should(table):
    fill(table)
    compact(table, most_rows=10)
    assert max(file.row_count for file in table.files()) <= 10
    assert len(table.files()) < MANY
    assert len(table.pairs()) == MANY


def test_spared_files_stay_as_they_are(table):
    fill(table)
    spared = sorted(table.paths())[:3]
    compact(table, spared=spared)
    assert table.paths() > set(spared)
    assert len(table.files()) == len(spared) + 1


def test_files_from_before_a_column_came_are_merged_with_later_ones(table):
    fill(table)
    [partition] = {tuple(file.partition.items()) for file in table.files()}
    older = table.build([(2, 99)]).drop([*table.contract.partition_columns, "key_id"])
    files = [write_file(table.lake, table.contract.name, dict(partition), older) for _ in range(MANY)]
    commit_actions(open_table(table.lake, table.contract), [add_action(file) for file in files], "older")
    assert compact(table) == Compaction(table.contract.name, 2 * MANY, 1)
    assert [file.row_count for file in table.files()] == [2 * MANY]
    assert read_columns(table.lake, table.contract, ["key_id"])["key_id"].null_count() == MANY


def test_merged_file_that_does_not_read_back_is_not_committed(table, monkeypatch):
    fill(table)
    paths = table.paths()
    real = compact_module.write_file
    monkeypatch.setattr(compact_module, "write_file", lambda lake, name, part, rows: real(lake, name, part, rows[:1]))
    with pytest.raises(DataQualityError, match="does not read back equal"):
        compact(table)
    assert table.paths() == paths
    assert len([path for path in table.root.rglob("*.parquet") if "_delta_log" not in str(path)]) == MANY


def test_rewrite_that_ends_a_file_during_a_merge_wins_and_nobody_returns(table, monkeypatch):
    """The merge has read the subject's rows already when the rewrite commits."""
    table.append([(1, 0), (3, 0)], "both")
    fill(table, user=3)
    real = compact_module.write_file

    def write_late(*arguments):
        written = real(*arguments)
        monkeypatch.setattr(compact_module, "write_file", real)
        table.remove({"request": table.subject(1)})
        return written

    monkeypatch.setattr(compact_module, "write_file", write_late)
    compact(table)
    assert 1 not in {user for user, _ in table.pairs()}
    assert len(table.pairs()) == MANY + 1
    assert len(table.files()) == 1


def test_merge_during_a_rewrite_makes_the_rewrite_read_again(table, monkeypatch):
    table.append([(1, 0), (3, 0)], "both")
    fill(table, user=3)

    def merge_and_purge(rewrite):
        announced.append(rewrite)
        if len(announced) == 1:
            compact(table)
            purge_table(table.lake, table.contract)

    announced = []
    requests = {"request": table.subject(1)}
    remove_subjects(table.lake, table.contract, requests, plan="plan", announce=merge_and_purge)
    assert len(announced) == 2
    assert 1 not in {user for user, _ in table.pairs()}
    assert len(table.pairs()) == MANY + 1
