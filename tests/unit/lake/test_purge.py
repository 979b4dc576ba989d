"""After a purge only the current version is on disk, and nothing that a running ingest has just written is gone."""

import os
import time
from pathlib import Path

import pytest
from deltalake.exceptions import DeltaError

from pipelines.lake.layout import open_table
from pipelines.lake.purge import LONGEST_WRITE_SECONDS, purge_table
from pipelines.proof.scan import scan


def list_data(root: Path) -> set[str]:
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != "_delta_log"}


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_purge_leaves_no_old_version_and_no_byte_of_who_was_removed(table):
    table.append([(1, 1), (3, 3), (2, 2)], "a")
    table.append([(1, 4)], "b")
    table.remove({"request": table.subject(1)})
    assert not scan([table.root], [table.pseudonym(1)]).clean, "the positive control: old files still hold the subject"
    purge = purge_table(table.lake, table.contract)
    assert (purge.ended_count, purge.orphan_count) == (2, 0)
    assert list_data(table.root) == table.paths()
    report = scan([table.root], [table.pseudonym(1)])
    assert report.clean
    assert report.undecodable == 0
    assert not scan([table.root], [table.pseudonym(3)]).clean


def test_purge_keeps_one_version_of_the_log(table):
    for number in range(5):
        table.append([(number, number)], f"batch {number}")
    purge_table(table.lake, table.contract)
    current = open_table(table.lake, table.contract)
    log = table.root / "_delta_log"
    assert [int(path.name[:20]) for path in log.glob("*.json")] == [current.version()]
    assert [int(path.name[:20]) for path in log.glob("*.parquet")] == [current.version()]
    with pytest.raises(DeltaError):
        current.load_as_version(current.version() - 1)


def test_purge_may_be_repeated_and_changes_no_row(table):
    table.append([(1, 1), (2, 2)], "a")
    for _ in range(3):
        purge = purge_table(table.lake, table.contract)
    assert (purge.ended_count, purge.orphan_count, table.pairs()) == (0, 0, [(1, 1), (2, 2)])


def test_purge_of_an_empty_table_is_nothing(table):
    purge = purge_table(table.lake, table.contract)
    assert (purge.ended_count, purge.orphan_count) == (0, 0)


def test_orphans_are_swept_only_when_older_than_the_longest_write(table):
    table.append([(1, 1)], "a")
    [young], [old] = table.write([(2, 2)]), table.write([(2, 2)])
    age(table.root / young.path, LONGEST_WRITE_SECONDS - 60)
    age(table.root / old.path, LONGEST_WRITE_SECONDS + 60)
    assert purge_table(table.lake, table.contract).orphan_count == 1
    assert list_data(table.root) == {*table.paths(), young.path}


def test_staging_leftover_of_a_killed_writer_is_swept_and_old_live_files_stay(table):
    table.append([(1, 1)], "a")
    [live] = table.paths()
    leftover = (table.root / live).with_name("part-0.parquet#1")
    leftover.write_bytes(b"half a file")
    for path in (leftover, table.root / live):
        age(path, 2 * LONGEST_WRITE_SECONDS)
    assert purge_table(table.lake, table.contract).orphan_count == 1
    assert list_data(table.root) == {live}
