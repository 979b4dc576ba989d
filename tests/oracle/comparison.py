"""What an installation holds beside what the naive reader says: files, lines, reasons, and every page view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import polars as pl
from sqlalchemy import select

from pipelines.control.ledger import deliveries
from pipelines.journeys.house import House
from pipelines.lake.layout import open_table
from tests.oracle.reader import Account

PLACE = ("file_id", "line_number")
COUNTS = ("read", "accepted", "rejected", "duplicate", "suppressed")
BATCH_ROWS = 50_000
Tally = Counter[tuple[object, ...]]


def count_stored(house: House) -> Tally:
    """How often the ledger has a file of some source, state, and counts of lines."""
    columns = (deliveries.c.source, deliveries.c.state, *(deliveries.c[f"{name}_count"] for name in COUNTS))
    with house.ledger.connect() as connection:
        return Counter(tuple(row) for row in connection.execute(select(*columns)))


def count_expected(accounts: Iterable[Account]) -> Tally:
    """How often the naive reader met such a file."""
    return Counter(
        (each.source, each.state, each.read, each.accepted, each.why.total(), each.duplicate, each.suppressed)
        for each in accounts
    )


def reasons_stored(house: House) -> Tally:
    """Rejected lines by source and reason."""
    return Counter(read_table(house, "rejected_lines", ("source", "reason")).rows())


def reasons_expected(accounts: Iterable[Account]) -> Tally:
    """The same of the naive reader."""
    return Counter((each.source, reason) for each in accounts for reason in each.why.elements())


def read_table(house: House, table: str, columns: Iterable[str]) -> pl.DataFrame:
    """Some columns of a lake table."""
    return pl.read_delta(open_table(house.lake, house.catalogue.get("lake", table)), columns=list(columns))


def frame_rows(rows: Iterator[Mapping[str, object]], schema: pl.Schema) -> pl.DataFrame:
    """Rows as a frame, batch by batch, so that a million of them fit into memory; schema: of their columns and more."""
    frames: list[pl.DataFrame] = []
    while batch := list(islice(rows, BATCH_ROWS)):
        frames.append(pl.DataFrame(batch, schema={name: schema[name] for name in batch[0]}))
    return pl.concat(frames)


def find_differences(stored: pl.DataFrame, expected: pl.DataFrame) -> Mapping[str, int]:
    """How many rows differ, by column, besides the rows that only one side has, or that are stored twice."""
    both = stored.join(expected, on=PLACE, suffix="_expected")
    differences = {
        "missing": expected.join(stored, on=PLACE, how="anti").height,
        "surplus": stored.join(expected, on=PLACE, how="anti").height,
        "twice": stored.height - stored.select(PLACE).n_unique(),
    }
    for name in expected.drop(PLACE).columns:
        differences[name] = both.filter(pl.col(name).ne_missing(pl.col(f"{name}_expected"))).height
    return {name: count for name, count in differences.items() if count}


def compare_page_views(house: House, rows: Iterator[Mapping[str, object]]) -> Mapping[str, int]:
    """What differs between the lake's page views and the naive reader's; empty when nothing does."""
    stored = read_table(
        house, "page_views", (column.name for column in house.catalogue.get("lake", "page_views").columns)
    )
    return find_differences(stored, frame_rows(rows, stored.schema))
