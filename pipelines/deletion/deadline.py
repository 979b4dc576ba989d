"""By which day a request must be done with, and which of the open ones are near that day or past it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from pipelines.control.requests import DeletionRequest
from pipelines.control.tombstone_rows import CLOSED_STATES

# The law keeps what is held, so that no promise is broken meanwhile.
UNHURRIED_STATES = (*CLOSED_STATES, "held")


@dataclass(frozen=True, slots=True)
class Promise:
    """Within how many days of its filing a request is done with, and how many days before that a warning is due."""

    days: int
    warning_days: int
    zone: ZoneInfo

    def due_on(self, request: DeletionRequest) -> date:
        """The last day of the promise; days are the service's."""
        return request.due_on or request.requested_at.astimezone(self.zone).date() + timedelta(days=self.days)

    def renew(self, request: DeletionRequest, today: date) -> date:
        """The last day of a request that a hold kept waiting: the whole time begins again, and is never cut short."""
        return max(self.due_on(request), today + timedelta(days=self.days))


@dataclass(frozen=True, slots=True)
class Due:
    """Open requests by their promise, nearest day first: those near it, and those past it."""

    near: tuple[DeletionRequest, ...]
    overdue: tuple[DeletionRequest, ...]


def find_due(requests: Iterable[DeletionRequest], promise: Promise, today: date) -> Due:
    """Sort the requests that are neither closed nor held; one is overdue from the day after its last."""
    pending = [request for request in requests if request.state not in UNHURRIED_STATES]
    pending.sort(key=promise.due_on)
    soon = today + timedelta(days=promise.warning_days)
    return Due(
        near=tuple(request for request in pending if today <= promise.due_on(request) <= soon),
        overdue=tuple(request for request in pending if promise.due_on(request) < today),
    )
