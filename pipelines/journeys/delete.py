"""A deletion request's way: accept, wait, tombstone, close the identity, plan, approve, rewrite, forget, purge.

`certify` ends it, with code that deleted nothing. Every step may be repeated after a crash at any point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pipelines.control.deliveries import Delivery
from pipelines.control.maintenance import hold_maintenance
from pipelines.control.moves import Move, list_moves
from pipelines.control.requests import (
    DeletionRequest,
    StoredPlan,
    enter_request,
    get_plan,
    list_planned,
    list_requests,
    move_requests,
    note_outcome,
    record_approval,
    store_plan,
)
from pipelines.control.subjects import AccountFacts, forget_account_facts, raise_tombstones
from pipelines.deletion.outcome import describe_forgotten, describe_rewrite, summarise_outcome
from pipelines.deletion.plan import (
    LEDGER_TABLE,
    add_everybody,
    count_devices,
    digest_plan,
    emptied_tables,
    is_same_plan,
    rewritten_tables,
    subjects_of_table,
    summarise_plan,
    touched_dates,
)
from pipelines.deletion.request import Subject, list_tombstones, new_request, seal_subject, unseal_subject
from pipelines.errors import ConfigurationError, PlanChangedError
from pipelines.journeys.access import remove_exports
from pipelines.journeys.audit import require_declared
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.decide import PIPELINE, find_holds
from pipelines.journeys.four_eyes import require_four_eyes
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import renew_keyring
from pipelines.journeys.landed_lines import remove_from_landing
from pipelines.journeys.notify import notify_recipients
from pipelines.journeys.planning import close_requests, count_facts, draw_plan, find_accepted, guard_members
from pipelines.journeys.replay import finish_replays
from pipelines.journeys.rights import close_rights_of
from pipelines.lake.purge import purge_table
from pipelines.lake.replace import empty_table
from pipelines.lake.rewrite import Rewrite, remove_subjects
from pipelines.telemetry import record_step

FORGET = "forget"
Announce = Callable[[Rewrite], None]
APPROVED_STATES = ("approved", "running", "verifying", "completed")


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that waits for approval: its digest, the requests it covers, and what it does to each dataset.

    devices: how many go whole, as own or joint ones, and how many are shared with somebody who stays.
    """

    digest: str
    request_ids: tuple[str, ...]
    datasets: tuple[Mapping[str, Any], ...]
    devices: Mapping[str, int]


def accept_landed(house: House) -> tuple[Delivery, ...]:
    """File every request that waits in landing/requests; the files are then gone."""
    return ingest(house, find_files(house, ("requests",)))


def request_deletion(  # noqa: PLR0913 - a request has these facts
    house: House,
    user_id: str,
    *,
    request_key: str,
    facts: AccountFacts | None,
    requested_at: datetime | None = None,
    channel: str = "cli",
    requested_by: str | None = None,
) -> str:
    """File one request and return its id; the user id is not kept.

    requested_at: when the member asked, if that was earlier; the time until the due date runs from there.
    requested_by: who files it in the member's name, and may not approve it where four eyes are set.
    """
    now = house.now()
    asked_at = min(requested_at or now, now)
    keyring = renew_keyring(house).keyring  # somebody may have rotated a key since the house was opened
    request = new_request(
        keyring, user_id, request_key=request_key, channel=channel, requested_at=asked_at, facts=facts
    )
    enter_request(house.ledger, replace(request, requested_by=requested_by))
    return request.request_id


def plan_deletions(house: House, *, accept_share: float | None = None) -> Planned | None:
    """Plan every ready request, together with those whose plan was not approved yet; None when there is none.

    accept_share: how large a share of any dataset, or of all members, a person lets this plan take beyond the guard's.
    UndeclaredDataError while anything is stored that no contract declares; PlanTooLargeError when the guard stops it.
    """
    requests = list_requests(house.ledger, ("ready", "planned"))
    if not requests:
        return None
    require_declared(house)
    closures = close_requests(house, requests)
    now = house.now()
    subjects = ((request, closures[request.request_id].subject) for request in requests)
    raise_tombstones(house.ledger, [stone for each in subjects for stone in list_tombstones(*each, now)])
    accepted = find_accepted(house, requests) if accept_share is None else accept_share
    document = guard_members(house, draw_plan(house, closures), closures, accepted)
    digest = digest_plan(document)
    store_plan(house.ledger, StoredPlan(digest, house.now(), document, {}, None, None))
    frozen = [_freeze(house, request, closures[request.request_id].subject, digest) for request in requests]
    _move(house, frozen, "planned", f"plan {digest[:12]}")
    return Planned(digest, tuple(sorted(closures)), tuple(summarise_plan(document)), count_devices(document))


def approve_plan(house: House, digest: str, *, approved_by: str) -> None:
    """Note that a named person approves exactly this plan.

    PlanChangedError when it covers nobody any more, SameEyesError when four eyes are set and it was they who asked.
    """
    plan = get_plan(house.ledger, digest)
    _require_current(house, plan, ("planned", *APPROVED_STATES))
    require_four_eyes(house, digest, approver=approved_by)
    record_approval(house.ledger, digest, approved_by=approved_by, approved_at=house.now())
    move_requests(
        house.ledger, list_planned(house.ledger, digest, "planned"), Move("approved", house.now(), approved_by)
    )


def run_plan(house: House, digest: str) -> Mapping[str, Any]:
    """Carry out an approved plan: rewrite, rebuild marts, forget, purge. Returns rows and files by dataset."""
    with hold_maintenance(house.ledger):
        return _carry_out(house, digest)


def _carry_out(house: House, digest: str) -> Mapping[str, Any]:
    plan = _require_approved(house, digest)
    requests = _start_run(house, plan)
    if requests:
        subjects = {request.request_id: unseal_subject(request, house.keyring) for request in requests}
        with record_step("run_plan", "lake") as step:
            _rewrite_tables(house, plan, subjects, partial(_note_rewrite, house, digest))
            finish_replays(house)  # or some tables alone would hold what a crashed replay had claimed and is emptied
            _empty_tables(house, plan, partial(_note_rewrite, house, digest))
            build_marts(house, also=touched_dates(plan.document))
            notify_recipients(house, plan)
            _forget_facts(house, plan, subjects)
            remove_from_landing(house, subjects)
            _purge_tables(house, plan)
            step.count(requests=len(requests), datasets=len(plan.document["datasets"]))
        _move(house, requests, "verifying")
    return summarise_outcome(get_plan(house.ledger, digest).outcome)


def rehearse_plan(house: House, digest: str) -> Mapping[str, Any]:
    """What carrying out a plan would do now, by the same code up to each commit, after which nothing is left behind.

    Returns rows and files by dataset. PlanChangedError when the plan would not be carried out.
    """
    plan = get_plan(house.ledger, digest)
    _require_current(house, plan, ("planned", *APPROVED_STATES))
    waiting = list_planned(house.ledger, digest, "planned", "approved")
    if waiting:
        _require_same(house, plan, waiting)
    requests = (*waiting, *list_planned(house.ledger, digest, "running", "verifying"))
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in requests}
    noted: dict[str, Mapping[str, Any]] = {LEDGER_TABLE: {FORGET: describe_forgotten(count_facts(house, subjects))}}

    def note(rewrite: Rewrite) -> None:
        noted[rewrite.table] = {str(rewrite.number): describe_rewrite(rewrite)}

    _rewrite_tables(house, plan, subjects, note, commit=False)
    _empty_tables(house, plan, note, commit=False)
    return summarise_outcome(noted)


def find_open_plans(house: House) -> tuple[str, ...]:
    """Digests of the plans that were approved and are not finished."""
    open_requests = list_requests(house.ledger, ("approved", "running", "verifying"))
    return tuple(sorted({request.plan_digest for request in open_requests if request.plan_digest}))


def _freeze(house: House, request: DeletionRequest, subject: Subject, digest: str) -> DeletionRequest:
    """The request with its closed identity sealed: once rows are deleted, the links that led to it are gone."""
    return replace(request, plan_digest=digest, sealed_subject=seal_subject(subject, house.keyring))


def _require_approved(house: House, digest: str) -> StoredPlan:
    plan = get_plan(house.ledger, digest)
    if plan.approved_by is None:
        raise ConfigurationError("this plan is not approved", hint="approve it with `tokumei delete approve DIGEST`")
    _require_current(house, plan, APPROVED_STATES)
    return plan


def _require_current(house: House, plan: StoredPlan, states: Sequence[str]) -> None:
    if not list_planned(house.ledger, plan.digest, *states):
        raise PlanChangedError(
            f"plan {plan.digest[:12]} covers no request any more",
            hint="a newer plan took its place, or its requests wait for one: run `tokumei delete plan`",
        )


def _start_run(house: House, plan: StoredPlan) -> tuple[DeletionRequest, ...]:
    """Enter the run: from approval, if the plan still holds, or once more after a crash or an incomplete proof."""
    approved = list_planned(house.ledger, plan.digest, "approved")
    if approved:
        _require_unchanged(house, plan, approved)
    _move(house, [*approved, *list_planned(house.ledger, plan.digest, "verifying")], "running")
    return list_planned(house.ledger, plan.digest, "running")


def _require_unchanged(house: House, plan: StoredPlan, approved: Sequence[DeletionRequest]) -> None:
    """What was approved must be what would be planned now; otherwise everyone goes back to be planned again."""
    try:
        _require_same(house, plan, approved)
    except PlanChangedError:
        reason = "the plan's inputs changed after approval"
        _move(house, [replace(request, plan_digest=None) for request in approved], "ready", reason)
        raise


def _require_same(house: House, plan: StoredPlan, requests: Sequence[DeletionRequest]) -> None:
    if not is_same_plan(draw_plan(house, close_requests(house, requests)), plan.document):
        raise PlanChangedError(
            f"plan {plan.digest[:12]} no longer describes what is stored",
            hint="nothing was deleted; make a new plan with `tokumei delete plan` and have it approved",
        )


def _was_proof_tried(house: House, request_ids: Iterable[str]) -> bool:
    """Requests of one plan move together, so the first one tells."""
    moves = list_moves(house.ledger, next(iter(request_ids)))
    return any(state == "verifying" for state, *_ in moves)


def _rewrite_tables(
    house: House, plan: StoredPlan, subjects: Mapping[str, Subject], announce: Announce, *, commit: bool = True
) -> None:
    """After a proof that was not clean, a row may lie in another bucket than its pseudonym's, so all are searched."""
    search = partial(remove_subjects, trusts_buckets=not _was_proof_tried(house, subjects), commit=commit)
    for table in _leave_out_held(house, rewritten_tables(plan.document)):
        requests = add_everybody(subjects_of_table(house.catalogue, table, subjects))
        search(house.lake, house.catalogue.get("lake", table), requests, plan=plan.digest, announce=announce)


def _empty_tables(house: House, plan: StoredPlan, announce: Announce, *, commit: bool = True) -> None:
    for table in _leave_out_held(house, emptied_tables(plan.document)):
        contract = house.catalogue.get("lake", table)
        empty_table(house.lake, contract, plan=plan.digest, announce=announce, commit=commit)


def _leave_out_held(house: House, tables: Sequence[str]) -> list[str]:
    """A hold that was placed after the run began protects what is not deleted yet."""
    held = find_holds(house)
    return [table for table in tables if table not in held]


def _note_rewrite(house: House, digest: str, rewrite: Rewrite) -> None:
    note_outcome(house.ledger, digest, rewrite.table, str(rewrite.number), describe_rewrite(rewrite))


def _forget_facts(house: House, plan: StoredPlan, subjects: Mapping[str, Subject]) -> None:
    """Noted first and forgotten then, so that what a crash interrupts is counted all the same."""
    found = {request_id: count for request_id, count in count_facts(house, subjects).items() if count}
    if found:
        noted = get_plan(house.ledger, plan.digest).outcome.get(LEDGER_TABLE, {}).get(FORGET, {}).get("rows", {})
        note_outcome(house.ledger, plan.digest, LEDGER_TABLE, FORGET, describe_forgotten({**noted, **found}))
    members = [value for subject in subjects.values() for value in subject.users["membership"]]
    forget_account_facts(house.ledger, members)
    close_rights_of(house, subjects)
    remove_exports(house, subjects.values())


def _purge_tables(house: House, plan: StoredPlan) -> None:
    for table in (*rewritten_tables(plan.document), *emptied_tables(plan.document)):
        purge_table(house.lake, house.catalogue.get("lake", table))


def _move(house: House, requests: Sequence[DeletionRequest], state: str, reason: str | None = None) -> None:
    move_requests(house.ledger, requests, Move(state, house.now(), PIPELINE, reason))
