"""Active, new and retained people in SQL against a naive count in plain Python: every window, person by person."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.marts import Mart, reach_of, select_mart
from pipelines.warehouse.people import create_people, gather_person_days
from pipelines.warehouse.relations import create_relations, note_days
from pipelines.warehouse.statements import find_reads, read_query

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MONDAY = date(2026, 11, 2)
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
FEW = 2
KEYS = ("usage-1", "usage-2")
Row = dict[str, object]


@dataclass(frozen=True)
class Seen:
    """Somebody, on a day: a page that a member or a device saw, or an application that a member opened."""

    day: date
    member: int | None
    device: int | None
    key: str
    is_app_open: bool

    @property
    def who(self) -> bytes | None:
        return self._under_key(b"m", self.member)

    @property
    def visitor(self) -> bytes | None:
        return self._under_key(b"d", self.device) or self.who

    def _under_key(self, kind: bytes, number: int | None) -> bytes | None:
        return None if number is None else kind + bytes([number]) + self.key.encode()


def found_town(seed: int, days: int, members: int) -> list[Seen]:
    """Members and devices over so many days, in every second town under a key that changes once, with late lines."""
    random = Random(seed)
    changed = random.choice([days, random.randrange(days)])
    found = []
    for member in [*range(members), *[None] * members]:
        for _ in range(random.randint(1, 5)):
            offset = random.randrange(days)
            is_late = changed < days and random.randrange(60) == 0
            found.append(
                Seen(
                    day=MONDAY + offset * DAY,
                    member=member,
                    device=random.choice([None, None, random.randrange(members)]),
                    key=KEYS[offset >= changed or is_late],
                    is_app_open=random.randrange(5) == 0,
                )
            )
    return found


def make(mart: str, town: Iterable[Seen], days: Sequence[date]) -> list[Row]:
    """The mart's rows as a build makes them for these days."""
    contract = CATALOGUE.get("marts", mart)
    periods = reach_of(contract).find_periods(days)
    plan = Mart(contract, periods, periods, has_history=False, reads=find_reads(SETTINGS.sql, [mart])[mart])
    with open_engine(options={}) as engine:
        inputs = lay_rows(town)
        note_days(engine, inputs)
        create_relations(engine, CATALOGUE, inputs)
        create_people(engine, SETTINGS.sql)
        gather_person_days(engine, SETTINGS.sql, [plan])
        return select_mart(engine, contract, read_query(SETTINGS.sql, mart), days, FEW).pl().to_dicts()


def lay_rows(town: Iterable[Seen]) -> dict[str, pl.DataFrame]:
    rows: dict[str, list[Row]] = {"page_views": [], "device_events": []}
    for seen in town:
        row = {"event_date": seen.day, "user_pseudonym": seen.who, "visitor_pseudonym": seen.visitor or b"passing"}
        row |= {"device_pseudonym": seen.visitor if seen.device is not None else None, "key_id": seen.key}
        row |= {"is_page_view": True, "event_name": "app_open"}
        rows["device_events" if seen.is_app_open else "page_views"].append(row)
    schemas = {name: polars_schema(CATALOGUE.get("lake", name)) for name in rows}
    laid = {name: [{key: row[key] for key in row if key in schemas[name]} for row in rows[name]] for name in rows}
    return {f"lake.{name}": pl.DataFrame(laid[name], schema=schemas[name]) for name in rows}


def unless_two_keys(window: Collection[Seen], figure: Callable[[], object]) -> object:
    return None if len({seen.key for seen in window}) > 1 else figure()


def describe_day(town: Sequence[Seen], day: date) -> Row:
    active = [seen for seen in town if seen.member is not None]
    windows = {days: [s for s in active if day - days * DAY < s.day <= day] for days in (1, 7, 28)}
    people = {
        days: unless_two_keys(held, lambda held=held: len({s.who for s in held})) for days, held in windows.items()
    }
    known = [s for s in town if s.visitor and not s.is_app_open and day - 28 * DAY < s.day <= day]
    today = {s.visitor for s in known if s.day == day}
    before = {s.visitor for s in known if s.day < day}
    return {
        "event_date": day,
        "dau": people[1],
        "wau": people[7],
        "mau": people[28],
        "wau_days": len({s.day for s in windows[7]}),
        "mau_days": len({s.day for s in windows[28]}),
        "stickiness": people[1] / people[28] if people[28] else None,
        "new_visitors": unless_two_keys(known, lambda: len(today - before)),
        "returning_visitors": unless_two_keys(known, lambda: len(today & before)),
    }


@given(st.integers(0), st.frozensets(st.integers(0, 62), min_size=1, max_size=40))
@settings(max_examples=15, deadline=None)
def test_active_and_new_people_are_those_of_a_naive_count(seed: int, offsets: frozenset[int]):
    town, named = found_town(seed, days=60, members=8), {MONDAY + offset * DAY for offset in offsets}
    assert make("active_users_daily", town, sorted(named)) == [describe_day(town, day) for day in sorted(named)]


def monday_of(day: date) -> date:
    return day - day.weekday() * DAY


def follow_cohort(town: Sequence[Seen], cohort_week: date) -> list[Row]:
    """The rows of one cohort, looking at each member's weeks one after another."""
    active = [seen for seen in town if seen.member is not None]

    def during(first: date, last: date) -> list[Seen]:
        return [seen for seen in active if first <= monday_of(seen.day) <= last]

    own, before = during(cohort_week, cohort_week), during(cohort_week - 8 * WEEK, cohort_week - WEEK)
    cohort = {seen.who for seen in own} - {seen.who for seen in before}
    is_known = len({seen.key for seen in own + before}) < 2
    if not own or (is_known and len(cohort) < FEW):
        return []
    last = max(monday_of(seen.day) for seen in during(cohort_week, cohort_week + 12 * WEEK))
    rows = []
    for number in range((last - cohort_week) // WEEK + 1):
        week = cohort_week + number * WEEK
        there = {seen.who for seen in during(week, week)} & cohort
        is_shown = number == 0 or min(len(there), len(cohort - there)) >= FEW
        all_weeks = during(cohort_week - 8 * WEEK, week)
        shown = unless_two_keys(all_weeks, lambda there=there: len(there)) if is_shown else None
        rows.append(
            {
                "cohort_week": cohort_week,
                "week_number": number,
                "cohort_members": len(cohort) if is_known else None,
                "active_members": shown,
                "retention_rate": None if shown is None else shown / len(cohort),
                "history_weeks": len({monday_of(seen.day) for seen in before}),
                "week_days": len({seen.day for seen in during(week, week)}),
            }
        )
    return rows


@given(st.integers(0), st.frozensets(st.integers(0, 32), min_size=5, max_size=20))
@settings(max_examples=15, deadline=None)
def test_retained_members_are_those_of_a_naive_count(seed: int, numbers: frozenset[int]):
    town = found_town(seed, days=210, members=40)
    mondays = [MONDAY + number * WEEK for number in sorted(numbers)]
    days = [monday + offset * DAY for monday in mondays for offset in range(7)]
    expected = [row for monday in mondays for row in follow_cohort(town, monday)]
    assert make("retention_weekly", town, days) == expected
