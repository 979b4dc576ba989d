"""Every request of every right as the desk lists them: state, age, days left, and in whose hands it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pipelines.control.desk import RightsRow, list_rights_rows
from pipelines.control.requests import REFUSABLE_STATES, DeletionRequest, list_requests
from pipelines.deletion.deadline import UNHURRIED_STATES
from pipelines.journeys.decide import promise_of
from pipelines.journeys.house import House

KINDS = ("deletion", "access", "restrict", "unrestrict", "correct")
STATES = (
    "received",
    "waiting",
    "ready",
    "planned",
    "approved",
    "running",
    "verifying",
    "held",
    "completed",
    "refused",
)
CLOSED = ("completed", "refused")
DUES = ("overdue", "near", "later")
Hands = Literal["member", "officer", "pipeline", "hold", "nobody"]
# Who has to do something before a request goes on.
HANDS: Mapping[str, Hands] = {
    "waiting": "member",
    "planned": "officer",
    "held": "hold",
    "completed": "nobody",
    "refused": "nobody",
}
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request. days_left: until its due date, negative past it, None when it is closed or held.

    hands: in whose hands it is. expires_on: the last day of what was exported for it.
    """

    request_id: str
    kind: str
    state: str
    channel: str
    requested_at: datetime
    requested_by: str | None
    age_days: int
    due_on: date
    days_left: int | None
    due: str | None
    hands: Hands
    reason: str | None
    eligible_on: date | None
    plan_digest: str | None
    completed_at: datetime | None
    held_datasets: tuple[str, ...]
    expires_on: date | None

    @property
    def is_open(self) -> bool:
        return self.state not in CLOSED

    @property
    def is_refusable(self) -> bool:
        states = REFUSABLE_STATES if self.kind == "deletion" else ("received", "planned")
        return self.state in states


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests to list; an empty text is no wish. text: part of a request id."""

    state: str = ""
    kind: str = ""
    due: str = ""
    text: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of requests, how many there are in all, and how the open ones stand: by state, and by due date."""

    lines: tuple[RequestLine, ...]
    total: int
    page: int
    page_count: int
    counts: Mapping[str, int]


def list_lines(house: House) -> tuple[RequestLine, ...]:
    """Open requests first, the one that is due first at their head; then closed ones, the newest first."""
    today = house.now().date()
    deletions = (_describe_deletion(house, request, today) for request in list_requests(house.ledger))
    rights = (_describe_right(house, row, today) for row in list_rights_rows(house.ledger))
    lines = (*deletions, *rights)
    waiting = sorted((line for line in lines if line.is_open), key=lambda line: (line.due_on, line.request_id))
    closed = sorted((line for line in lines if not line.is_open), key=lambda line: line.requested_at, reverse=True)
    return (*waiting, *closed)


def find_line(house: House, request_id: str) -> RequestLine | None:
    """One request by its id; None when there is none."""
    return next((line for line in list_lines(house) if line.request_id == request_id), None)


def select_lines(house: House, wanted: Wanted) -> Listing:
    """The requests that are asked for, a page of them, and how all of them stand."""
    lines = list_lines(house)
    chosen = [line for line in lines if _is_wanted(line, wanted)]
    page_count = max(1, -(-len(chosen) // PAGE_SIZE))
    page = min(max(wanted.page, 1), page_count)
    shown = tuple(chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    return Listing(shown, len(chosen), page, page_count, count_lines(lines))


def count_lines(lines: Iterable[RequestLine]) -> Mapping[str, int]:
    """How many are open, overdue, near their due date, in an officer's hands and held."""
    counts = Counter[str]()
    for line in lines:
        counts.update({"open": line.is_open, "held": line.state == "held", "officer": line.hands == "officer"})
        counts.update([line.due] if line.due else [])
    return counts


def _is_wanted(line: RequestLine, wanted: Wanted) -> bool:
    states = {"": STATES, "open": tuple(state for state in STATES if state not in CLOSED)}
    return (
        line.state in states.get(wanted.state, (wanted.state,))
        and wanted.kind in ("", line.kind)
        and wanted.due in ("", line.due)
        and wanted.text.strip().lower() in line.request_id
    )


def _describe_deletion(house: House, request: DeletionRequest, today: date) -> RequestLine:
    promise = promise_of(house)
    due_on = promise.due_on(request)
    days_left = None if request.state in UNHURRIED_STATES else (due_on - today).days
    return RequestLine(
        request_id=request.request_id,
        kind="deletion",
        state=request.state,
        channel=request.channel,
        requested_at=request.requested_at.astimezone(house.settings.zone),
        requested_by=request.requested_by,
        age_days=(today - request.requested_at.astimezone(house.settings.zone).date()).days,
        due_on=due_on,
        days_left=days_left,
        due=_judge_due(days_left, promise.warning_days),
        hands=HANDS.get(request.state, "pipeline"),
        reason=request.reason,
        eligible_on=request.eligible_on,
        plan_digest=request.plan_digest,
        completed_at=request.completed_at,
        held_datasets=request.held_datasets,
        expires_on=None,
    )


def _describe_right(house: House, row: RightsRow, today: date) -> RequestLine:
    days_left = None if row.state in CLOSED else (row.due_on - today).days
    return RequestLine(
        request_id=row.request_id,
        kind=row.kind,
        state=row.state,
        channel=row.channel,
        requested_at=row.requested_at.astimezone(house.settings.zone),
        requested_by=row.requested_by,
        age_days=(today - row.requested_at.astimezone(house.settings.zone).date()).days,
        due_on=row.due_on,
        days_left=days_left,
        due=_judge_due(days_left, house.settings.deadline_warning_days),
        hands=HANDS.get(row.state, "pipeline"),
        reason=row.reason,
        eligible_on=None,
        plan_digest=row.plan_digest,
        completed_at=row.completed_at,
        held_datasets=(),
        expires_on=row.expires_on,
    )


def _judge_due(days_left: int | None, warning_days: int) -> str | None:
    if days_left is None:
        return None
    return "overdue" if days_left < 0 else "near" if days_left <= warning_days else "later"
