"""Whichever rows were stored before a column came, all journeys of the lake leave what a naive oracle says."""

import tempfile
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract, load_catalogue
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.compact import Aim, compact_table
from pipelines.lake.expire import expire_rows
from pipelines.lake.layout import Lake, open_lake, read_columns
from pipelines.lake.purge import purge_table
from pipelines.lake.rewrite import remove_subjects
from pipelines.settings import REPOSITORY

OLDER = load_catalogue(REPOSITORY / "data_contracts").get("lake", "identity_links")
NEW = "origin"
LATER = replace(OLDER, columns=(*OLDER.columns, replace(OLDER.column("key_id"), name=NEW, required=False)))
FIRST_DAY = date(2026, 11, 20)
STEPS = ("remove", "merge", "expire", "purge")

Row = tuple[int, int, str | None]  # user, day, what the new column holds
people, days = st.integers(0, 3), st.integers(0, 1)
rows = st.tuples(people, days, st.sampled_from(["app", "web", None]))
batches = st.lists(st.lists(rows, min_size=1, max_size=5), max_size=4)


def name_user(number: int) -> bytes:
    return f"user-{number}".encode().ljust(16, b"~")


def append(lake: Lake, contract: Contract, batch: list[Row], name: str) -> None:
    texts = [column.name for column in OLDER.columns if column.physical_type == "string"]
    frame = pl.DataFrame(
        [
            {
                **dict.fromkeys(texts, f"{user}-{day}"),
                "event_date": FIRST_DAY + timedelta(days=day),
                "subject_bucket": name_user(user)[0] % int(LATER.properties["buckets"]),
                "user_pseudonym": name_user(user),
                NEW: told,
            }
            for user, day, told in batch
        ],
        schema=polars_schema(LATER),
    )
    assert commit_parts(lake, contract, write_parts(lake, contract, frame), name)


def take(step: str, lake: Lake, kept: list[Row]) -> list[Row]:
    """Do one thing to the table, and the same to the rows that should be in it."""
    if step == "remove":
        subject = {"request": {"user_pseudonym": [name_user(0)]}}
        remove_subjects(lake, LATER, subject, plan="plan", announce=lambda _: None)
        return [row for row in kept if row[0] != 0]
    if step == "expire":
        expire_rows(lake, LATER, FIRST_DAY + timedelta(days=1))
        return [row for row in kept if row[1] != 0]
    if step == "merge":
        compact_table(lake, LATER, Aim(FIRST_DAY + timedelta(days=2), 1 << 30, few_files=1))
    else:
        purge_table(lake, LATER)
    return kept


@settings(max_examples=25, deadline=None)
@given(batches, batches, st.lists(st.sampled_from(STEPS), max_size=4))
def test_rows_of_before_are_null_and_nothing_else_differs(
    older: list[list[Row]], later: list[list[Row]], steps: list[str]
):
    with tempfile.TemporaryDirectory() as directory:
        lake = open_lake(directory)
        for number, batch in enumerate(older):
            append(lake, OLDER, batch, f"older {number}")
        for number, batch in enumerate(later):
            append(lake, LATER, batch, f"later {number}")
        kept = [(user, day, None) for batch in older for user, day, _ in batch]
        kept += [row for batch in later for row in batch]
        for step in steps:
            kept = take(step, lake, kept)
            found = read_columns(lake, LATER, ["file_id", NEW]).select("file_id", NEW).rows()
            assert sorted(found, key=str) == sorted(((f"{user}-{day}", told) for user, day, told in kept), key=str)
