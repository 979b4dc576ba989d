"""Other rights than deletion: filed, planned, approved by a named person, carried out, and proved by `rights_proof`.

Every step may be repeated after a crash at any point. Suspension of use asks nobody and is done as soon as it is filed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pipelines.control.moves import Move
from pipelines.control.requests import StoredPlan, get_plan, record_approval, store_plan
from pipelines.control.rights import (
    ACCESS,
    CORRECT,
    OPEN_STATES,
    REFUSABLE_STATES,
    RightsRequest,
    enter_right,
    forget_rights,
    get_right,
    list_rights,
    list_rights_of_plan,
    move_rights,
    refuse_rights,
)
from pipelines.deletion.plan import Document, digest_plan, summarise_plan
from pipelines.deletion.request import Subject
from pipelines.deletion.rights import (
    APPROVED_KINDS,
    GROUNDS,
    SUSPENDING,
    describe_refusal,
    is_same_right,
    make_rights_plan,
    new_right,
    unseal_detail,
    unseal_right,
)
from pipelines.errors import ConfigurationError, PlanChangedError, RightsError, TokumeiError
from pipelines.journeys.access import describe_access
from pipelines.journeys.audit import require_declared
from pipelines.journeys.correct import describe_correction
from pipelines.journeys.four_eyes import require_four_eyes
from pipelines.journeys.house import House
from pipelines.journeys.keys import renew_keyring
from pipelines.journeys.rights_run import certify_rights, run_requests
from pipelines.journeys.suspension import PIPELINE, close_rights, finish_suspensions, suspend
from pipelines.telemetry import record_step

__all__ = [
    "GROUNDS",
    "PlannedRights",
    "approve_rights",
    "certify_rights",
    "close_rights_of",
    "file_right",
    "find_open_rights_plans",
    "finish_suspensions",
    "plan_rights",
    "refuse_right",
    "run_rights",
]

STAFF_CHANNELS = ("cli", "console")
LONGEST_REASON = 500
DELETED = "the member was deleted, and what was stored of them with it"
APPROVED_STATES = ("approved", "running", "completed")


@dataclass(frozen=True, slots=True)
class PlannedRights:
    """A plan that waits for approval: its digest, the requests it covers, and what it reads or changes where."""

    digest: str
    request_ids: tuple[str, ...]
    datasets: tuple[Mapping[str, Any], ...]


def file_right(  # noqa: PLR0913 - a request has these facts
    house: House,
    kind: str,
    user_id: str,
    *,
    request_key: str,
    channel: str,
    requested_by: str,
    requested_at: datetime | None = None,
    detail: Mapping[str, str] | None = None,
) -> str:
    """File one request and return its id, the same for the same key; the user id is not kept.

    kind: access, restrict, unrestrict or correct. detail: of a correction attribute, value and perhaps event_date; of a
    restriction by an officer perhaps the reason. Suspension of use is carried out, proved and certified before this
    returns, unless the marts cannot be built just now: then its request stays running. ConfigurationError for what
    nobody can ask for, whoever the member is; no message quotes it.
    """
    now, keyring = house.now(), renew_keyring(house).keyring  # somebody may have rotated a key since it was opened
    asked_at = min(requested_at or now, now)
    request = new_right(
        keyring,
        kind,
        user_id,
        request_key=request_key,
        channel=channel,
        requested_by=requested_by,
        requested_at=asked_at,
        due_on=asked_at.astimezone(house.settings.zone).date() + timedelta(days=house.settings.deadline_days),
        detail=detail or {},
    )
    _require_meaningful(replace(house, keyring=keyring), request, detail or {})
    enter_right(house.ledger, request)
    if kind in SUSPENDING:
        suspend(house, request.request_id)
        with suppress(TokumeiError):  # which its step has told; nothing of the request is lost
            finish_suspensions(house)
    return request.request_id


def plan_rights(house: House, *, only: Collection[str] = ()) -> PlannedRights | None:
    """Plan every open request for access or correction that nobody approved yet; None when there is none.

    only: ids of the requests to plan, where it is not to be all of them.
    A correction of what a hold protects, or of what the contract lets be corrected no longer, is left out and waits.
    UndeclaredDataError while anything is stored that no contract declares, for no export would show it.
    """
    undecided = [each for each in list_rights(house.ledger, REFUSABLE_STATES) if each.kind in APPROVED_KINDS]
    waiting = [each for each in undecided if not only or each.request_id in only]
    described = _describe_requests(house, waiting)
    requests = [request for request in waiting if request.request_id in described]
    if not requests:
        return None
    require_declared(house)
    document = make_rights_plan(house.catalogue, requests, described)
    digest = digest_plan(document)
    store_plan(house.ledger, StoredPlan(digest, house.now(), document, {}, None, None))
    _move(house, [replace(each, plan_digest=digest) for each in requests], "planned", f"plan {digest[:12]}")
    return PlannedRights(digest, tuple(sorted(each.request_id for each in requests)), tuple(summarise_plan(document)))


def approve_rights(house: House, digest: str, *, approved_by: str) -> None:
    """Note that a named person approves exactly this plan; PlanChangedError when it covers nobody any more.

    SameEyesError when four eyes are asked for and this person filed one of its requests.
    """
    plan = get_plan(house.ledger, digest)
    _require_current(house, plan, ("planned", *APPROVED_STATES))
    waiting = list_rights_of_plan(house.ledger, digest, "planned")
    require_four_eyes(house, digest, approver=approved_by)
    record_approval(house.ledger, digest, approved_by=approved_by, approved_at=house.now())
    move_rights(house.ledger, waiting, Move("approved", house.now(), approved_by))


def run_rights(house: House, digest: str) -> Mapping[str, Any]:
    """Carry out an approved plan; returns rows by right and request. Safe to repeat."""
    plan = get_plan(house.ledger, digest)
    if plan.approved_by is None:
        raise ConfigurationError("this plan is not approved", hint="approve it with `tokumei rights approve DIGEST`")
    _require_current(house, plan, APPROVED_STATES)
    approved = list_rights_of_plan(house.ledger, digest, "approved")
    if approved:
        _require_unchanged(house, plan, approved)
    _move(house, approved, "running")
    requests = list_rights_of_plan(house.ledger, digest, "running")
    with record_step("run_rights", "lake") as step:
        rows = run_requests(house, digest, requests)
        step.count(requests=len(requests))
    return rows


def find_open_rights_plans(house: House) -> tuple[str, ...]:
    """Digests of the plans for access and correction that were approved and are not finished."""
    requests = list_rights(house.ledger, ("approved", "running"))
    return tuple(sorted({str(each.plan_digest) for each in requests if each.kind in APPROVED_KINDS}))


def refuse_right(house: House, request_id: str, *, ground: str, note: str, refused_by: str) -> None:
    """Close a request undone, on one of the policy's grounds and with a note; its subject is forgotten.

    Others of its plan are planned again. RightsError once it was approved, ConfigurationError for another ground.
    """
    move = Move("refused", house.now(), refused_by, describe_refusal(ground, note))
    request = get_right(house.ledger, request_id)
    if request.state not in REFUSABLE_STATES:
        raise RightsError(
            f"request {request_id} is {request.state} and cannot be refused", hint="see `tokumei rights status`"
        )
    planned = [each for each in list_rights(house.ledger, ("planned",)) if each.plan_digest == request.plan_digest]
    others = [each for each in planned if each.request_id != request_id]
    refuse_rights(house.ledger, [request], move, others=others)


def close_rights_of(house: House, subjects: Mapping[str, Subject]) -> None:
    """End what other rights members have asked for who are just being deleted."""
    members = {value for subject in subjects.values() for value in subject.users.get("membership", ())}
    theirs = [
        request
        for request in list_rights(house.ledger)
        if request.sealed_subject is not None
        and not members.isdisjoint(unseal_right(request, house.keyring).users["membership"])
    ]
    opened = [request for request in theirs if request.state in OPEN_STATES]
    closing = {request.plan_digest for request in opened if request.state == "planned"}
    planned = list_rights(house.ledger, ("planned",))
    names = {request.request_id for request in opened}
    others = [each for each in planned if each.plan_digest in closing and each.request_id not in names]
    close_rights(house, opened, DELETED, others=others)
    forget_rights(house.ledger, [request.request_id for request in theirs])


def _require_meaningful(house: House, request: RightsRequest, detail: Mapping[str, str]) -> None:
    """Before anything is stored, so that what does not belong into a detail is in no byte of the ledger."""
    if request.kind == CORRECT:
        describe_correction(house, unseal_right(request, house.keyring), detail)
        return
    allowed = {"reason"} if request.kind in SUSPENDING and request.channel in STAFF_CHANNELS else set[str]()
    if not detail.keys() <= allowed or len(detail.get("reason", "")) > LONGEST_REASON:
        raise ConfigurationError(
            f"a request of kind {request.kind} has no such detail",
            hint=f"a correction has one; an officer's reason may have {LONGEST_REASON} characters",
        )


def _describe_requests(house: House, requests: Sequence[RightsRequest]) -> dict[str, Sequence[Mapping[str, Any]]]:
    described: dict[str, Sequence[Mapping[str, Any]]] = {}
    for request in requests:
        subject = unseal_right(request, house.keyring)
        if request.kind == ACCESS:
            described[request.request_id] = describe_access(house, subject)
            continue
        with suppress(ConfigurationError):
            items = describe_correction(house, subject, unseal_detail(request, house.keyring))
            if not any(item.get("held_until") for item in items):
                described[request.request_id] = items
    return described


def _draw(house: House, requests: Sequence[RightsRequest]) -> Document:
    return make_rights_plan(house.catalogue, requests, {request.request_id: () for request in requests})


def _require_current(house: House, plan: StoredPlan, states: Sequence[str]) -> None:
    if not list_rights_of_plan(house.ledger, plan.digest, *states):
        raise PlanChangedError(
            f"plan {plan.digest[:12]} covers no request any more",
            hint="a newer plan took its place, or its requests were closed: run `tokumei rights plan`",
        )


def _require_unchanged(house: House, plan: StoredPlan, approved: Sequence[RightsRequest]) -> None:
    """What was approved must be for whom it was, under the same contracts; otherwise it is planned again."""
    names = {request.request_id for request in approved}
    described = [each for each in plan.document["requests"] if each["request_id"] in names]
    if is_same_right(_draw(house, approved), {**plan.document, "requests": described}):
        return
    _move(house, [replace(each, plan_digest=None) for each in approved], "received", "the plan's inputs changed")
    raise PlanChangedError(
        f"plan {plan.digest[:12]} was approved under other contracts",
        hint="nothing was done; make a new plan with `tokumei rights plan` and have it approved",
    )


def _move(house: House, requests: Sequence[RightsRequest], state: str, reason: str | None = None) -> None:
    move_rights(house.ledger, requests, Move(state, house.now(), PIPELINE, reason))
