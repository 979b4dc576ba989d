"""Deletion requests in the ledger: their states, every move recorded, and the plans that cover them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from pipelines.control.ledger import deletion_requests, plans, request_moves, transaction
from pipelines.errors import ConfigurationError, DeletionError

# Which states may follow which; anything else is refused, so that no step can be skipped.
FOLLOWING: Mapping[str, frozenset[str]] = {
    "received": frozenset({"waiting", "ready"}),
    "waiting": frozenset({"waiting", "ready"}),
    "ready": frozenset({"planned"}),
    "planned": frozenset({"planned", "approved", "ready"}),
    "approved": frozenset({"running", "ready"}),
    "running": frozenset({"running", "verifying"}),
    "verifying": frozenset({"verifying", "running", "completed"}),
    "completed": frozenset(),
}


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """One request as the ledger holds it; the subject's pseudonyms are sealed, and gone once it is completed."""

    request_id: str
    request_key: str
    channel: str
    requested_at: datetime
    state: str
    reason: str | None
    eligible_on: date | None
    sealed_subject: bytes | None
    plan_digest: str | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan's document, and who approved exactly that document and when."""

    digest: str
    made_at: datetime
    document: Mapping[str, Any]
    outcome: Mapping[str, Any]
    approved_by: str | None
    approved_at: datetime | None


def enter_request(engine: sa.Engine, request: DeletionRequest) -> bool:
    """Enter a new request; False when its key was entered before."""
    same_key = deletion_requests.c.request_key == request.request_key
    with transaction(engine) as connection:
        if connection.execute(sa.select(deletion_requests.c.request_id).where(same_key)).first():
            return False
        names = [column.name for column in deletion_requests.columns]
        connection.execute(sa.insert(deletion_requests).values({name: getattr(request, name) for name in names}))
        _record_move(connection, request.request_id, "received", request.requested_at, request.channel, None)
    return True


def list_requests(engine: sa.Engine, states: Sequence[str] = ()) -> tuple[DeletionRequest, ...]:
    """Requests in some states, or all of them, oldest first."""
    query = sa.select(deletion_requests).order_by(deletion_requests.c.requested_at, deletion_requests.c.request_id)
    if states:
        query = query.where(deletion_requests.c.state.in_(list(states)))
    with transaction(engine) as connection:
        return tuple(DeletionRequest(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - public


def get_request(engine: sa.Engine, request_id: str) -> DeletionRequest:
    """One request by its id; ConfigurationError when there is none."""
    for request in list_requests(engine):
        if request.request_id == request_id:
            return request
    raise ConfigurationError("there is no deletion request of that id", hint="list them with `tokumei delete status`")


def list_moves(engine: sa.Engine, request_id: str) -> tuple[tuple[str, datetime, str, str | None], ...]:
    """State, time, actor and reason of each move of one request, in order."""
    query = sa.select(request_moves).where(request_moves.c.request_id == request_id).order_by(request_moves.c.move_id)
    with transaction(engine) as connection:
        return tuple((row.state, row.moved_at, row.actor, row.reason) for row in connection.execute(query))


def move_request(  # noqa: PLR0913 - a move has these facts
    engine: sa.Engine,
    request: DeletionRequest,
    state: str,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
    **changes: Any,  # noqa: ANN401 - ledger columns of different types
) -> None:
    """Move a request to its next state and record who did it and why; DeletionError when that state may not follow."""
    unchanged = deletion_requests.c.request_id == request.request_id
    with transaction(engine) as connection:
        current = connection.execute(sa.select(deletion_requests.c.state).where(unchanged)).scalar_one()
        if state not in FOLLOWING[current]:
            raise DeletionError(
                f"request {request.request_id} is {current} and cannot become {state}",
                hint="see its history with `tokumei delete status`",
            )
        values = {"state": state, "reason": reason, **changes}
        connection.execute(sa.update(deletion_requests).where(unchanged).values(values))
        if state != current or reason != request.reason:
            _record_move(connection, request.request_id, state, at, actor, reason)


def _record_move(  # noqa: PLR0913 - a move has these facts
    connection: sa.Connection, request_id: str, state: str, at: datetime, actor: str, reason: str | None
) -> None:
    row = {"request_id": request_id, "state": state, "moved_at": at, "actor": actor, "reason": reason}
    connection.execute(sa.insert(request_moves).values(row))


def store_plan(engine: sa.Engine, plan: StoredPlan) -> None:
    """Keep a plan's document under its digest; the same plan made again keeps its approval."""
    with transaction(engine) as connection:
        if connection.execute(sa.select(plans.c.digest).where(plans.c.digest == plan.digest)).first() is None:
            row = {"digest": plan.digest, "made_at": plan.made_at, "document": dict(plan.document), "outcome": {}}
            connection.execute(sa.insert(plans).values(row))


def get_plan(engine: sa.Engine, digest: str) -> StoredPlan:
    """A stored plan; ConfigurationError when there is none of that digest."""
    with transaction(engine) as connection:
        row = connection.execute(sa.select(plans).where(plans.c.digest == digest)).first()
    if row is None:
        raise ConfigurationError("there is no plan of that digest", hint="make one with `tokumei delete plan`")
    return StoredPlan(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def record_approval(engine: sa.Engine, digest: str, *, approved_by: str, approved_at: datetime) -> None:
    """Note who approved a plan, once; a second approval changes nothing."""
    waiting = (plans.c.digest == digest) & plans.c.approved_by.is_(None)
    with transaction(engine) as connection:
        connection.execute(sa.update(plans).where(waiting).values(approved_by=approved_by, approved_at=approved_at))


def record_outcome(engine: sa.Engine, digest: str, table: str, outcome: Mapping[str, Any]) -> None:
    """Note what a run did to one table; a first note stands, so that a resumed run keeps the true figures."""
    with transaction(engine) as connection:
        matches = plans.c.digest == digest
        known = connection.execute(sa.select(plans.c.outcome).where(matches)).scalar_one()
        connection.execute(sa.update(plans).where(matches).values(outcome={table: dict(outcome), **known}))
