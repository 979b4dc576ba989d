"""Who may be deleted now: every open request is looked at again, by the newest facts and under the holds of today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipelines.control.holds import Hold, list_holds, protecting_holds
from pipelines.control.moves import Move
from pipelines.control.requests import REFUSABLE_STATES, DeletionRequest, get_request, list_requests, move_requests
from pipelines.control.requests import refuse_request as close_undone
from pipelines.control.subjects import (
    RESTORE,
    Heir,
    find_newest_facts_day,
    list_account_facts,
    raise_tombstones,
    read_suppression,
)
from pipelines.deletion.deadline import UNHURRIED_STATES, Due, Promise, find_due
from pipelines.deletion.eligibility import Evidence, decide_request
from pipelines.deletion.request import Subject, list_tombstones, unseal_subject
from pipelines.deletion.resumption import LONGEST_REASON, find_released
from pipelines.errors import ConfigurationError, DeadlineMissedError
from pipelines.journeys.house import House
from pipelines.telemetry import record_step

PIPELINE = "pipeline"
UNDECIDED_STATES = ("received", "waiting")
TOMBSTONED_STATES = ("ready", "planned", "approved", "running", "verifying", "held")
MOST_NAMED = 20


def decide_requests(house: House) -> tuple[DeletionRequest, ...]:
    """Look at every open request again: the eligible get ready, behind a tombstone; the others wait with a reason.

    Held ones get ready as well, once no hold protects what is left of them. Returns all that are ready.
    """
    _resume_held(house)
    _decide_undecided(house)
    ready = list_requests(house.ledger, ("ready",))
    stones = [stone for request in ready for stone in list_tombstones(request, _unseal(house, request), house.now())]
    raise_tombstones(house.ledger, stones)
    return ready


def refuse_request(house: House, request_id: str, *, reason: str, refused_by: str) -> None:
    """Close a request undone, for a reason that is kept: its subject is forgotten, its tombstones are withdrawn.

    Others of its plan are planned again. DeletionError once it was approved, ConfigurationError without a reason.
    """
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise ConfigurationError(
            f"a refusal needs a reason of at most {LONGEST_REASON} characters",
            hint="say which rule keeps the request from being carried out, and name nobody: it is stored",
        )
    request = get_request(house.ledger, request_id)
    move = Move("refused", house.now(), refused_by, reason.strip())
    heirs = _find_heirs(house, request) if request.state in REFUSABLE_STATES else ()
    planned = [each for each in list_requests(house.ledger, ("planned",)) if each.plan_digest == request.plan_digest]
    others = [each for each in planned if each.request_id != request_id]
    close_undone(house.ledger, request, move, heirs=heirs, others=others)


def find_holds(house: House) -> dict[str, Hold]:
    """The datasets that a hold protects today, each with the hold that ends last."""
    return protecting_holds(list_holds(house.ledger), house.now().date())


def promise_of(house: House) -> Promise:
    """The time that this installation promises for a deletion."""
    return Promise(house.settings.deadline_days, house.settings.deadline_warning_days, house.settings.zone)


def find_due_requests(house: House) -> Due:
    """The open requests that are near their due date, and those past it."""
    with record_step("find_due_requests", "deletions") as step:
        due = find_due(list_requests(house.ledger), promise_of(house), house.now().date())
        step.count(due=len(due.near), overdue=len(due.overdue))
    return due


def describe_request(house: House, request: DeletionRequest) -> dict[str, Any]:
    """A request as it is shown; days_left: until its due date, negative past it, None when it is closed or held."""
    shown = ("request_id", "state", "requested_at", "eligible_on", "plan_digest", "completed_at", "reason")
    due_on = promise_of(house).due_on(request)
    is_pending = request.state not in UNHURRIED_STATES
    return {
        **{name: getattr(request, name) for name in shown},
        "due_on": due_on,
        "days_left": (due_on - house.now().date()).days if is_pending else None,
        "held_datasets": request.held_datasets,
    }


def require_in_time(due: Due) -> None:
    """DeadlineMissedError when any request is past its due date; it names requests, which tell nothing of persons."""
    if not due.overdue:
        return
    named = ", ".join(f"{request.request_id} ({request.state})" for request in due.overdue[:MOST_NAMED])
    more = f" and {len(due.overdue) - MOST_NAMED} more" if len(due.overdue) > MOST_NAMED else ""
    raise DeadlineMissedError(
        f"{len(due.overdue)} deletion requests are past their due date: {named}{more}",
        hint="`tokumei delete status ID` says what each waits for: approve its plan, or refuse it with a reason",
    )


def _resume_held(house: House) -> None:
    released = find_released(list_requests(house.ledger, ("held",)), find_holds(house))
    today, promise = house.now().date(), promise_of(house)
    resumed = [
        replace(each, held_datasets=(), plan_digest=None, due_on=promise.renew(each, today)) for each in released
    ]
    _move(house, resumed, "ready", "no hold protects what is left any more")


def _decide_undecided(house: House) -> None:
    """Moves of one kind are made together, for there may be thousands."""
    requests = list_requests(house.ledger, UNDECIDED_STATES)
    today, promise = house.now().date(), promise_of(house)
    moves = defaultdict[tuple[str, str | None], list[DeletionRequest]](list)
    for request, evidence in zip(requests, _gather_evidence(house, requests, promise), strict=True):
        decided = decide_request(evidence, today)
        state = "ready" if decided.is_eligible else "waiting"
        dated = replace(request, eligible_on=decided.eligible_on, due_on=promise.due_on(request))
        moves[state, decided.reason].append(dated)
    for (state, reason), decided_alike in moves.items():
        _move(house, decided_alike, state, reason)


def _gather_evidence(house: House, requests: Sequence[DeletionRequest], promise: Promise) -> list[Evidence]:
    subjects = [_unseal(house, request) for request in requests]
    facts = list_account_facts(house.ledger, [value for subject in subjects for value in subject.users["membership"]])
    leaving, heard_on = frozenset(read_suppression(house.ledger).left), find_newest_facts_day(house.ledger)
    return [
        Evidence(
            requested_on=request.requested_at.astimezone(promise.zone).date(),
            given=subject.facts,
            stored=next((facts[value] for value in subject.users["membership"] if value in facts), None),
            heard_on=heard_on,
            is_leaving=not leaving.isdisjoint(subject.users["membership"]),
            is_repeated=request.channel == RESTORE,
        )
        for request, subject in zip(requests, subjects, strict=True)
    ]


def _find_heirs(house: House, refused: DeletionRequest) -> tuple[Heir, ...]:
    """What other open requests need of tombstones, since of one person or device the first request raised them all."""
    return tuple(
        Heir(stone.kind, stone.pseudonym, stone.request_id)
        for other in list_requests(house.ledger, TOMBSTONED_STATES)
        if other.request_id != refused.request_id
        for stone in list_tombstones(other, _unseal(house, other), house.now())
    )


def _unseal(house: House, request: DeletionRequest) -> Subject:
    return unseal_subject(request, house.keyring)


def _move(house: House, requests: Sequence[DeletionRequest], state: str, reason: str | None = None) -> None:
    move_requests(house.ledger, requests, Move(state, house.now(), PIPELINE, reason))
