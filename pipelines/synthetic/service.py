"""The spine: an auction service lives through its days, and its logs land day by day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.errors import ConfigurationError
from pipelines.synthetic.access_logs import join_traffic, write_access_logs
from pipelines.synthetic.accounts import open_accounts, trade, write_account_snapshot
from pipelines.synthetic.batches import Batch
from pipelines.synthetic.browsing import browse
from pipelines.synthetic.defects import spoil_lines
from pipelines.synthetic.deletion_requests import write_deletion_requests
from pipelines.synthetic.devices import record_events, write_device_log
from pipelines.synthetic.landing import land_lines
from pipelines.synthetic.robots import draw_robots, visit_by_robots
from pipelines.synthetic.searches import write_search_log
from pipelines.synthetic.surveys import write_survey_log
from pipelines.synthetic.world import Day, World, draw_world, list_days


@dataclass(frozen=True, slots=True)
class Generated:
    """The files written, in order; their lines, bad ones included; and the distinct identifiers inside them."""

    files: tuple[Path, ...]
    line_count: int
    planted_count: int


def generate(  # noqa: PLR0913  # one argument for each option of the command
    out: Path, *, days: int, users: int, seed: int, start: date, plant: Path | None
) -> Generated:
    """Writes the source files of `days` days from `start` on, for `users` members, below `out`.

    `plant` receives every raw identifier that was written, one a line, sorted. The same arguments give the same
    bytes. Memory grows with `users`, not with `days`. Raises `ConfigurationError` for a count that makes no sense.
    """
    _check_counts(days, users, seed)
    files: list[Path] = []
    planted: set[str] = set()
    line_count = 0
    for batch in live(draw_world(users, seed), list_days(start, days, seed)):
        lines = spoil_lines(batch, seed)
        for path in batch.paths:
            land_lines(out / path, lines)
            files.append(out / path)
            line_count += len(lines)
        planted.update(batch.identifiers)
    if plant is not None:
        land_lines(plant, sorted(planted))
    return Generated(tuple(files), line_count, len(planted))


def live(world: World, days: Sequence[Day]) -> Iterator[Batch]:
    """The batches of all sources, day after day."""
    members, robots = world.population.members, draw_robots(world.seed)
    accounts = open_accounts(members, days[0].date, world.seed)
    delayed: list[pl.DataFrame] = []
    for day in days:
        browsing = browse(world, day)
        robot_hits = visit_by_robots(world.site, robots, browsing.hits.height, day)
        yield from write_access_logs(join_traffic(browsing, robots, robot_hits), day)
        events = record_events(browsing.sessions, day)
        yield write_device_log([*delayed, events.arrived], day.date)
        delayed = [events.delayed]
        yield write_search_log(browsing, day)
        yield write_survey_log(browsing.sessions, day)
        accounts = trade(accounts, day)
        yield write_account_snapshot(accounts, day.date)
    yield write_deletion_requests(members, days[-1])


def _check_counts(days: int, users: int, seed: int) -> None:
    for name, value, least in (("days", days, 1), ("users", users, 1), ("seed", seed, 0)):
        if value < least:
            raise ConfigurationError(f"--{name} is too small", hint=f"pass {least} or more")
