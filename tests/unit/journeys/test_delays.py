"""When a request counts as late, and what is said of why."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.control.open_requests import OpenRequest
from pipelines.control.outbox import INTERIM_TEMPLATES
from pipelines.control.requests import FOLLOWING
from pipelines.deletion.deadline import Promise
from pipelines.deletion.eligibility import NO_FACTS, decide_eligibility
from pipelines.journeys.delays import DELAYED, OVERDUE, find_late, name_reason
from pipelines.notices.render import REASONS, TEMPLATES

FILED = datetime(2026, 11, 1, 9, tzinfo=UTC)
PROMISE = Promise(30, 7, ZoneInfo("Asia/Tokyo"))


def ask(state: str = "waiting", due_on: date | None = None, *, reason=None, is_deletion: bool = True) -> OpenRequest:
    return OpenRequest("r-1", is_deletion, state, reason, FILED, due_on)


def stage_of(request: OpenRequest, days: int) -> str | None:
    late = find_late([request], PROMISE, FILED.date() + timedelta(days=days))
    return next((stage for stage, request_ids in late.items() if request_ids), None)


@pytest.mark.parametrize(("days", "stage"), [(0, None), (15, None), (16, DELAYED), (30, DELAYED), (31, OVERDUE)])
def test_request_is_late_past_half_of_its_time_and_overdue_past_its_last_day(days: int, stage: str | None):
    assert stage_of(ask(), days) == stage


def test_days_are_those_of_the_service():
    evening = OpenRequest(
        "r-1",
        is_deletion=True,
        state="ready",
        reason=None,
        requested_at=datetime(2026, 11, 1, 15, 30, tzinfo=UTC),
        due_on=None,
    )

    assert stage_of(evening, 31) == DELAYED


def test_what_a_law_holds_is_late_and_never_overdue():
    assert stage_of(ask("held"), 400) == DELAYED


def test_due_date_of_a_request_counts_before_that_of_the_promise():
    assert stage_of(ask(due_on=FILED.date() + timedelta(days=60)), 31) == DELAYED
    assert stage_of(ask(due_on=FILED.date() + timedelta(days=60)), 30) is None


@given(st.integers(0, 400), st.integers(1, 400))
def test_lateness_only_grows(days: int, due_after: int):
    order = [None, DELAYED, OVERDUE]
    request = ask(due_on=FILED.date() + timedelta(days=due_after))

    stages = [order.index(stage_of(request, day)) for day in range(days, days + 40)]

    assert all(one <= next_one for one, next_one in pairwise(stages))


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ask("received"), "checking"),
        (ask("waiting", reason=decide_eligibility(None, FILED.date()).reason), "checking"),
        (ask("waiting", reason="there are open trades, by account facts of 2026-11-01"), "dealings"),
        (ask("waiting", reason="a month since the last transaction"), "dealings"),
        (ask("planned"), "approval"),
        (ask("running"), "work"),
        (ask("held", reason="legal hold"), "held"),
        (ask("received", is_deletion=False), "unknown"),
        (ask("planned", is_deletion=False), "approval"),
    ],
)
def test_reason_is_one_of_a_few_classes(request_: OpenRequest, reason: str):
    assert name_reason(request_) == reason


def test_every_stage_and_every_reason_has_its_words():
    reasons = {name_reason(ask(state, reason=why)) for state in FOLLOWING for why in (None, NO_FACTS)}

    assert reasons <= set(REASONS)
    assert {DELAYED, OVERDUE} == set(INTERIM_TEMPLATES) <= set(TEMPLATES)
