"""A deletion request's way: accept, wait, tombstone, close the identity, plan, approve, rewrite, purge, scan, certify."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from pipelines.control.deliveries import Delivery
from pipelines.control.requests import (
    DeletionRequest,
    StoredPlan,
    enter_request,
    get_plan,
    list_requests,
    move_request,
    record_approval,
    record_outcome,
    store_plan,
)
from pipelines.control.subjects import (
    AccountFacts,
    Tombstone,
    find_account_facts,
    forget_account_facts,
    raise_tombstones,
)
from pipelines.deletion.closure import Closure, close_identity
from pipelines.deletion.eligibility import decide_eligibility
from pipelines.deletion.plan import (
    LEDGER_TABLE,
    digest_plan,
    make_plan,
    subjects_of_table,
    summarise_plan,
    touched_dates,
)
from pipelines.deletion.request import Subject, new_request, seal_subject, unseal_subject
from pipelines.errors import ConfigurationError, PlanChangedError
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files, ingest
from pipelines.lake.layout import read_columns
from pipelines.lake.purge import purge_table
from pipelines.lake.rewrite import remove_subjects
from pipelines.telemetry import record_step

LINK_COLUMNS = ("purpose", "user_pseudonym", "device_pseudonym")
PIPELINE = "pipeline"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that waits for approval: its digest, the requests it covers, and what it does to each dataset."""

    digest: str
    request_ids: tuple[str, ...]
    datasets: tuple[Mapping[str, Any], ...]


def accept_landed(house: House) -> tuple[Delivery, ...]:
    """File every request that waits in landing/requests; the files are then gone."""
    return ingest(house, find_files(house, ("requests",)))


def request_deletion(house: House, user_id: str, *, request_key: str, facts: AccountFacts | None) -> str:
    """File one request by hand and return its id; the user id is not kept."""
    request = new_request(
        house.keyring, user_id, request_key=request_key, channel="cli", requested_at=house.now(), facts=facts
    )
    enter_request(house.ledger, request)
    return request.request_id


def decide_requests(house: House) -> tuple[DeletionRequest, ...]:
    """Look at every open request again: the eligible become ready, behind a tombstone; the others wait with a reason."""
    for request in list_requests(house.ledger, ("received", "waiting")):
        subject = unseal_subject(request, house.keyring)
        facts = subject.facts or find_account_facts(house.ledger, subject.users["membership"])
        decided = decide_eligibility(facts, house.now().date())
        if decided.is_eligible:
            raise_tombstones(house.ledger, _tombstones(request, subject, house.now()))
        move_request(
            house.ledger,
            request,
            "ready" if decided.is_eligible else "waiting",
            at=house.now(),
            actor=PIPELINE,
            reason=decided.reason,
            eligible_on=decided.eligible_on,
        )
    return list_requests(house.ledger, ("ready",))


def plan_deletions(house: House) -> Planned | None:
    """Plan every ready request, together with those whose plan was not approved yet; None when there is none."""
    requests = list_requests(house.ledger, ("ready", "planned"))
    if not requests:
        return None
    closures = {request.request_id: _close(house, request) for request in requests}
    document = make_plan(house.lake, house.catalogue, closures)
    digest = digest_plan(document)
    store_plan(house.ledger, StoredPlan(digest, house.now(), document, {}, None, None))
    for request in requests:
        closed = closures[request.request_id].subject
        raise_tombstones(house.ledger, _tombstones(request, closed, house.now()))
        sealed = seal_subject(closed, house.keyring)
        _move(house, request, "planned", plan_digest=digest, sealed_subject=sealed)
    return Planned(digest, tuple(sorted(closures)), tuple(summarise_plan(document)))


def approve_plan(house: House, digest: str, *, approved_by: str) -> None:
    """Note that a named person approves exactly this plan."""
    get_plan(house.ledger, digest)
    record_approval(house.ledger, digest, approved_by=approved_by, approved_at=house.now())
    for request in _requests_of(house, digest, ("planned",)):
        move_request(house.ledger, request, "approved", at=house.now(), actor=approved_by)


def run_plan(house: House, digest: str) -> Mapping[str, Any]:
    """Carry out an approved plan: rewrite, rebuild marts, forget, purge. May be repeated after a crash at any point."""
    plan = get_plan(house.ledger, digest)
    if plan.approved_by is None:
        raise ConfigurationError("this plan is not approved", hint="approve it with `tokumei delete approve DIGEST`")
    approved = _requests_of(house, digest, ("approved",))
    if approved:
        _require_unchanged(house, digest, approved)
    for request in _requests_of(house, digest, ("approved", "verifying")):
        _move(house, request, "running")
    running = _requests_of(house, digest, ("running",))
    with record_step("run_plan", "lake") as step:
        _rewrite_tables(house, plan, running)
        build_marts(house, also=touched_dates(plan.document))
        _forget_facts(house, digest, running)
        _purge_tables(house, plan)
        step.count(requests=len(running), datasets=len(plan.document["datasets"]))
    for request in running:
        _move(house, request, "verifying")
    return get_plan(house.ledger, digest).outcome


def find_open_plans(house: House) -> tuple[str, ...]:
    """Digests of the plans that were approved and are not finished."""
    open_requests = list_requests(house.ledger, ("approved", "running", "verifying"))
    return tuple(sorted({request.plan_digest for request in open_requests if request.plan_digest}))


def _require_unchanged(house: House, digest: str, approved: Sequence[DeletionRequest]) -> None:
    """What was approved must be what would be planned now; otherwise everyone goes back to be planned again."""
    closures = {request.request_id: _close(house, request) for request in approved}
    if digest_plan(make_plan(house.lake, house.catalogue, closures)) == digest:
        return
    for request in approved:
        _move(house, request, "ready", reason="the plan's inputs changed after approval", plan_digest=None)
    raise PlanChangedError(
        f"plan {digest[:12]} no longer describes what is stored",
        hint="nothing was deleted; make a new plan with `tokumei delete plan` and have it approved",
    )


def _rewrite_tables(house: House, plan: StoredPlan, requests: Sequence[DeletionRequest]) -> None:
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in requests}
    for table in _deleted_tables(plan):
        contract = house.catalogue.get("lake", table)
        outcome = remove_subjects(house.lake, contract, subjects_of_table(house.catalogue, table, subjects))
        figures = {"rows": outcome.row_count, "files": outcome.file_count, "survivors": outcome.survivor_hash}
        record_outcome(house.ledger, plan.digest, table, figures)


def _forget_facts(house: House, digest: str, requests: Sequence[DeletionRequest]) -> None:
    forgotten = sum(
        forget_account_facts(house.ledger, unseal_subject(request, house.keyring).users["membership"])
        for request in requests
    )
    record_outcome(house.ledger, digest, LEDGER_TABLE, {"rows": forgotten, "files": 0})


def _purge_tables(house: House, plan: StoredPlan) -> None:
    for table in _deleted_tables(plan):
        purge_table(house.lake, house.catalogue.get("lake", table))


def _deleted_tables(plan: StoredPlan) -> Iterable[str]:
    return (
        dataset["table"]
        for dataset in plan.document["datasets"]
        if dataset["layer"] == "lake" and dataset["strategy"] == "delete"
    )


def _close(house: House, request: DeletionRequest) -> Closure:
    links = read_columns(house.lake, house.catalogue.get("lake", "identity_links"), LINK_COLUMNS)
    subject = unseal_subject(request, house.keyring)
    return close_identity(replace(subject, devices={}), links)


def _tombstones(request: DeletionRequest, subject: Subject, now: datetime) -> list[Tombstone]:
    kinds = (("user", subject.users), ("device", subject.devices))
    return [
        Tombstone(kind, pseudonym, "membership", request.request_id, now)
        for kind, by_purpose in kinds
        for pseudonym in by_purpose.get("membership", ())
    ]


def _requests_of(house: House, digest: str, states: Sequence[str]) -> tuple[DeletionRequest, ...]:
    return tuple(request for request in list_requests(house.ledger, states) if request.plan_digest == digest)


def _move(house: House, request: DeletionRequest, state: str, *, reason: str | None = None, **changes: object) -> None:
    move_request(house.ledger, request, state, at=house.now(), actor=PIPELINE, reason=reason, **changes)
