"""A request has thirty days of the service; it is warned of before, overdue after, and unhurried when held."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.control.requests import FOLLOWING, DeletionRequest
from pipelines.deletion.deadline import Promise, find_due

PROMISE = Promise(days=30, warning_days=7, zone=ZoneInfo("Asia/Tokyo"))
FILED = datetime(2026, 11, 1, 12, tzinfo=UTC)
REQUEST = DeletionRequest("id", "key", "web", FILED, "waiting", None, None, b"", None, None)
DUE_ON = date(2026, 12, 1)


def test_days_are_counted_from_the_services_date():
    assert PROMISE.due_on(REQUEST) == DUE_ON
    assert PROMISE.due_on(replace(REQUEST, requested_at=datetime(2026, 11, 1, 15, tzinfo=UTC))) == date(2026, 12, 2)


def test_date_that_was_promised_stays_when_the_setting_changes():
    assert replace(PROMISE, days=3).due_on(replace(REQUEST, due_on=DUE_ON)) == DUE_ON


@pytest.mark.parametrize(
    ("today", "near", "overdue"),
    [
        (date(2026, 11, 23), False, False),
        (date(2026, 11, 24), True, False),
        (date(2026, 12, 1), True, False),
        (date(2026, 12, 2), False, True),
    ],
)
def test_request_is_warned_of_for_a_week_and_overdue_from_the_day_after_its_last(
    *, today: date, near: bool, overdue: bool
):
    due = find_due([REQUEST], PROMISE, today)
    assert (bool(due.near), bool(due.overdue)) == (near, overdue)


@pytest.mark.parametrize("state", FOLLOWING)
def test_only_what_is_closed_or_held_is_never_overdue(state: str):
    due = find_due([replace(REQUEST, state=state)], PROMISE, date(2027, 6, 1))
    assert bool(due.overdue) is (state not in ("completed", "refused", "held"))


def test_the_longest_overdue_comes_first():
    requests = [replace(REQUEST, request_id=str(day), due_on=date(2026, 11, day)) for day in (5, 3, 4)]
    assert [request.request_id for request in find_due(requests, PROMISE, DUE_ON).overdue] == ["3", "4", "5"]


@given(st.dates(date(2026, 11, 1), date(2030, 1, 1)))
def test_time_that_begins_again_after_a_hold_is_whole_and_cuts_nothing_short(today: date):
    renewed = PROMISE.renew(replace(REQUEST, due_on=DUE_ON), today)
    assert renewed >= DUE_ON
    assert renewed >= today + timedelta(days=30)
