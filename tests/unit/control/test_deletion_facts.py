"""The ledger tells of deletions by the months in which things came about, and never of whom."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from pipelines.control.deletion_facts import CANARY_KEY, FACT_SCHEMA, deletion_facts, record_canary_check
from pipelines.control.ledger import open_ledger
from pipelines.control.moves import Move
from pipelines.control.requests import (
    DeletionRequest,
    StoredPlan,
    enter_request,
    list_requests,
    move_requests,
    note_outcome,
    store_plan,
)

TOKYO = ZoneInfo("Asia/Tokyo")
ASKED = datetime(2026, 10, 31, 16, tzinfo=UTC)  # the first of November in Tokyo
REQUEST = DeletionRequest("r-1", "key-1", "web", ASKED, "received", None, None, b"sealed", None, None)
STATES = ("ready", "planned", "approved", "running", "verifying")


@pytest.fixture
def ledger(tmp_path: Path):
    engine = open_ledger(f"sqlite:///{tmp_path}/control.db")
    yield engine
    engine.dispose()


def complete(ledger: sa.Engine, request: DeletionRequest, at: datetime) -> None:
    for state in STATES:
        move_requests(ledger, list_requests(ledger), Move(state, ASKED, "pipeline"))
    [verifying] = [each for each in list_requests(ledger) if each.request_id == request.request_id]
    move_requests(ledger, [replace(verifying, completed_at=at)], Move("completed", at, "pipeline"))


def list_facts(ledger: sa.Engine, now: datetime) -> list[tuple[date, str]]:
    return deletion_facts(ledger, TOKYO, now, 30).select("month", "fact").rows()


def test_request_is_received_and_completed_in_the_service_months(ledger: sa.Engine):
    enter_request(ledger, REQUEST)
    store_plan(ledger, StoredPlan("digest", ASKED, {}, {}, None, None))
    for table, count in (("page_views", 30), ("identity_links", 4)):
        note_outcome(ledger, "digest", table, "1", {"rows": {"r-1": count, "r-2": 99}})
    complete(ledger, REQUEST, ASKED + timedelta(days=36))
    facts = deletion_facts(ledger, TOKYO, ASKED + timedelta(days=400), 30)
    assert facts.schema == FACT_SCHEMA
    assert facts.rows() == [
        (date(2026, 11, 1), "received", None, None, None, None),
        (date(2026, 12, 1), "completed", 36.0, 34, None, None),
        (date(2026, 12, 1), "overdue", None, None, None, None),
    ]


@pytest.mark.parametrize(("days", "facts"), [(30, ["received"]), (31, ["received", "overdue"])])
def test_open_request_is_overdue_once_its_due_date_is_over(ledger: sa.Engine, days: int, facts: list[str]):
    enter_request(ledger, REQUEST)
    assert [fact for _, fact in list_facts(ledger, ASKED + timedelta(days=days))] == facts


def test_requests_for_canaries_are_not_the_services_but_their_checks_are_told(ledger: sa.Engine):
    enter_request(ledger, replace(REQUEST, request_key=f"{CANARY_KEY}1"))
    record_canary_check(ledger, ASKED, expected_count=3, absent_count=2)
    facts = deletion_facts(ledger, TOKYO, ASKED, 30)
    assert facts.rows() == [(date(2026, 11, 1), "canary", None, None, 3, 2)]


def test_ledger_without_requests_tells_nothing(ledger: sa.Engine):
    assert deletion_facts(ledger, TOKYO, ASKED, 30).rows() == []
