"""A table made under an earlier version of its contract gains what may be null, and anything else is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError

from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError
from pipelines.lake.append import add_action, commit_actions, commit_parts
from pipelines.lake.compact import Aim, Compaction, compact_table
from pipelines.lake.layout import TABLE_CONFIGURATION, open_batch, open_table, read_columns, read_file
from pipelines.lake.purge import purge_table
from pipelines.lake.rewrite import multiset_hash

DAY = date(2026, 11, 20)
NEW = "origin"


def add_column(contract: Contract, *, required: bool = False, name: str = NEW) -> Contract:
    column = replace(contract.column("key_id"), name=name, required=required)
    return replace(contract, columns=(*contract.columns, column))


@pytest.fixture
def later(table):
    """The same table under the next version of its contract, which has one more column in it."""
    return replace(table, contract=add_column(table.contract))


def read_new(later) -> list[str | None]:
    return read_columns(later.lake, later.contract, [NEW])[NEW].to_list()


def store_new(later, pairs, batch: str) -> None:
    parts = later.write_rows(later.build(pairs).with_columns(pl.lit("app").alias(NEW)))
    commit_parts(later.lake, later.contract, parts, batch)


def test_table_gains_the_column_in_one_commit_and_older_rows_have_null_in_it(table, later):
    table.append([(1, 1), (2, 2)], "older")
    assert read_new(later) == [None, None]
    opened = open_table(later.lake, later.contract)
    assert (opened.version(), [field.name for field in opened.schema().fields][-1]) == (2, NEW)
    store_new(later, [(3, 3)], "later")
    assert sorted(read_new(later), key=str) == [None, None, "app"]
    assert later.pairs() == [(1, 1), (2, 2), (3, 3)]


def test_engines_that_follow_the_log_read_null_too(table, later):
    table.append([(1, 1)], "older")
    store_new(later, [(3, 3)], "later")
    rows = pl.read_delta(open_table(later.lake, later.contract))
    assert sorted(rows[NEW].to_list(), key=str) == [None, "app"]


def test_batches_stay_known_and_history_stays_gone(table, later):
    table.append([(1, 1)], "batch")
    opened, number = open_batch(later.lake, later.contract, "batch")
    assert (number, opened.metadata().configuration) == (1, TABLE_CONFIGURATION)
    purge_table(later.lake, later.contract)
    assert (later.append([(1, 1)], "batch"), later.pairs()) == (False, [(1, 1)])


def test_many_openers_and_writers_at_once_add_it_once_and_lose_no_row(table, later):
    table.append([(0, 0)], "older")
    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(lambda number: later.append([(number, number)], str(number)), range(1, 9)))
    assert all(written)
    opened = open_table(later.lake, later.contract)
    assert [field.name for field in opened.schema().fields].count(NEW) == 1
    assert [entry["operation"] for entry in opened.history()].count("ADD COLUMN") == 1
    assert later.pairs() == [(number, number) for number in range(9)]


def test_writer_under_the_older_contract_gives_way(table, later):
    parts, stale = table.write([(1, 1)]), open_table(table.lake, table.contract)
    open_table(later.lake, later.contract)
    with pytest.raises(CommitFailedError):
        commit_actions(stale, [add_action(part) for part in parts], "stale")
    with pytest.raises(ConfigurationError, match=f"identity_links holds column {NEW}, which its contract does not"):
        open_table(table.lake, table.contract)


def test_subjects_leave_older_files_and_everybody_else_stays_equal(table, later):
    table.append([(1, 1), (3, 3)], "older")
    store_new(later, [(1, 2), (5, 5)], "later")
    kept = pl.concat(read_file(later.lake, later.contract, file.path) for file in later.files())
    kept = kept.filter(pl.col("user_pseudonym") != later.pseudonym(1))
    [rewrite] = later.remove({"request": later.subject(1)})
    assert (rewrite.row_counts, rewrite.survivor_hash) == ({"request": 2}, f"{multiset_hash(kept):016x}")
    assert (later.pairs(), sorted(read_new(later), key=str)) == ([(3, 3), (5, 5)], [None, "app"])


def test_subjects_named_by_a_new_column_are_in_no_older_file(table, later):
    table.append([(1, 1)], "older")
    binary = replace(later.contract.column(NEW), physical_type="binary16")
    keyed = replace(later, contract=replace(table.contract, columns=(*table.contract.columns, binary)))
    assert keyed.remove({"request": {NEW: [table.pseudonym(1)]}}) == []


def test_older_and_later_files_are_merged_row_for_row(table, later):
    for number in range(3):
        table.append([(1, number)], f"older {number}")
    store_new(later, [(1, 3)], "later")
    before = multiset_hash(read_columns(later.lake, later.contract, [NEW, "user_pseudonym", "file_id"]))
    aim = Aim(DAY + timedelta(days=1), 1 << 30, few_files=1)
    assert compact_table(later.lake, later.contract, aim) == Compaction("identity_links", 4, 1)
    assert [file.row_count for file in later.files()] == [4]
    assert multiset_hash(read_columns(later.lake, later.contract, [NEW, "user_pseudonym", "file_id"])) == before


def retype(contract: Contract) -> Contract:
    *others, last = contract.columns
    return replace(contract, columns=(*others, replace(last, physical_type="int64")))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda contract: add_column(contract, required=True), [NEW, "requires", "required: false"]),
        (lambda contract: replace(contract, columns=contract.columns[:-1]), ["file_id", "not declare", "again"]),
        (retype, ["file_id", "another type", "another name"]),
        (lambda contract: replace(contract, properties={"partitionBy": ["event_date"]}), ["partition"]),
    ],
)
def test_any_other_change_is_refused_by_names_alone(table, change: Callable[[Contract], Contract], named: list[str]):
    table.append([(1, 1)], "older")
    with pytest.raises(ConfigurationError) as refused:
        open_table(table.lake, change(table.contract))
    assert all(name in str(refused.value) for name in ["identity_links", *named])
    assert "00000001" not in str(refused.value)
    assert table.pairs() == [(1, 1)], "nothing was changed"


def test_file_that_holds_more_than_its_contract_is_refused_by_names_alone(table, later):
    table.append([(1, 1)], "older")
    parts = later.write_rows(later.build([(3, 3)]).with_columns(pl.lit("app").alias(NEW)))
    commit_actions(open_table(table.lake, table.contract), [add_action(part) for part in parts], "unannounced")
    with pytest.raises(ConfigurationError, match="a file of table identity_links holds a column") as refused:
        table.pairs()
    assert "app" not in str(refused.value)
