"""The machines that visit: crawlers, scripts, scanners and uptime checks, none of which behaves like a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.synthetic.addresses import draw_interfaces, draw_ipv4, draw_ipv6_networks, write_ipv6
from pipelines.synthetic.chance import Indices, Stream, Weights, choose, open_stream
from pipelines.synthetic.clock import MILLISECONDS_PER_DAY
from pipelines.synthetic.responses import HIT_COLUMNS
from pipelines.synthetic.site import Page, Site
from pipelines.synthetic.user_agents import load_user_agents
from pipelines.synthetic.world import Day

SHARE_OF_HITS = 0.08

_ADDRESSES_PER_AGENT = 3
_CHECKS_PER_DAY = 96
_BURSTS = 6
_BURST_MILLISECONDS = 240_000


@dataclass(frozen=True, slots=True)
class Habit:
    """The pages that a kind of robot asks for, which of the site's nuisances among them, and what it is answered."""

    pages: Mapping[Page, float]
    nuisances: tuple[int, ...]
    statuses: Mapping[int, float]
    comes_in_bursts: bool = False
    uses_api: bool = False


# Nuisances by row of nuisances.txt: 0 robots.txt, 1 the health check, 2 the site map, then holes to break in by.
_CRAWLS = Habit(
    pages={Page.ITEM: 70, Page.CATEGORY: 14, Page.SEARCH: 8, Page.SELLER: 5, Page.NUISANCE: 3},
    nuisances=(0, 2),
    statuses={200: 80, 304: 10, 301: 3, 404: 6, 503: 1},
)
_SCRAPES = Habit(
    pages={Page.SEARCH: 50, Page.ITEM: 38, Page.SIGN_IN: 12},
    nuisances=(0,),
    statuses={200: 60, 401: 12, 403: 10, 429: 18},
    comes_in_bursts=True,
    uses_api=True,
)
_SCANS = Habit(
    pages={Page.NUISANCE: 1}, nuisances=tuple(range(3, 12)), statuses={404: 92, 403: 8}, comes_in_bursts=True
)
_CHECKS = Habit(pages={Page.NUISANCE: 1}, nuisances=(1,), statuses={200: 995, 503: 5})
_HABITS = {"ahrefsbot": _CRAWLS, "curl": _SCRAPES, "requests": _SCRAPES, "scanner": _SCANS, "uptime": _CHECKS}


def draw_robots(seed: int) -> pl.DataFrame:
    """One row a robot's address, with the columns of a session that access logs show, `platform` and `weight`."""
    agents = load_user_agents().filter(pl.col("kind") == "robot")
    agents = agents[np.repeat(np.arange(agents.height), _ADDRESSES_PER_AGENT)]
    stream, count = open_stream(seed, "robots"), agents.height
    ipv6 = write_ipv6(draw_ipv6_networks(stream, count), draw_interfaces(stream, count))
    on_ipv6 = pl.Series(stream.random(count) < 0.2)
    scripts = [name for name, habit in _HABITS.items() if habit.uses_api]
    front_ends = pl.Series(["edge", "legacy"]).gather(choose(stream, (6, 4), count))
    return agents.select("platform", "weight", "user_agent").with_columns(
        pl.when(on_ipv6).then(pl.Series(ipv6)).otherwise(draw_ipv4(stream, count)).alias("remote_addr"),
        is_app=pl.col("platform").is_in(scripts),
        front_end=pl.when(pl.col("platform").is_in(scripts)).then(pl.lit("app")).otherwise(front_ends),
        user_id=pl.lit(None, pl.String),
        device_id=pl.lit(None, pl.String),
        accept_language=pl.lit(None, pl.String),
    )


def visit_by_robots(site: Site, robots: pl.DataFrame, human_hits: int, day: Day) -> pl.DataFrame:
    """The day's hits of all robots, in proportion to those of people; `session` is a row of `robots`."""
    stream = day.open_stream("robots")
    weights = robots["weight"].to_numpy() * (robots["platform"] != "uptime").to_numpy()
    visitors = np.concatenate(
        [choose(stream, weights, round(SHARE_OF_HITS * human_hits)), _draw_checkers(stream, robots)]
    )
    platforms = robots["platform"].to_numpy()[visitors]
    parts = [
        _follow_habit(stream, site, _HABITS.get(platform, _CRAWLS), visitors[platforms == platform])
        for platform in sorted(set(platforms))
    ]
    return pl.concat(parts).select(HIT_COLUMNS)


def _draw_checkers(stream: Stream, robots: pl.DataFrame) -> Indices:
    """The uptime checks of the day, from any of their addresses."""
    checkers = np.flatnonzero(robots["platform"] == "uptime")
    return checkers[stream.integers(0, len(checkers), _CHECKS_PER_DAY)]


def _follow_habit(stream: Stream, site: Site, habit: Habit, visitors: Indices) -> pl.DataFrame:
    count = len(visitors)
    pages = np.array(list(habit.pages))[choose(stream, list(habit.pages.values()), count)]
    nuisances = np.array(habit.nuisances)[stream.integers(0, len(habit.nuisances), count)]
    within = np.where(pages == Page.NUISANCE, nuisances, stream.integers(0, site.count[pages]))
    drawn = np.array(list(habit.statuses))[choose(stream, list(habit.statuses.values()), count)]
    status = np.where(pages == Page.SIGN_IN, 401, drawn)
    return pl.DataFrame(
        {
            "session": visitors,
            "time": _draw_times(stream, habit, count).astype(np.int64),
            "target": site.first[pages] + within,
            "referer": np.full(count, site.first[Page.SOURCE]),
            "posted": pages == Page.SIGN_IN,
            "status": status,
            "body_bytes": np.where(status == 200, stream.integers(3_000, 40_000, count), 162),
            "signed_in": np.zeros(count, dtype=np.bool_),
        }
    )


def _draw_times(stream: Stream, habit: Habit, count: int) -> Weights:
    """Evenly over day and night, checks on the beat, scripts in a few bursts."""
    if habit is _CHECKS:
        return np.arange(count) * (MILLISECONDS_PER_DAY / count) + stream.uniform(0, 900, count)
    if habit.comes_in_bursts:
        bursts = stream.uniform(0, MILLISECONDS_PER_DAY - _BURST_MILLISECONDS, _BURSTS)
        return stream.choice(bursts, count) + stream.uniform(0, _BURST_MILLISECONDS, count)
    return stream.uniform(0, MILLISECONDS_PER_DAY, count)
