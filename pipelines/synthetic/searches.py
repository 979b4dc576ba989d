"""Search logs: what was asked, by whom, with how many results, and whether one of them was opened."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import polars as pl

from pipelines.synthetic.addresses import list_spellings
from pipelines.synthetic.batches import Batch, gather_identifiers, write_json_lines
from pipelines.synthetic.browsing import Browsing
from pipelines.synthetic.clock import write_iso_times
from pipelines.synthetic.site import Page
from pipelines.synthetic.world import Day

_NOTHING_FOUND = 0.04


def write_search_log(browsing: Browsing, day: Day) -> Batch:
    """The day's file: one line for each search page of the access logs."""
    views = browsing.views.filter(pl.col("page") == Page.SEARCH).sort("time", maintain_order=True)
    searchers = browsing.sessions.select("user_id", "device_id", "remote_addr")[views["session"]]
    asked = browsing.targets.select("query", "query_identifier", "category", "page_number")[views["target"]]
    records = pl.concat([views, searchers, asked], how="horizontal").select(
        write_iso_times(views["time"], day.date),
        pl.when("signed_in").then("user_id").alias("user_id"),
        "device_id",
        "remote_addr",
        "query",
        "category",
        pl.Series("result_count", _draw_result_counts(asked, day)),
        pl.col("page_number").alias("page"),
        pl.col("followed_by_item").alias("clicked"),
    )
    identifiers = [records["user_id"], records["device_id"], list_spellings(records["remote_addr"])]
    return Batch(
        PurePosixPath(f"searches/searches-{day.date:%Y%m%d}.jsonl"),
        write_json_lines(records),
        gather_identifiers([*identifiers, asked["query_identifier"]]),
    )


def _draw_result_counts(asked: pl.DataFrame, day: Day) -> pl.Series:
    """Many for an ordinary term, few for a long one, none for something that is no term at all."""
    stream = day.open_stream("searches")
    usual = 40_000 / (1 + asked["query"].str.len_chars().to_numpy()) ** 1.7
    drawn = (usual * stream.lognormal(0, 0.8, asked.height)).astype(np.int64)
    finds_nothing = asked["query_identifier"].is_not_null().to_numpy() | (stream.random(asked.height) < _NOTHING_FOUND)
    return pl.Series(np.where(finds_nothing, 0, drawn))
