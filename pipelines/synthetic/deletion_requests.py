"""Deletion requests: a handful of members ask to be forgotten; some may leave at once, some must wait."""

from __future__ import annotations

from pathlib import PurePosixPath

import polars as pl

from pipelines.synthetic.batches import Batch, gather_identifiers, write_json_lines
from pipelines.synthetic.clock import write_iso_times
from pipelines.synthetic.world import Day

_CHANNELS = ("web", "phone", "facebook")
_OPENS, _CLOSES = 9 * 3_600_000, 18 * 3_600_000  # the help desk's hours


def write_deletion_requests(members: pl.DataFrame, day: Day) -> Batch:
    """The day's file: one request of each member who is leaving."""
    stream = day.open_stream("deletion requests")
    leaving = members.filter(pl.col("leaving").is_not_null())
    times = pl.Series(stream.integers(_OPENS, _CLOSES, leaving.height)).sort()
    channels = pl.Series(_CHANNELS).gather(stream.integers(0, len(_CHANNELS), leaving.height))
    keys = pl.Series([stream.bytes(12).hex() for _ in range(leaving.height)], dtype=pl.String)
    records = leaving.select(
        write_iso_times(times, day.date).alias("requested_at"),
        keys.alias("request_key"),
        "user_id",
        channels.alias("channel"),
    )
    return Batch(
        PurePosixPath(f"requests/requests-{day.date:%Y%m%d}.jsonl"),
        write_json_lines(records),
        gather_identifiers([records["user_id"]]),
    )
