"""Rows changed in place or all taken out, in one commit, with others writing meanwhile."""

from datetime import date

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.lake import replace
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import TableState, describe_table, open_lake, open_table
from pipelines.lake.purge import purge_table
from pipelines.lake.replace import EVERYBODY, empty_table, replace_rows
from pipelines.settings import REPOSITORY

TABLE = load_catalogue(REPOSITORY / "data_contracts").get("lake", "quarantined_lines")
DAYS = (date(2026, 11, 22), date(2026, 11, 23))


@pytest.fixture
def lake(tmp_path):
    return open_lake(str(tmp_path / "lake"))


def store(lake, batch, lines, day=DAYS[0]):
    rows = pl.DataFrame({"line_number": lines}).with_columns(
        [pl.lit(day).alias("expires_on"), pl.lit("access").alias("source"), pl.lit(b"sealed").alias("sealed_line")]
    )
    missing = [
        pl.lit(None, kind).alias(name) for name, kind in polars_schema(TABLE).items() if name not in rows.columns
    ]
    commit_parts(lake, TABLE, write_parts(lake, TABLE, rows.with_columns(missing)), batch)


def read(lake):
    return pl.read_delta(open_table(lake, TABLE)).sort("expires_on", "line_number")


def mark(number):
    is_it = pl.col("line_number") == number
    return lambda rows: rows.with_columns(replay_id=pl.when(is_it).then(pl.lit("r")).otherwise("replay_id"))


def drop(number):
    return lambda rows: rows.filter(pl.col("line_number") != number)


def test_only_files_that_a_change_touches_are_replaced(lake):
    store(lake, "a", [1, 2])
    store(lake, "b", [3], DAYS[1])
    before = set(open_table(lake, TABLE).file_uris())
    assert replace_rows(lake, TABLE, mark(2), batch="x") == 1
    assert read(lake)["replay_id"].to_list() == [None, "r", None]
    assert len(before & set(open_table(lake, TABLE).file_uris())) == 1
    assert replace_rows(lake, TABLE, mark(2), batch="x") == 0, "what is changed already is left as it is"


def test_file_of_which_no_row_is_left_goes(lake):
    store(lake, "a", [1])
    store(lake, "b", [2])
    assert replace_rows(lake, TABLE, drop(1), batch="x") == 1
    assert read(lake)["line_number"].to_list() == [2]
    assert describe_table(lake, TABLE) == TableState(version=3, row_count=1, file_count=1)


def test_change_is_asked_again_when_somebody_else_was_faster(lake, monkeypatch):
    store(lake, "a", [1, 2])
    commit, others = replace.commit_actions, ["b", "c"]

    def commit_after_another(*arguments):
        if others:
            store(lake, others.pop(), [2, 3])
            replace_rows(lake, TABLE, drop(3), batch="y")
        return commit(*arguments)

    monkeypatch.setattr(replace, "commit_actions", commit_after_another)
    replace_rows(lake, TABLE, mark(2), batch="x")
    assert read(lake).select("line_number", "replay_id").rows() == [(1, None), (2, "r"), (2, "r"), (2, "r")]
    purge_table(lake, TABLE, orphan_age=0)
    assert describe_table(lake, TABLE).row_count == 4, (
        "nothing that a lost attempt wrote is live, and nothing live is swept"
    )


def test_emptied_table_has_no_row_and_says_before_how_many_there_were(lake):
    store(lake, "a", [1, 2])
    store(lake, "b", [3], DAYS[1])
    heard = []
    rewrite = empty_table(lake, TABLE, plan="plan", announce=lambda each: heard.append((each, read(lake).height)))
    assert heard == [(rewrite, 3)]
    assert (rewrite.number, rewrite.row_counts, rewrite.file_counts) == (1, {EVERYBODY: 3}, {EVERYBODY: 2})
    assert read(lake).height == 0
    assert empty_table(lake, TABLE, plan="plan", announce=heard.append) is None
    assert len(heard) == 1


def test_crash_before_the_table_is_emptied_is_announced_under_the_same_number_again(lake):
    store(lake, "a", [1, 2])
    with pytest.raises(KeyboardInterrupt):
        empty_table(lake, TABLE, plan="plan", announce=crash)
    numbers = []
    empty_table(lake, TABLE, plan="plan", announce=lambda each: numbers.append(each.number))
    store(lake, "b", [3])
    empty_table(lake, TABLE, plan="plan", announce=lambda each: numbers.append(each.number))
    assert numbers == [1, 2]


def crash(_):
    raise KeyboardInterrupt
