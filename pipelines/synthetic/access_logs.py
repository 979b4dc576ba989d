"""Access logs of three front ends: nginx at the edge, the legacy site (compressed), the app servers (JSON lines)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import PurePosixPath

import polars as pl

from pipelines.synthetic.addresses import list_spellings
from pipelines.synthetic.batches import Batch, gather_identifiers, write_json_lines
from pipelines.synthetic.browsing import Browsing
from pipelines.synthetic.clock import write_combined_times, write_iso_times
from pipelines.synthetic.world import Day

_VISITOR_COLUMNS = ("user_id", "device_id", "remote_addr", "user_agent", "accept_language", "front_end", "is_app")
_LATE_EVERY = 3
_LATE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Traffic:
    """A day's `hits` in order of time; their `session` is a row of `visitors`, their target one of `targets`."""

    hits: pl.DataFrame
    visitors: pl.DataFrame
    targets: pl.DataFrame

    def select(self, visitors: pl.Series) -> Traffic:
        """The hits of the marked visitors only."""
        return Traffic(self.hits.filter(visitors.gather(self.hits["session"])), self.visitors, self.targets)


def join_traffic(browsing: Browsing, robots: pl.DataFrame, robot_hits: pl.DataFrame) -> Traffic:
    """People and robots in one stream of hits."""
    sessions = browsing.sessions
    moved = robot_hits.with_columns(pl.col("session") + sessions.height)
    return Traffic(
        hits=pl.concat([browsing.hits, moved]).sort("time", maintain_order=True),
        visitors=pl.concat([sessions.select(_VISITOR_COLUMNS), robots.select(_VISITOR_COLUMNS)]),
        targets=browsing.targets,
    )


def write_access_logs(traffic: Traffic, day: Day) -> Iterator[Batch]:
    """The day's file of each front end, and now and then a late one, which arrives with a later day's.

    The edge's file of the second day arrives twice, the second time compressed and under another name.
    """
    stamp, front_end = _stamp(day.date), traffic.visitors["front_end"]
    resent = PurePosixPath(f"access/edge-{stamp}-resent.log.gz") if day.is_second else None
    yield _write_combined(traffic.select(front_end == "edge"), day, f"edge-{stamp}.log", "HTTP/2.0", resent)
    yield _write_combined(traffic.select(front_end == "legacy"), day, f"legacy-{stamp}.log.gz", "HTTP/1.1")
    on_app = front_end == "app"
    if day.is_last or day.number % _LATE_EVERY:
        yield _write_json(traffic.select(on_app), day, f"app-{stamp}.jsonl")
        return
    late = pl.Series(day.open_stream("late").random(len(on_app)) < _LATE_SHARE)
    yield _write_json(traffic.select(on_app & ~late), day, f"app-{stamp}.jsonl")
    yield _write_json(traffic.select(on_app & late), day, f"app-{_stamp(day.date + timedelta(days=1))}-late.jsonl")


def _write_combined(
    traffic: Traffic, day: Day, name: str, protocol: str, also_as: PurePosixPath | None = None
) -> Batch:
    """The combined format; the first field after the address is always `-`, the second is the member."""
    records = _describe_hits(traffic)
    # fmt: off
    pieces = (
        "remote_addr", pl.lit(" - "), pl.col("user_id").fill_null("-"),
        pl.lit(" ["), write_combined_times(records["time"], day.date), pl.lit('] "'),
        "request_method", pl.lit(" "), "request_uri", pl.lit(f' {protocol}" '),
        "status", pl.lit(" "), "body_bytes_sent",
        pl.lit(' "'), pl.col("http_referer").fill_null("-"), pl.lit('" "'), "http_user_agent", pl.lit('"'),
    )
    # fmt: on
    lines = records.select(pl.concat_str(*pieces)).to_series()
    return Batch(PurePosixPath("access", name), lines, _list_identifiers(traffic), also_as)


def _write_json(traffic: Traffic, day: Day, name: str) -> Batch:
    records = _describe_hits(traffic)
    lines = write_json_lines(records.with_columns(write_iso_times(records["time"], day.date)))
    device_ids = traffic.visitors["device_id"].gather(traffic.hits["session"].unique())
    identifiers = gather_identifiers([_list_identifiers(traffic), device_ids])
    return Batch(PurePosixPath("access", name), lines, identifiers)


def _describe_hits(traffic: Traffic) -> pl.DataFrame:
    """The JSON keys of an access log in their order, `time` still in milliseconds."""
    hits, targets = traffic.hits, traffic.targets
    visitors, asked = traffic.visitors[hits["session"]], targets.select("uri", "api_uri")[hits["target"]]
    return pl.concat([hits, visitors, asked], how="horizontal").select(
        "time",
        "remote_addr",
        pl.when("signed_in").then("user_id").alias("user_id"),
        "device_id",
        pl.when("posted").then(pl.lit("POST")).otherwise(pl.lit("GET")).alias("request_method"),
        pl.when("is_app").then("api_uri").otherwise("uri").alias("request_uri"),
        "status",
        pl.col("body_bytes").alias("body_bytes_sent"),
        pl.when(~pl.col("is_app")).then(targets["url"].gather(hits["referer"])).alias("http_referer"),
        pl.col("user_agent").alias("http_user_agent"),
        "accept_language",
    )


def _list_identifiers(traffic: Traffic) -> pl.Series:
    """Every identifier on the lines but device ids: worked out on distinct visitors and targets, never by line."""
    hits, visitors = traffic.hits, traffic.visitors
    present = visitors[hits["session"].unique()]
    members = visitors["user_id"].gather(hits.filter("signed_in")["session"].unique())
    on_web = ~visitors["is_app"].gather(hits["session"])
    seen = pl.concat([hits["target"], hits["referer"].filter(on_web)]).unique()
    hidden = traffic.targets["identifiers"].gather(seen).drop_nulls().explode()
    return gather_identifiers([list_spellings(present["remote_addr"]), present["user_agent"], members, hidden])


def _stamp(day: date) -> str:
    return f"{day:%Y%m%d}"
