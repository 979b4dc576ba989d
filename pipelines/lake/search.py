"""Whose rows a deletion looks for, as joins: any number of requests costs one pass over the columns of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.lake.layout import DataFile

BUCKET = "subject_bucket"
WANTED = pl.Schema({"pseudonym": pl.Binary(), "request": pl.UInt32()})


@dataclass(frozen=True, slots=True)
class Match:
    """What one file holds of the subjects: how many rows of each request, and at which positions (of anybody's)."""

    row_counts: Mapping[str, int] = field(hash=False)
    positions: pl.Series


NOBODY = Match({}, pl.Series(dtype=pl.UInt32))


@dataclass(frozen=True, slots=True)
class Search:
    """Pseudonyms by column, each with the requests that it belongs to; the same person may have filed several.

    columns: frames of pseudonym and request. bucketed: those of the column that the table is partitioned by, by bucket.
    """

    requests: pl.Series
    columns: Mapping[str, pl.DataFrame]
    bucketed: Mapping[str, Mapping[str, pl.DataFrame]]

    def narrow(self, file: DataFile) -> dict[str, pl.DataFrame]:
        """What can be found in a file, by column; empty when its bucket holds none of the subjects."""
        if not (bucket := bucket_of(file)):
            return dict(self.columns)
        narrowed = {name: frames[bucket] for name, frames in self.bucketed.items() if bucket in frames}
        return {name: frame for name, frame in self.columns.items() if name not in self.bucketed} | narrowed

    def match(self, files: Sequence[pl.DataFrame], wanted: Mapping[str, pl.DataFrame]) -> list[Match]:
        """Which rows of each file are the subjects', by its subject columns."""
        is_wanted = [pl.col(name).is_in(frame["pseudonym"].implode()) for name, frame in wanted.items()]
        found = pl.concat(files).with_row_index("row").filter(pl.any_horizontal(is_wanted))
        pairs = pl.concat(
            found.select("row", pseudonym=name).join(frame, on="pseudonym").select("row", "request")
            for name, frame in wanted.items()
        )
        if pairs.is_empty():
            return [NOBODY] * len(files)
        starts = list(accumulate((rows.height for rows in files), initial=0))
        ends = pairwise(starts)
        return [self._describe(pairs.filter(pl.col("row").is_between(*of, closed="left")), of[0]) for of in ends]

    def _describe(self, pairs: pl.DataFrame, start: int) -> Match:
        if pairs.is_empty():
            return NOBODY
        counts = pairs.unique().group_by("request").len().sort("request")
        names = self.requests.gather(counts["request"])
        return Match(dict(zip(names, counts["len"], strict=True)), pairs["row"].unique() - start)


def bucket_of(file: DataFile) -> str:
    """The bucket that a file's partition names; empty where it names none."""
    return file.partition.get(BUCKET) or ""


def open_search(
    contract: Contract, requests: Mapping[str, Mapping[str, Sequence[bytes]]], *, trusts_buckets: bool = True
) -> Search:
    """A search for the subjects of requests, given by column.

    Where a table's bucket is that of a subject column, the column is read in the buckets of its pseudonyms only, unless
    trusts_buckets is False. Other columns may hold a pseudonym in any bucket: page views lie by device, and so do those
    of a member who used somebody else's.
    """
    names = sorted({name for subjects in requests.values() for name in subjects})
    columns = {name: _list_wanted(name, requests) for name in names}
    columns = {name: frame for name, frame in columns.items() if frame.height}
    partitioning = contract.properties.get("bucketOf") if trusts_buckets else None
    bucketed = {
        name: _divide(frame, int(contract.properties["buckets"]))
        for name, frame in columns.items()
        if name == partitioning
    }
    return Search(pl.Series(list(requests), dtype=pl.String), columns, bucketed)


def _list_wanted(name: str, requests: Mapping[str, Mapping[str, Sequence[bytes]]]) -> pl.DataFrame:
    pairs = [
        (pseudonym, number) for number, subjects in enumerate(requests.values()) for pseudonym in subjects.get(name, ())
    ]
    return pl.DataFrame(pairs, schema=WANTED, orient="row").unique(maintain_order=True)


def _divide(wanted: pl.DataFrame, buckets: int) -> dict[str, pl.DataFrame]:
    """As ingestion chooses a row's bucket: the first byte of its pseudonym, modulo their number."""
    first_byte = wanted["pseudonym"].bin.slice(0, 1).bin.encode("hex").str.to_integer(base=16)
    groups = wanted.with_columns(bucket=first_byte % buckets).partition_by("bucket", as_dict=True, include_key=False)
    return {str(bucket): frame for (bucket,), frame in groups.items()}
