"""What was measured to go wrong when Delta tables are deleted from, each trap by name."""

import base64
import os
import subprocess
import sys
import time
from datetime import date, timedelta

import pytest
from deltalake.exceptions import CommitFailedError

from pipelines.lake.append import add_action, commit_actions, commit_parts, remove_action, write_file
from pipelines.lake.compact import Aim, compact_table
from pipelines.lake.layout import open_table
from pipelines.lake.purge import LOG_DIRECTORY, LONGEST_WRITE_SECONDS, purge_table
from pipelines.settings import REPOSITORY

DAY = date(2026, 11, 20)
MOST_KILLS = 10
WRITE_AND_DIE = """
import os, signal, sys, threading
from pathlib import Path
import deltalake, polars as pl

root = Path(sys.argv[1])
rows, known = pl.read_delta(str(root)), set(root.rglob("*"))

def die_at_a_new_file():
    while all("_delta_log" in path.parts or path.is_dir() for path in set(root.rglob("*")) - known):
        pass
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=die_at_a_new_file, daemon=True).start()
deltalake.write_deltalake(str(root), rows.select(pl.all().gather(pl.repeat(0, 3_000_000))), mode="append")
"""


def list_data(root):
    """Every file of a table but its log, as the log would name it."""
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in files if LOG_DIRECTORY not in path.parts}


def compact(table):
    return compact_table(table.lake, table.contract, Aim(DAY + timedelta(days=1), 1 << 30, few_files=1))


def test_compaction_beside_a_stale_rewrite_does_not_resurrect(table):
    """The rewrite has read the table, and written its survivors, before the merge commits."""
    table.append([(1, 1), (3, 3)], "a")
    table.append([(5, 5)], "b")
    stale = open_table(table.lake, table.contract)
    [old] = [file for file in table.files() if file.row_count == 2]
    survivors = table.build([(3, 3)]).drop(table.contract.partition_columns)
    new = write_file(table.lake, table.contract.name, old.partition, survivors)
    assert compact(table).merged_count == 2
    with pytest.raises(CommitFailedError):
        commit_actions(stale, [add_action(new), remove_action(old)], "plan")
    assert table.pairs() == [(1, 1), (3, 3), (5, 5)], "nothing is doubled"
    table.remove({"request": table.subject(1)})
    assert table.pairs() == [(3, 3), (5, 5)]


def test_rewrite_beside_a_stale_compaction_does_not_resurrect(table):
    table.append([(1, 1), (3, 3)], "a")
    table.append([(5, 5)], "b")
    stale, files = open_table(table.lake, table.contract), table.files()
    rows = table.build([(1, 1), (3, 3), (5, 5)]).drop(table.contract.partition_columns)
    merged = write_file(table.lake, table.contract.name, files[0].partition, rows)
    table.remove({"request": table.subject(1)})
    with pytest.raises(CommitFailedError):
        commit_actions(stale, [add_action(merged), *map(remove_action, files)], "compaction")
    assert table.pairs() == [(3, 3), (5, 5)]


def test_vacuum_beside_writers_loses_nothing(table):
    """A writer has its files on disk, and no commit yet, while everything that no version names is swept."""
    table.append([(1, 1), (3, 3)], "a")
    waiting = table.write([(5, 5)])
    table.remove({"request": table.subject(1)})
    purge_table(table.lake, table.contract)
    assert commit_parts(table.lake, table.contract, waiting, "b")
    purge_table(table.lake, table.contract)
    assert table.pairs() == [(3, 3), (5, 5)]


def test_staging_files_of_writers_killed_with_minus_9_are_swept(table):
    """Of delta-rs's own writer, which stages beside its files, and of ours."""
    table.append([(1, 1)], "a")
    command = [sys.executable, "-c", WRITE_AND_DIE, str(table.root)]
    for _ in range(MOST_KILLS):
        subprocess.run(command, cwd=REPOSITORY, timeout=120, check=False)
        if list_data(table.root) - table.paths():
            break  # the others were faster than the signal, and committed
    table.write([(3, 3)])
    live, data = table.paths(), list_data(table.root)
    assert len(data - live) >= 2
    long_ago = time.time() - 2 * LONGEST_WRITE_SECONDS
    for path in data:
        os.utime(table.root / path, (long_ago, long_ago))
    assert purge_table(table.lake, table.contract).orphan_count == len(data - live)
    assert list_data(table.root) == table.paths() == live


def test_delete_predicates_never_stand_in_the_log(table):
    table.append([(1, 1), (3, 3)], "a", date(2026, 11, 20))
    table.append([(1, 2)], "b", date(2026, 11, 21))
    table.remove({"request": table.subject(1, 1, 2)})
    gone = [table.pseudonym(number) for number in (1, 2)]
    spellings = [text for value in gone for text in (value, value.hex().encode(), base64.b64encode(value))]
    entries = [path.read_bytes() for path in (table.root / LOG_DIRECTORY).glob("*.json")]
    assert len(entries) == 4
    for entry in entries:
        assert b'"predicate"' not in entry
        assert not [text for text in spellings if text.lower() in entry.lower()]
        assert b"minValues" not in entry
