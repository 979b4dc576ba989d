"""A rewrite takes subjects out of the files that hold them, and nothing else changes."""

from collections.abc import Mapping
from datetime import date
from itertools import count

import polars as pl
import pytest

from pipelines.errors import DeletionIncompleteError, TableChangingError
from pipelines.lake import append as append_module
from pipelines.lake import rewrite as rewrite_module
from pipelines.lake.append import write_file
from pipelines.lake.layout import DataFile, Lake, open_table, read_columns
from pipelines.lake.rewrite import Rewrite, locate_subjects, multiset_hash, remove_subjects

NEXT_DAY = date(2026, 11, 21)


def test_only_files_with_hits_are_touched(table):
    table.append([(1, 1), (3, 3), (2, 2)], "a")
    table.append([(5, 5)], "b", NEXT_DAY)
    before = table.paths()
    [touched] = locate_subjects(table.lake, table.contract, {"request": table.subject(1)})
    assert dict(touched.hits) == {"request": 1}
    [rewrite] = table.remove({"request": table.subject(1)})
    after = table.paths()
    assert before - after == {touched.file.path}
    assert len(after - before) == 1
    assert table.pairs() == [(2, 2), (3, 3), (5, 5)]
    assert (rewrite.row_counts, rewrite.file_counts, rewrite.survivor_count) == ({"request": 1}, {"request": 1}, 1)


def test_file_of_subjects_alone_is_ended_without_a_successor(table):
    table.append([(1, 1), (1, 2)], "a")
    [rewrite] = table.remove({"request": table.subject(1)})
    assert table.paths() == set()
    assert (rewrite.row_counts, rewrite.survivor_count, rewrite.survivor_hash) == ({"request": 2}, 0, "0" * 16)


def test_nobody_to_remove_announces_and_commits_nothing(table):
    table.append([(1, 1)], "a")
    version = open_table(table.lake, table.contract).version()
    assert table.remove({"request": table.subject(9)}) == []
    assert table.remove({}) == []
    assert locate_subjects(table.lake, table.contract, {}) == ()
    assert open_table(table.lake, table.contract).version() == version


def test_row_that_two_requests_share_counts_for_both(table):
    table.append([(1, 7), (3, 7), (5, 5)], "a")
    requests = {"with device": table.subject(1, 7), "same person": table.subject(1), "nobody": table.subject(9)}
    [rewrite] = table.remove({**requests, "other": table.subject(3)})
    assert rewrite.row_counts == {"with device": 2, "same person": 1, "other": 1}
    assert rewrite.file_counts == {"with device": 1, "same person": 1, "other": 1}
    assert table.pairs() == [(5, 5)]


def test_survivor_hash_is_of_the_other_rows_of_touched_files(table):
    table.append([(1, 1), (3, 3), (5, 5)], "a")
    [rewrite] = table.remove({"request": table.subject(1)})
    others = table.build([(5, 5), (3, 3)]).drop(table.contract.partition_columns)
    assert rewrite.survivor_hash == f"{multiset_hash(others):016x}"


def test_rewrites_of_a_plan_are_numbered_by_their_commits(table):
    request = {"request": table.subject(1)}
    for number, (plan, device) in enumerate([("plan", 1), ("plan", 2), ("another", 3)]):
        table.append([(1, device)], f"batch {number}")
        [rewrite] = table.remove(request, plan)
        assert rewrite.number == {1: 1, 2: 2, 3: 1}[device]


def test_crash_between_announcement_and_commit_announces_the_same_number_again(table):
    table.append([(1, 1), (3, 3)], "a")

    def fail(_: Rewrite) -> None:
        raise InterruptedError

    request = {"request": table.subject(1)}
    with pytest.raises(InterruptedError):
        remove_subjects(table.lake, table.contract, request, plan="plan", announce=fail)
    assert table.pairs() == [(1, 1), (3, 3)]
    assert [each.number for each in table.remove(request)] == [1]


def test_append_between_reading_and_commit_is_kept_and_searched(table):
    table.append([(1, 1), (3, 3)], "a")
    announced: list[Rewrite] = []

    def interfere(rewrite: Rewrite) -> None:
        if not announced:
            table.append([(1, 2), (5, 5)], "meanwhile")
        announced.append(rewrite)

    request = {"request": table.subject(1)}
    remove_subjects(table.lake, table.contract, request, plan="plan", announce=interfere)
    assert [(each.number, each.row_counts) for each in announced] == [(1, {"request": 1}), (1, {"request": 2})]
    assert table.pairs() == [(3, 3), (5, 5)]


def test_table_that_never_rests_is_given_up_unchanged(table, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(append_module, "ATTEMPTS", 2)
    table.append([(1, 1), (3, 3)], "a")
    numbers = count()

    def interfere(_: Rewrite) -> None:
        table.append([(5, 5)], f"again {next(numbers)}")

    request = {"request": table.subject(1)}
    with pytest.raises(TableChangingError):
        remove_subjects(table.lake, table.contract, request, plan="plan", announce=interfere)
    assert table.pairs() == [(1, 1), (3, 3), (5, 5), (5, 5)]
    assert len(list(table.root.rglob("*.parquet"))) == 3, "the survivors that were written are discarded"


def test_file_that_does_not_read_back_equal_stops_the_deletion(table, monkeypatch: pytest.MonkeyPatch):
    table.append([(1, 1), (3, 3)], "a")

    def lose_a_row(lake: Lake, name: str, partition: Mapping[str, str | None], rows: pl.DataFrame) -> DataFile:
        return write_file(lake, name, partition, rows[1:])

    monkeypatch.setattr(rewrite_module, "write_file", lose_a_row)
    with pytest.raises(DeletionIncompleteError, match="identity_links does not read back equal"):
        table.remove({"request": table.subject(1)})
    assert table.pairs() == [(1, 1), (3, 3)]
    assert len(list(table.root.rglob("*.parquet"))) == 1


def test_survivors_keep_every_stored_column(table):
    table.append([(1, 1), (3, 3)], "a")
    columns = [column.name for column in table.contract.columns if column.name not in table.contract.partition_columns]
    before = read_columns(table.lake, table.contract, columns)
    table.remove({"request": table.subject(1)})
    after = read_columns(table.lake, table.contract, columns)
    assert after.equals(before.filter(pl.col("user_pseudonym") == table.pseudonym(3)))


def test_multiset_hash_tells_rows_apart_but_not_their_order(table):
    rows = table.build([(1, 1), (2, 2), (2, 2)])
    assert multiset_hash(rows) == multiset_hash(rows.reverse())
    assert multiset_hash(rows) != multiset_hash(rows.unique())
    assert multiset_hash(rows.clear()) == 0
