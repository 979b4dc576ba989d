"""Deletion requests in the ledger: their states, every move recorded, and the plans that cover them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.kept_subjects import keep_subjects
from pipelines.control.ledger import deletion_requests, plans, transaction
from pipelines.control.moves import Move, record_moves, require_unmoved
from pipelines.control.outbox import tell_all
from pipelines.control.subjects import Heir, withdraw_tombstones
from pipelines.errors import ConfigurationError, DeletionError

# Which states may follow which; anything else is refused, so that no step can be skipped.
FOLLOWING: Mapping[str, frozenset[str]] = {
    "received": frozenset({"waiting", "ready", "refused"}),
    "waiting": frozenset({"waiting", "ready", "refused"}),
    "ready": frozenset({"planned", "refused"}),
    "planned": frozenset({"planned", "approved", "ready", "refused"}),
    "approved": frozenset({"running", "ready"}),
    "running": frozenset({"verifying"}),
    "verifying": frozenset({"running", "completed", "held"}),
    "held": frozenset({"ready"}),
    "completed": frozenset(),
    "refused": frozenset(),
}
REFUSABLE_STATES = tuple(state for state, following in FOLLOWING.items() if "refused" in following)
MOVABLE = (
    "state",
    "reason",
    "eligible_on",
    "sealed_subject",
    "plan_digest",
    "completed_at",
    "due_on",
    "held_datasets",
    "earlier_plans",
)


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """One request as the ledger holds it; the subject's pseudonyms are sealed, and gone once it is closed.

    due_on: the last day of the time that was promised, None until the request was first decided. held_datasets: the
    lake tables whose holds keep the rest of a held request; earlier_plans: digests of the plans carried out before.
    known_keys: ids of the keys that they were made under when it was filed, separated by spaces. sealed_extension:
    pseudonyms under later keys, which ingestion adds and no move touches, so that none is lost to one. requested_by:
    the name of whoever filed it in the member's name, None where nobody did.
    """

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
    due_on: date | None = None
    held_datasets: tuple[str, ...] = ()
    earlier_plans: tuple[str, ...] = ()
    known_keys: str | None = None
    sealed_extension: bytes | None = None
    requested_by: str | None = None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan's document, who approved exactly that document and when, and what its runs did so far.

    outcome holds figures by dataset and step; see `note_outcome`.
    """

    digest: str
    made_at: datetime
    document: Mapping[str, Any]
    outcome: Mapping[str, Any]
    approved_by: str | None
    approved_at: datetime | None


def enter_request(engine: sa.Engine, request: DeletionRequest) -> bool:
    """Enter a new request as received; False when its key was entered before."""
    return enter_requests(engine, [request]) == 1


def enter_requests(engine: sa.Engine, requests: Sequence[DeletionRequest]) -> int:
    """Enter many as received, all or none; returns how many were new by their keys."""
    with transaction(engine) as connection:
        return sum(_enter(connection, batch) for batch in split_batches(requests))


def enter_within(connection: sa.Connection, request: DeletionRequest) -> bool:
    """As `enter_request`, as part of the caller's transaction."""
    return _enter(connection, [request]) == 1


def enter_refused(connection: sa.Connection, request: DeletionRequest, move: Move) -> bool:
    """Enter a request, as part of the caller's transaction, that is refused at once: it is about nobody we know."""
    is_new = enter_within(connection, request)
    if is_new:
        _move(connection, [request], move)
    return is_new


def _enter(connection: sa.Connection, requests: Sequence[DeletionRequest]) -> int:
    """Of several with one key the first is entered."""
    first = {request.request_key: request for request in reversed(requests)}
    known = sa.select(deletion_requests.c.request_key).where(deletion_requests.c.request_key.in_(first))
    entered = set(connection.execute(known).scalars())
    new = [each for each in requests if each.request_key not in entered and first[each.request_key] is each]
    if new:
        names = [column.name for column in deletion_requests.columns]
        rows = [{name: getattr(request, name) for name in names} | {"state": "received"} for request in new]
        connection.execute(sa.insert(deletion_requests), rows)
    record_moves(connection, [(each, Move("received", each.requested_at, _name_asker(each))) for each in new])
    return len(new)


def _name_asker(request: DeletionRequest) -> str:
    return request.requested_by or request.channel


def list_requests(engine: sa.Engine, states: Sequence[str] = ()) -> tuple[DeletionRequest, ...]:
    """Requests in some states, or all of them, oldest first."""
    query = sa.select(deletion_requests).order_by(deletion_requests.c.requested_at, deletion_requests.c.request_id)
    if states:
        query = query.where(deletion_requests.c.state.in_(list(states)))
    with transaction(engine) as connection:
        return tuple(DeletionRequest(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - public


def list_planned(engine: sa.Engine, digest: str, *states: str) -> tuple[DeletionRequest, ...]:
    """The requests in some states that one plan covers, oldest first."""
    return tuple(request for request in list_requests(engine, states) if request.plan_digest == digest)


def get_request(engine: sa.Engine, request_id: str) -> DeletionRequest:
    """One request by its id; ConfigurationError when there is none."""
    query = sa.select(deletion_requests).where(deletion_requests.c.request_id == request_id)
    with transaction(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        raise ConfigurationError(
            "there is no deletion request of that id", hint="list them with `tokumei delete status`"
        )
    return DeletionRequest(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def move_requests(engine: sa.Engine, requests: Sequence[DeletionRequest], move: Move) -> None:
    """Move requests to their next state, all or none, and record each move.

    What a request carries is stored with its new state: eligible_on, sealed_subject, plan_digest, due_on and the rest.
    DeletionError when the state may not follow a request's own; StorageBusyError when someone else moved one meanwhile.
    """
    with transaction(engine) as connection:
        _move(connection, requests, move)


def refuse_request(
    engine: sa.Engine,
    request: DeletionRequest,
    move: Move,
    *,
    heirs: Sequence[Heir] = (),
    others: Sequence[DeletionRequest] = (),
) -> None:
    """Close a request undone, all at once or not at all: its subject is forgotten, its tombstones are withdrawn.

    heirs: requests that need some of these tombstones as well, and keep them. others: planned with it; they get ready
    again, for their plan names who is refused. DeletionError once the request was approved.
    """
    again = replace(move, state="ready", reason="another request of the plan was refused")
    with transaction(engine) as connection:
        _move(connection, [replace(request, sealed_subject=None, plan_digest=None)], move)
        withdraw_tombstones(connection, request.request_id, heirs)
        _move(connection, [replace(other, plan_digest=None) for other in others], again)


def _move(connection: sa.Connection, requests: Sequence[DeletionRequest], move: Move) -> None:
    for request in requests:
        _require_following(request, move.state)
    for batch in split_batches(requests):
        require_unmoved(connection, deletion_requests, batch)
        if move.state == "completed":
            keep_subjects(connection, [request.request_id for request in batch], move.at)
        _store_move(connection, [replace(request, state=move.state, reason=move.reason) for request in batch])
    if not FOLLOWING[move.state]:
        tell_all(connection, [request.request_id for request in requests], move.state, move.at)
    told = [each for each in requests if (move.state, move.reason) != (each.state, each.reason)]
    record_moves(connection, [(request, move) for request in told])


def _require_following(request: DeletionRequest, state: str) -> None:
    if state not in FOLLOWING[request.state]:
        raise DeletionError(
            f"request {request.request_id} is {request.state} and cannot become {state}",
            hint="see its history with `tokumei delete status`",
        )


def _store_move(connection: sa.Connection, moved: Sequence[DeletionRequest]) -> None:
    columns = deletion_requests.c
    rows = [{name: getattr(request, name) for name in MOVABLE} | {"moved_id": request.request_id} for request in moved]
    connection.execute(sa.update(deletion_requests).where(columns.request_id == sa.bindparam("moved_id")), rows)
    is_forgotten = _is_one_of(moved) & columns.sealed_subject.is_(None)
    connection.execute(sa.update(deletion_requests).where(is_forgotten).values(sealed_extension=None))


def _is_one_of(requests: Sequence[DeletionRequest]) -> sa.ColumnElement[bool]:
    return deletion_requests.c.request_id.in_([request.request_id for request in requests])


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


def note_outcome(engine: sa.Engine, digest: str, dataset: str, step: str, figures: Mapping[str, Any]) -> None:
    """Note what one step of a run is about to do to one dataset; the same step noted again replaces its figures."""
    matches = plans.c.digest == digest
    with transaction(engine) as connection:
        known = connection.execute(sa.select(plans.c.outcome).where(matches)).scalar_one()
        outcome = {**known, dataset: {**known.get(dataset, {}), step: dict(figures)}}
        connection.execute(sa.update(plans).where(matches).values(outcome=outcome))
