"""A batch is visible once or not at all, whatever is repeated, swept or committed meanwhile."""

import json

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from pipelines.errors import StorageBusyError
from pipelines.lake.append import add_action, commit_actions, commit_parts, discard_parts
from pipelines.lake.layout import open_table
from pipelines.lake.purge import purge_table


def test_parts_are_one_file_for_each_partition_and_unseen_until_committed(table):
    parts = table.write([(1, 1), (2, 2), (3, 3)])
    assert sorted((part.partition["subject_bucket"], part.row_count) for part in parts) == [("0", 1), ("1", 2)]
    assert table.files() == ()
    assert commit_parts(table.lake, table.contract, parts, "batch")
    assert table.paths() == {part.path for part in parts}


def test_batch_committed_before_is_not_committed_again(table):
    assert table.append([(1, 1)], "batch")
    again = table.write([(1, 1)])
    assert not commit_parts(table.lake, table.contract, again, "batch")
    discard_parts(table.lake, table.contract, again)
    assert table.pairs() == [(1, 1)]


def test_batch_is_remembered_after_purges(table):
    assert table.append([(1, 1)], "batch")
    for number in range(3):
        table.append([(2, number)], f"other {number}")
        purge_table(table.lake, table.contract, orphan_age=0)
    assert not table.append([(1, 1)], "batch")
    assert len(table.pairs()) == 4


def test_part_that_was_swept_before_its_commit_is_refused(table):
    table.append([(1, 1)], "a")
    parts = table.write([(2, 2), (3, 3)])
    purge_table(table.lake, table.contract, orphan_age=0)
    with pytest.raises(StorageBusyError, match="swept"):
        commit_parts(table.lake, table.contract, parts, "b")
    discard_parts(table.lake, table.contract, parts)
    assert table.append([(2, 2), (3, 3)], "b")
    assert table.pairs() == [(1, 1), (2, 2), (3, 3)]


def test_commit_on_a_table_that_moved_on_fails_even_when_its_log_was_purged(table):
    table.append([(1, 1)], "a")
    stale = open_table(table.lake, table.contract)
    table.append([(2, 2)], "b")
    table.append([(3, 3)], "c")
    purge_table(table.lake, table.contract, orphan_age=0)
    [part] = table.write([(4, 4)])
    with pytest.raises(CommitFailedError):
        commit_actions(stale, [add_action(part)], "d")
    assert table.pairs() == [(1, 1), (2, 2), (3, 3)]


def test_commit_that_is_reported_as_failed_counts_as_what_it_was(table, monkeypatch: pytest.MonkeyPatch):
    commit = DeltaTable.create_write_transaction

    def commit_and_fail(*arguments: object, **options: object) -> None:
        commit(*arguments, **options)
        raise DeltaError("File not found")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", commit_and_fail)
    assert table.append([(1, 1), (3, 3)], "a")
    assert [rewrite.number for rewrite in table.remove({"request": table.subject(1)})] == [1]
    assert table.pairs() == [(3, 3)]


def test_error_of_a_table_that_did_not_move_on_is_no_conflict(table, monkeypatch: pytest.MonkeyPatch):
    table.append([(1, 1)], "a")

    def fail(*_: object, **__: object) -> None:
        raise DeltaError("no space left")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", fail)
    with pytest.raises(DeltaError, match="no space left") as raised:
        table.append([(2, 2)], "b")
    assert not isinstance(raised.value, CommitFailedError)


def test_no_statistic_but_the_row_count_is_kept(table):
    table.append([(1, 1), (3, 3)], "batch")
    log = table.root / "_delta_log"
    actions = [json.loads(line) for path in log.glob("*.json") for line in path.read_text().splitlines()]
    [stats] = [json.loads(action["add"]["stats"]) for action in actions if "add" in action]
    assert stats == {"numRecords": 2}
    [part] = table.files()
    group = pq.read_metadata(table.root / part.path).row_group(0)
    assert not any(group.column(index).is_stats_set for index in range(group.num_columns))
    assert all(table.pseudonym(1) not in path.read_bytes() for path in log.iterdir())
