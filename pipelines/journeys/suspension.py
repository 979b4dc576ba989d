"""Suspension of use as a right: planned, carried out, proved and certified in one go, and resumed wherever it stopped.

What may have to wait is the proof, when somebody else builds the warehouse just now: then the request stays running,
and whoever builds the marts next, or answers requests, ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.control.moves import Move
from pipelines.control.requests import StoredPlan, record_approval, store_plan
from pipelines.control.restrictions import REQUEST, enter_restrictions, lift_restrictions, list_restrictions
from pipelines.control.rights import (
    RESTRICT,
    UNRESTRICT,
    RightsRequest,
    get_right,
    list_rights,
    move_rights,
    refuse_rights,
)
from pipelines.control.subjects import read_departed
from pipelines.deletion.plan import digest_plan
from pipelines.deletion.request import seal_subject
from pipelines.deletion.restriction import restriction_of
from pipelines.deletion.rights import SUSPENDING, make_rights_plan, unseal_right
from pipelines.errors import ProofFailedError, StorageBusyError
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.departed import list_tables
from pipelines.journeys.house import House
from pipelines.journeys.restrict import RESTRICTED_PURPOSES, close_restricted, list_restricted
from pipelines.journeys.rights_proof import (
    certify_right,
    count_located,
    count_stored,
    describe_marts,
    prove_absence,
)
from pipelines.proof.certificate import DatasetOutcome
from pipelines.proof.restriction import digest_members, read_restricted_digest
from pipelines.telemetry import record_step

PIPELINE = "pipeline"
DELETED = "the member was deleted and did not return: nothing of theirs is stored"
NOT_ASKED = "no restriction of this member was asked for"
TAKEN_BACK = "taken back by a later request"
WANTS_CONSENT = "use stays suspended for want of consent"
BUILDS = 2
IN_THE_WAY = {RESTRICT: UNRESTRICT, UNRESTRICT: RESTRICT}
Members = frozenset[tuple[str, bytes]]


def suspend(house: House, request_id: str) -> None:
    """Bring one filed request as far as running: planned, approved by who asked for it, and the restriction in force.

    Safe to repeat. A request that has nothing to restrict or to lift is closed with the reason.
    """
    request = get_right(house.ledger, request_id)
    if request.state == "received":
        if reason := _find_obstacle(house, request):
            close_rights(house, [request], reason)
            return
        request = _plan(house, request)
    if request.state == "planned":
        record_approval(
            house.ledger, str(request.plan_digest), approved_by=request.requested_by, approved_at=house.now()
        )
        request = _move(house, request, "approved", request.requested_by)
    if request.state == "approved":
        _take_back_others(house, request)
        _put_in_force(house, request)
        _move(house, request, "running")


def finish_suspensions(house: House) -> tuple[str, ...]:
    """Prove and certify every suspension that was begun, once the marts are built without those restricted now.

    Returns the ids of those completed. StorageBusyError while another build runs; ProofFailedError when what is
    published does not leave out who is restricted. Either way they stay running.
    """
    for request in list_rights(house.ledger, ("received", "planned", "approved")):
        if request.kind in SUSPENDING:
            suspend(house, request.request_id)
    running = [request for request in list_rights(house.ledger, ("running",)) if request.kind in SUSPENDING]
    if not running:
        return ()
    with record_step("finish_suspensions", "marts") as step:
        restricted = _publish_restricted(house)
        for request in running:
            _certify(house, request, restricted)
        step.count(requests=len(running))
    return tuple(request.request_id for request in running)


def close_rights(
    house: House, requests: Sequence[RightsRequest], reason: str, *, others: Sequence[RightsRequest] = ()
) -> None:
    """Close requests that nobody refuses but that have become void; what stays behind is the reason.

    others: planned with them, which are planned again.
    """
    refuse_rights(house.ledger, requests, Move("refused", house.now(), PIPELINE, reason), others=others)


def _find_obstacle(house: House, request: RightsRequest) -> str | None:
    members = unseal_right(request, house.keyring).users["membership"]
    if request.kind == RESTRICT:
        return None if set(members).isdisjoint(read_departed(house.ledger)) else DELETED
    standing = {each.user_pseudonym for each in list_restrictions(house.ledger) if each.ground == REQUEST}
    return NOT_ASKED if standing.isdisjoint(members) else None


def _plan(house: House, request: RightsRequest) -> RightsRequest:
    """The request under its plan, with the devices that go with its member sealed beside them."""
    name, subject = request.request_id, unseal_right(request, house.keyring)
    closed = close_restricted(house, {name: subject})[name]
    rows = [
        {"table": table.name, "rows": count_located(house, table, closed), "purpose": table.purpose}
        for table in list_tables(house)
    ]
    document = make_rights_plan(house.catalogue, [request], {name: rows})
    digest = digest_plan(document)
    store_plan(house.ledger, StoredPlan(digest, house.now(), document, {}, None, None))
    sealed = seal_subject(closed, house.keyring)
    return _move(house, replace(request, plan_digest=digest, sealed_subject=sealed), "planned")


def _take_back_others(house: House, request: RightsRequest) -> None:
    """Of two that contradict each other the later one holds, and the earlier one can never be proved any more."""
    members = set(unseal_right(request, house.keyring).users["membership"])
    opposite = [
        each
        for each in list_rights(house.ledger, ("running",))
        if each.kind == IN_THE_WAY[request.kind]
        and not members.isdisjoint(unseal_right(each, house.keyring).users["membership"])
    ]
    close_rights(house, opposite, TAKEN_BACK)


def _put_in_force(house: House, request: RightsRequest) -> None:
    if request.kind == RESTRICT:
        enter_restrictions(house.ledger, [restriction_of(request, house.keyring, restricted_at=house.now())])
    else:
        lift_restrictions(house.ledger, unseal_right(request, house.keyring).users["membership"], REQUEST)


def _publish_restricted(house: House) -> Members:
    """Have the marts built, and read from the published file that they leave out exactly who is restricted now."""
    for _ in range(BUILDS):
        build_marts(house)
        restricted = frozenset(list_restricted(house).rows())
        if read_restricted_digest(house.settings.warehouse_file) == digest_members(restricted):
            return restricted
    raise StorageBusyError("who is restricted changed while the marts were built", hint="build the marts again")


def _certify(house: House, request: RightsRequest, restricted: Members) -> None:
    subject = unseal_right(request, house.keyring)
    own = {(purpose, value) for purpose in RESTRICTED_PURPOSES for value in subject.users[purpose]}
    if request.kind == RESTRICT and not own <= restricted:
        raise ProofFailedError(
            f"the marts were built without leaving out the member of request {request.request_id}",
            hint="build them again; if this stays, the restriction was lifted by hand",
        )
    report = prove_absence([house.settings.warehouse_directory], subject)
    counts = {table.name: count_stored(house, table, subject) for table in list_tables(house)}
    stays = bool(own & restricted)
    parts = [_describe(f"lake.{name}", count, request.kind, stays=stays) for name, count in counts.items()]
    certify_right(house, request, [*parts, *describe_marts(house)], report)


def _describe(dataset: str, row_count: int, kind: str, *, stays: bool) -> DatasetOutcome:
    if not row_count:
        return DatasetOutcome(dataset, "absent")
    if stays:
        return DatasetOutcome(dataset, "restricted", row_count, reason=WANTS_CONSENT if kind == UNRESTRICT else None)
    return DatasetOutcome(dataset, "restored", row_count)


def _move(house: House, request: RightsRequest, state: str, actor: str = PIPELINE) -> RightsRequest:
    move_rights(house.ledger, [request], Move(state, house.now(), actor))
    return get_right(house.ledger, request.request_id)
