"""What the ledger tells of deletions month by month, for deletions_monthly; and what canaries proved of the scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from pipelines.control.ledger import canary_checks, deletion_requests, plans, request_moves, transaction

CANARY_KEY = "tokumei-canary-"  # begins the keys of requests for people who do not exist
NOTED_MOVES = ("refused", "held")
DAY = timedelta(days=1)
FACT_SCHEMA = pl.Schema(
    {
        "month": pl.Date(),
        "fact": pl.String(),
        "days": pl.Float64(),
        "row_count": pl.Int64(),
        "expected_count": pl.Int64(),
        "absent_count": pl.Int64(),
    }
)

Fact = dict[str, Any]


def deletion_facts(engine: sa.Engine, zone: ZoneInfo, now: datetime, deadline_days: int) -> pl.DataFrame:
    """One row for each fact of each request, and for each check of canaries, in the month in which it came about.

    fact: received, completed (with days since the request and rows erased), refused, held, overdue (in the month of the
    due date, unless it was settled by then or a hold keeps it waiting), or canary (subjects expected to be absent, and
    those who were). Requests for canaries are no facts of the service's. deadline_days: for who was not decided yet.
    """
    with transaction(engine) as connection:
        requests = connection.execute(sa.select(deletion_requests)).all()
        moves = connection.execute(sa.select(request_moves)).all()
        outcomes = connection.execute(sa.select(plans.c.outcome)).scalars().all()
        checks = connection.execute(sa.select(canary_checks)).all()
    real = {request.request_id: request for request in requests if not request.request_key.startswith(CANARY_KEY)}
    refused = {move.request_id: move.moved_at for move in moves if move.state == "refused"}
    erased = _count_rows(outcomes)
    facts = [_describe(move.state, move.moved_at) for move in moves if _is_noted(move, real)]
    for request_id, request in real.items():
        facts += _describe_request(request, erased[request_id])
        due_on = request.due_on or request.requested_at.astimezone(zone).date() + deadline_days * DAY
        settled_at = min(request.completed_at or now, refused.get(request_id, now))
        if request.state != "held" and settled_at.astimezone(zone).date() > due_on:
            facts.append(_describe("overdue", datetime.combine(due_on, time(), zone)))
    facts += [
        _describe("canary", check.checked_at, expected_count=check.expected_count, absent_count=check.absent_count)
        for check in checks
    ]
    months = [fact | {"month": fact["at"].astimezone(zone).date().replace(day=1)} for fact in facts]
    return pl.DataFrame(months, schema=FACT_SCHEMA)


def record_canary_check(engine: sa.Engine, checked_at: datetime, *, expected_count: int, absent_count: int) -> None:
    """Note how many deleted canaries were expected to be absent in one audit, and how many were."""
    row = {"checked_at": checked_at, "expected_count": expected_count, "absent_count": absent_count}
    with transaction(engine) as connection:
        connection.execute(sa.insert(canary_checks).values(row))


def _count_rows(outcomes: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """The rows that all plans together erased for each request."""
    erased = Counter[str]()
    for outcome in outcomes:
        for step in (step for dataset in outcome.values() for step in dataset.values()):
            erased.update(step["rows"])
    return erased


def _describe_request(request: sa.Row[Any], row_count: int) -> Iterator[Fact]:
    yield _describe("received", request.requested_at)
    if request.completed_at is not None:
        days = (request.completed_at - request.requested_at) / DAY
        yield _describe("completed", request.completed_at, days=days, row_count=row_count)


def _is_noted(move: sa.Row[Any], real: dict[str, sa.Row[Any]]) -> bool:
    return move.state in NOTED_MOVES and move.request_id in real


def _describe(fact: str, at: datetime, **figures: float) -> Fact:
    return dict.fromkeys(FACT_SCHEMA) | {"fact": fact, "at": at} | figures
