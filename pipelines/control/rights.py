"""Requests for other rights than deletion in the ledger: access, restriction, its end, correction.

Their moves and plans lie where those of deletions do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.desk_tables import rights_requests
from pipelines.control.ledger import deletion_requests, transaction
from pipelines.control.moves import Move, record_moves, require_unmoved
from pipelines.control.outbox import tell_all
from pipelines.errors import ConfigurationError, RightsError

ACCESS, RESTRICT, UNRESTRICT, CORRECT = "access", "restrict", "unrestrict", "correct"
KINDS = (ACCESS, RESTRICT, UNRESTRICT, CORRECT)
# Which states may follow which. What was approved is refused by nobody, but a deletion of its member ends it.
FOLLOWING: Mapping[str, frozenset[str]] = {
    "received": frozenset({"planned", "refused"}),
    "planned": frozenset({"planned", "approved", "received", "refused"}),
    "approved": frozenset({"running", "received", "refused"}),
    "running": frozenset({"completed", "refused"}),
    "completed": frozenset(),
    "refused": frozenset(),
}
REFUSABLE_STATES = ("received", "planned")
# What a member is told whose request was carried out.
DONE_TEMPLATES = {ACCESS: "access_ready", RESTRICT: "restricted", UNRESTRICT: "unrestricted", CORRECT: "corrected"}
OPEN_STATES = ("received", "planned", "approved", "running")
LONGEST_REASON = 500
MOVABLE = (
    "state",
    "reason",
    "sealed_subject",
    "sealed_detail",
    "plan_digest",
    "completed_at",
    "expires_on",
)


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """One request as the ledger holds it; subject and detail are sealed, and gone once nothing needs them.

    sealed_detail: what is to be corrected, None for every other right. known_keys: ids of the keys under which the
    subject is identified, separated by spaces. expires_on: the last day of what was exported.
    """

    request_id: str
    request_key: str
    kind: str
    channel: str
    requested_at: datetime
    requested_by: str
    state: str
    reason: str | None
    sealed_subject: bytes | None
    sealed_detail: bytes | None
    known_keys: str
    plan_digest: str | None
    due_on: date
    completed_at: datetime | None = None
    expires_on: date | None = None


def enter_right(engine: sa.Engine, request: RightsRequest) -> bool:
    """Enter a new request as received; False, with nothing entered, when its key was entered before.

    ConfigurationError when a deletion was filed under its key: the two would share an id, and a certificate.
    """
    with transaction(engine) as connection:
        same_id = deletion_requests.c.request_id == request.request_id
        if connection.execute(sa.select(deletion_requests.c.request_id).where(same_id)).first() is not None:
            raise ConfigurationError("a deletion was filed under this key", hint="give each request a key of its own")
        known = sa.select(rights_requests.c.request_id).where(rights_requests.c.request_key == request.request_key)
        if connection.execute(known).first() is not None:
            return False
        connection.execute(sa.insert(rights_requests).values(asdict(request) | {"state": "received"}))
        record_moves(connection, [(request, Move("received", request.requested_at, request.requested_by))])
    return True


def list_rights(engine: sa.Engine, states: Sequence[str] = ()) -> tuple[RightsRequest, ...]:
    """Requests in some states, or all of them, oldest first."""
    query = sa.select(rights_requests).order_by(rights_requests.c.requested_at, rights_requests.c.request_id)
    if states:
        query = query.where(rights_requests.c.state.in_(list(states)))
    with transaction(engine) as connection:
        return tuple(_read(row) for row in connection.execute(query))


def list_rights_of_plan(engine: sa.Engine, digest: str, *states: str) -> tuple[RightsRequest, ...]:
    """The requests in some states that one plan covers, oldest first."""
    return tuple(request for request in list_rights(engine, states) if request.plan_digest == digest)


def get_right(engine: sa.Engine, request_id: str) -> RightsRequest:
    """One request by its id; ConfigurationError when there is none."""
    query = sa.select(rights_requests).where(rights_requests.c.request_id == request_id)
    with transaction(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        raise ConfigurationError(
            "there is no request for a right of that id", hint="list them with `tokumei rights status`"
        )
    return _read(row)


def move_rights(engine: sa.Engine, requests: Sequence[RightsRequest], move: Move) -> None:
    """Move requests to their next state, all or none, with what they carry, and record each move.

    RightsError when the state may not follow a request's own; StorageBusyError when somebody else moved one meanwhile.
    """
    with transaction(engine) as connection:
        _move(connection, requests, move)


def refuse_rights(
    engine: sa.Engine, requests: Sequence[RightsRequest], move: Move, *, others: Sequence[RightsRequest] = ()
) -> None:
    """Close requests undone and forget their subjects, all at once or not at all.

    others: planned with them; they are planned again, for their plan names who is refused.
    """
    again = replace(move, state="received", reason="another request of the plan was refused")
    closed = [replace(each, sealed_subject=None, sealed_detail=None, plan_digest=None) for each in requests]
    with transaction(engine) as connection:
        _move(connection, closed, replace(move, state="refused"))
        _move(connection, [replace(other, plan_digest=None) for other in others], again)


def forget_rights(engine: sa.Engine, request_ids: Sequence[str]) -> int:
    """Forget the sealed subjects of closed requests, of which nothing is stored any more; returns how many."""
    columns = rights_requests.c
    is_closed = columns.state.notin_(OPEN_STATES) & columns.sealed_subject.is_not(None)
    empty = {"sealed_subject": None, "sealed_detail": None}
    with transaction(engine) as connection:
        return sum(
            connection.execute(
                sa.update(rights_requests).where(is_closed & columns.request_id.in_(list(batch))).values(empty)
            ).rowcount
            for batch in split_batches(request_ids)
        )


def _move(connection: sa.Connection, requests: Sequence[RightsRequest], move: Move) -> None:
    for request in requests:
        if move.state not in FOLLOWING[request.state]:
            raise RightsError(
                f"request {request.request_id} is {request.state} and cannot become {move.state}",
                hint="see its history with `tokumei rights status`",
            )
    for batch in split_batches(requests):
        require_unmoved(connection, rights_requests, batch)
    for request in requests:
        moved = replace(request, state=move.state, reason=move.reason)
        values = {name: getattr(moved, name) for name in MOVABLE}
        own = rights_requests.c.request_id == request.request_id
        connection.execute(sa.update(rights_requests).where(own).values(values))
        if not FOLLOWING[move.state]:
            template = "refused" if move.state == "refused" else DONE_TEMPLATES[request.kind]
            tell_all(connection, [request.request_id], template, move.at)
    told = [each for each in requests if (move.state, move.reason) != (each.state, each.reason)]
    record_moves(connection, [(request, move) for request in told])


def _read(row: sa.Row[Any]) -> RightsRequest:
    return RightsRequest(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
