"""Access and correction carried out, and proved: the export against what is stored, the correction against what was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from pipelines.control.maintenance import hold_maintenance
from pipelines.control.requests import get_plan, note_outcome
from pipelines.control.rights import ACCESS, CORRECT, RightsRequest, get_right, list_rights_of_plan
from pipelines.deletion.request import Subject
from pipelines.deletion.rights import unseal_detail, unseal_right
from pipelines.errors import ProofFailedError, RightsError
from pipelines.journeys.access import close_subject, export_subject
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.correct import CORRECTED, correct_subject, read_correction
from pipelines.journeys.house import House
from pipelines.journeys.rights_proof import (
    certify_right,
    count_stored,
    describe_marts,
    find_table,
    list_wanted,
    prove_absence,
)
from pipelines.journeys.watch import recognise_subject
from pipelines.proof.certificate import KEY_SET, DatasetOutcome, Verified, verify
from pipelines.proof.rows import OthersRows, count_values, hash_others
from pipelines.telemetry import record_step

BEFORE, AFTER = "before", "after"
EXPORTS = 3  # ingestion may add rows between an export and its proof
Noted = Mapping[str, Any]


def run_requests(house: House, digest: str, requests: Sequence[RightsRequest]) -> dict[str, dict[str, int]]:
    """Export or correct, noting what was done for whom; returns rows by right and request."""
    for request in requests:
        (_export if request.kind == ACCESS else _correct)(house, digest, request)
    if any(request.kind == CORRECT for request in requests):
        build_marts(house)
    outcome = get_plan(house.ledger, digest).outcome
    return {kind: _sum_rows(steps) for kind, steps in outcome.items() if kind in (ACCESS, CORRECT)}


def certify_rights(house: House, digest: str) -> tuple[Verified, ...]:
    """Prove and certify each request of a plan that was carried out; returns all certificates of the plan.

    ProofFailedError when what is stored is not what was exported, or what was to be corrected; RightsError for a plan
    that was not carried out. Who was proved before keeps their certificate.
    """
    with record_step("certify_rights", "home") as step:
        requests = list_rights_of_plan(house.ledger, digest, "running")
        for request in requests:
            (_certify_access if request.kind == ACCESS else _certify_correction)(house, digest, request)
        step.count(requests=len(requests))
    directory = house.settings.certificates
    completed = list_rights_of_plan(house.ledger, digest, "completed")
    paths = [directory / f"{request.request_id}.jws" for request in completed]
    return verify(paths, directory / KEY_SET) if paths else ()


def _sum_rows(steps: Mapping[str, Noted]) -> dict[str, int]:
    return {name: count for step in steps.values() for name, count in step["rows"].items()}


def _export(house: House, digest: str, request: RightsRequest) -> None:
    """Under the lock that deletions hold, so that no export is written of who is deleted meanwhile."""
    with hold_maintenance(house.ledger):
        name = request.request_id
        if get_right(house.ledger, name).state != "running":
            return
        facts = export_subject(house, name, unseal_right(request, house.keyring))
        tables = dict(facts.row_counts)
        figures = {"json_digest": facts.json_digest, "html_digest": facts.html_digest, "tables": tables}
        note_outcome(house.ledger, digest, ACCESS, name, {"rows": {name: sum(tables.values())}, **figures})


def _correct(house: House, digest: str, request: RightsRequest) -> None:
    """Everybody else's rows are looked at before the first change, and once more after it."""
    name, steps = request.request_id, get_plan(house.ledger, digest).outcome.get(CORRECT, {})
    if name in steps:
        return
    subject, before = recognise_subject(house, unseal_right(request, house.keyring)), f"{name} {BEFORE}"
    if before not in steps:
        note_outcome(house.ledger, digest, CORRECT, before, {"rows": {}, **_look_at_others(house, subject)})
    facts = correct_subject(house, name, subject, unseal_detail(request, house.keyring))
    figures = {"hash_before": facts.hash_before, "hash_after": facts.hash_after}
    after = {AFTER: _look_at_others(house, subject)}
    note_outcome(house.ledger, digest, CORRECT, name, {"rows": {name: facts.row_count}, **figures, **after})


def _look_at_others(house: House, subject: Subject) -> dict[str, Any]:
    return asdict(hash_others(find_table(house, CORRECTED), list_wanted(house, CORRECTED, subject)))


def _find_noted(house: House, digest: str, request: RightsRequest) -> Noted:
    noted: Noted | None = get_plan(house.ledger, digest).outcome.get(request.kind, {}).get(request.request_id)
    if noted is None:
        raise RightsError(
            f"request {request.request_id} was not carried out yet", hint="run its plan with `tokumei rights run`"
        )
    return noted


def _certify_access(house: House, digest: str, request: RightsRequest) -> None:
    """No table but those that the export names holds anything of the subject, and of those it shows every row."""
    noted, counts = _export_until_whole(house, digest, request)
    directory = house.settings.access_exports
    written = directory / f"{request.request_id}.json"
    if hashlib.sha256(written.read_bytes()).hexdigest() != noted["json_digest"]:
        raise ProofFailedError(
            f"the export of request {request.request_id} is not what was written", hint="run its plan again"
        )
    unnamed = [table.name for table in house.catalogue.layer("lake") if table.name not in noted["tables"]]
    places = [find_table(house, name) for name in unnamed]
    report = prove_absence([place for place in places if place.exists()], _close(house, request))
    beside = {f"control.{name}": count for name, count in noted["tables"].items() if name not in counts}
    shown = {f"lake.{name}": count for name, count in counts.items()} | beside
    parts = [
        *(DatasetOutcome(name, "exported" if count else "absent", count) for name, count in shown.items()),
        *(DatasetOutcome(f"lake.{name}", "absent") for name in unnamed),
    ]
    expires_on = house.now().date() + timedelta(days=house.settings.access_export_days)
    certify_right(house, request, parts, report, export_digest=noted["json_digest"], expires_on=expires_on)


def _export_until_whole(house: House, digest: str, request: RightsRequest) -> tuple[Noted, dict[str, int]]:
    """The noted export, made anew while rows came since, and an independent count of the lake's tables in it."""
    tables = {table.name: table for table in house.catalogue.layer("lake")}
    noted = _find_noted(house, digest, request)
    for _ in range(EXPORTS):
        subject, named = _close(house, request), [name for name in noted["tables"] if name in tables]
        counts = {name: count_stored(house, tables[name], subject) for name in named}
        if all(counts[name] == noted["tables"][name] for name in named):
            return noted, counts
        _export(house, digest, request)
        noted = _find_noted(house, digest, request)
    differing = sorted(name for name in counts if counts[name] != noted["tables"][name])
    raise ProofFailedError(
        f"the export of request {request.request_id} shows another number of rows of {', '.join(differing)} than an "
        "independent count finds",
        hint="run its plan again once ingestion rests; if this stays, the export leaves rows out",
    )


def _close(house: House, request: RightsRequest) -> Subject:
    """The subject with the devices that are theirs now."""
    return close_subject(house, unseal_right(request, house.keyring))


def _certify_correction(house: House, digest: str, request: RightsRequest) -> None:
    """The subject's rows show the new value, and everybody else's are what they were."""
    noted = _find_noted(house, digest, request)
    subject = recognise_subject(house, unseal_right(request, house.keyring))
    row_count = noted["rows"][request.request_id]
    _require_others_unchanged(house, digest, request, noted)
    wanted = list_wanted(house, CORRECTED, subject)
    correction = read_correction(house, request.request_id, unseal_detail(request, house.keyring))
    day = correction.event_date.isoformat() if correction.event_date else None
    table = find_table(house, CORRECTED)
    if count_values(table, wanted, correction.attribute, str(correction.value), day) < row_count:
        raise ProofFailedError(
            f"fewer rows of {CORRECTED} show what request {request.request_id} asked for than were corrected",
            hint="see whether something else rewrote the table, and restore it from its backup",
        )
    report = prove_absence([house.settings.warehouse_directory], subject)
    part = DatasetOutcome(f"lake.{CORRECTED}", "absent")
    if row_count:
        part = DatasetOutcome(
            f"lake.{CORRECTED}",
            "corrected",
            row_count,
            survivors_hash_before=noted["hash_before"],
            survivors_hash_after=noted["hash_after"],
        )
    certify_right(house, request, [part, *(describe_marts(house) if row_count else [])], report)


def _require_others_unchanged(house: House, digest: str, request: RightsRequest, noted: Noted) -> None:
    """By the writer's word, and by two looks of others at the whole table, unless rows came in between the two."""
    steps = get_plan(house.ledger, digest).outcome[CORRECT]
    names = ("row_count", "rows_hash")
    before, after = (
        OthersRows(**{name: step[name] for name in names})
        for step in (steps[f"{request.request_id} {BEFORE}"], noted[AFTER])
    )
    grew = after.row_count > before.row_count
    if noted["hash_before"] != noted["hash_after"] or (before != after and not grew):
        raise ProofFailedError(
            f"rows of others changed while request {request.request_id} was carried out",
            hint="restore the table from its backup, and tell the compliance officer",
        )
