"""Whatever arrives late or is deleted: builds of touched days, one upon the other, equal one build of everything."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.model import Catalogue, Contract
from tests.integration.warehouses import (
    CATALOGUE,
    MONDAY,
    Row,
    all_marts,
    answer,
    app_open,
    build,
    inputs_from,
    publish,
    received_file,
    rows_of,
    search,
    view,
)

# As far apart as rows reach, and a day more or less, so that a wrong reach shows.
OFFSETS = (0, 1, 2, 6, 7, 26, 27, 28, 55, 56, 62, 63, 83, 84, 90, 91, 140)
LIMITS = {"minimumPeople": 2}
BOT_RATES = {"perMinute": 3, "perHour": 1800, "uncountedGroups": ["static"]}


@dataclass(frozen=True)
class Event:
    """A row of one table, and whose deletion takes it away."""

    table: str
    person: int
    row: Row


@dataclass(frozen=True)
class Step:
    """What one build comes after: events that arrived, people who left, and days that were touched for nothing."""

    arrived: Sequence[Event]
    gone: frozenset[int]
    touched: frozenset[date]


def lower_limits(contract: Contract) -> Contract:
    """The contract with limits that a few drawn people pass, so that marts have rows and people are bots by rate."""
    changes = {name: LIMITS[name] for name in contract.properties.keys() & LIMITS}
    if "botRates" in contract.properties:
        changes["botRates"] = BOT_RATES
    return replace(contract, properties={**contract.properties, **changes})


LOW = Catalogue(tuple(lower_limits(contract) for contract in CATALOGUE.contracts))


@st.composite
def events(draw: st.DrawFn, days: Sequence[date]) -> list[Event]:
    """One event of one person, or a burst of page views that makes a bot of whoever is not logged in."""
    day, person = draw(st.sampled_from(days)), draw(st.integers(0, 9))
    table = draw(st.sampled_from(["page_views"] * 4 + ["device_events", "searches", "survey_responses"]))
    key = {"key_id": draw(st.sampled_from(["usage-1"] * 19 + ["usage-2"]))}
    minute = draw(st.sampled_from([0, 20, 40, 719, 721]))
    rows = {
        "page_views": [view(day, person, minute) | key] * draw(st.sampled_from([1, 1, 1, 2, 4])),
        "device_events": [app_open(day, person) | key],
        "searches": [search(day, person)],
        "survey_responses": [answer(day, person, draw(st.integers(1, 5)))],
    }
    return [Event(table, person, row) for row in rows[table]]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Two or three builds over some days, which lie close together or as far apart as rows reach."""
    offsets = draw(st.lists(st.sampled_from(OFFSETS), min_size=3, max_size=8, unique=True))
    days = [MONDAY + timedelta(days=offset) for offset in offsets]
    steps = []
    for number in range(draw(st.integers(2, 3))):
        arrived = draw(st.lists(events(days), min_size=0 if number else 20, max_size=20 if number else 60))
        gone = draw(st.frozensets(st.integers(0, 9), max_size=2)) if number else frozenset()
        touched = draw(st.frozensets(st.sampled_from(days), max_size=1))
        steps.append(Step([event for group in arrived for event in group], gone, touched))
    return steps


def lay_inputs(held: Iterable[Event]) -> dict[str, pl.DataFrame]:
    rows = defaultdict(list)
    for event in held:
        rows[event.table].append(event.row)
    return inputs_from(**rows, source_files=[received_file(MONDAY, read=3, accepted=3)])


@pytest.mark.slow
@given(histories())
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_chain_of_builds_equals_one_build_of_what_the_lake_holds_at_last(
    tmp_path_factory: pytest.TempPathFactory, history: list[Step]
):
    directory, held = tmp_path_factory.mktemp("chain"), list[Event]()
    for step in history:
        left = [event for event in held if event.person in step.gone]
        held = [event for event in held if event.person not in step.gone] + list(step.arrived)
        touched = {event.row["event_date"] for event in [*left, *step.arrived]} | step.touched
        published = publish(build(directory, lay_inputs(held), sorted(touched), catalogue=LOW))
    full = build(tmp_path_factory.mktemp("full"), lay_inputs(held), catalogue=LOW)
    assert all_marts(published) == all_marts(full.path)


@pytest.mark.slow
@pytest.mark.parametrize("late", [1, 27])
def test_bot_by_rate_on_another_day_is_the_same_bot_whichever_days_are_made_anew(tmp_path: Path, late: int):
    """A device is a bot on Monday; seen on a later day it is new, for that day's row reads Monday and judges it too."""
    person, day = 2, MONDAY + timedelta(days=late)
    bot = [view(MONDAY, person)] * 4 + [view(MONDAY, 4)]
    late_views = [view(day, person), view(day, 4)]
    publish(build(tmp_path, inputs_from(page_views=bot), catalogue=LOW))
    built = build(tmp_path, inputs_from(page_views=bot + late_views), [day], catalogue=LOW)
    full = build(tmp_path / "full", inputs_from(page_views=bot + late_views), catalogue=LOW)
    assert all_marts(built.path) == all_marts(full.path)
    row = rows_of(built.path, "marts.active_users_daily")[-1]
    assert (row["new_visitors"], row["returning_visitors"]) == (1, 1)
