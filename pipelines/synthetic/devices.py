"""Device logs: what the app reports of itself when it is installed, opened, or opened from a notification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

import polars as pl

from pipelines.synthetic.addresses import list_spellings
from pipelines.synthetic.batches import Batch, gather_identifiers, write_json_lines
from pipelines.synthetic.clock import write_iso_times
from pipelines.synthetic.world import Day

_COLUMNS = (
    "time", "event", "device_id", "user_id", "advertising_id", "remote_addr", "platform", "os_version", "model",
    "app_version", "locale",
)  # fmt: skip
_OPENED_BY_PUSH = 0.18
_INSTALLED_TODAY = 0.02
_OFFLINE = 0.05


@dataclass(frozen=True, slots=True)
class DeviceEvents:
    """Events that reached the server on their day, and those of phones that were offline until the next."""

    arrived: pl.DataFrame
    delayed: pl.DataFrame


def record_events(sessions: pl.DataFrame, day: Day) -> DeviceEvents:
    """An event for each session of the app; now and then an installation just before."""
    stream = day.open_stream("devices")
    opened = sessions.filter("is_app").with_columns(
        pl.when("begins_signed_in").then("user_id").alias("user_id"), pl.col("start").cast(pl.Int64)
    )
    pushed = pl.Series(stream.random(opened.height) < _OPENED_BY_PUSH)
    event = pl.when(pushed).then(pl.lit("push_open")).otherwise(pl.lit("app_open"))
    installed = opened.filter(pl.Series(stream.random(opened.height) < _INSTALLED_TODAY)).unique(
        "device_id", keep="first", maintain_order=True
    )
    installations = installed.with_columns(
        event=pl.lit("install"), user_id=pl.lit(None, pl.String), start=(pl.col("start") - 20_000).clip(lower_bound=0)
    )
    events = pl.concat([installations, opened.with_columns(event=event)]).sort("start", maintain_order=True)
    events = events.with_columns(write_iso_times(events["start"], day.date)).select(_COLUMNS)
    offline = pl.Series(stream.random(events.height) < _OFFLINE)
    return DeviceEvents(arrived=events.filter(~offline), delayed=events.filter(offline))


def write_device_log(arrivals: Sequence[pl.DataFrame], day: date) -> Batch:
    """The day's file: whatever arrived on that day, in order of arrival."""
    records = pl.concat(arrivals)
    identifiers = [records["device_id"], records["user_id"], records["advertising_id"]]
    return Batch(
        PurePosixPath(f"devices/devices-{day:%Y%m%d}.jsonl"),
        write_json_lines(records),
        gather_identifiers([*identifiers, list_spellings(records["remote_addr"])]),
    )
