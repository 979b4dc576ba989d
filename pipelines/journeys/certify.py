"""The end of a deletion: scan everything with code that deleted nothing, and certify what was found to be gone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from anonymization.operators import pseudonymise
from pipelines.control.requests import DeletionRequest, StoredPlan, get_plan, list_requests, move_request
from pipelines.deletion.request import Subject, unseal_subject
from pipelines.errors import DeletionIncompleteError
from pipelines.ingestion.parse import parse_file
from pipelines.ingestion.sources import UNKNOWN_FORMAT
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files
from pipelines.proof.certificate import (
    KEY_SET,
    Certificate,
    DatasetOutcome,
    Outcome,
    ScanSummary,
    Verified,
    issue,
    verify,
)
from pipelines.proof.scan import ScanReport, scan
from pipelines.settings import SOURCES
from pipelines.telemetry import record_step

POLICY_VERSION = "privacy-policy-1"
LANDING = "landing"
EVENT_PURPOSES = ("usage", "satisfaction", "security")


def certify_deletions(house: House, digest: str) -> tuple[Verified, ...]:
    """Scan for every subject of a carried-out plan and certify each request; DeletionIncompleteError when one remains."""
    plan = get_plan(house.ledger, digest)
    requests = tuple(item for item in list_requests(house.ledger, ("verifying",)) if item.plan_digest == digest)
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in requests}
    with record_step("certify_deletions", "home") as step:
        waiting_files = _require_absent_from_landing(house, subjects)
        report = scan_for_subjects(house, tuple(subjects.values()))
        require_clean(report)
        step.count(requests=len(requests), files=report.file_count, bytes=report.byte_count)
    return tuple(_complete(house, plan, request, report, waiting_files) for request in requests)


def scan_for_subjects(house: House, subjects: Sequence[Subject]) -> ScanReport:
    """Look for every pseudonym in every byte below the home. Only the ledger may hold membership pseudonyms: tombstones."""
    settings = house.settings
    keys = settings.keyring_file.parent
    events = [value for subject in subjects for purpose in EVENT_PURPOSES for value in subject.pseudonyms(purpose)]
    memberships = [value for subject in subjects for value in subject.pseudonyms("membership")]
    ledger = settings.home / "control.db"
    found = scan([settings.home], events, excluded=[keys])
    also = scan([settings.home], memberships, excluded=[keys, ledger])
    return ScanReport(
        identifier_count=found.identifier_count + also.identifier_count,
        file_count=found.file_count,
        byte_count=found.byte_count,
        finding_count=found.finding_count + also.finding_count,
        findings=(*found.findings, *also.findings),
        unreachable=tuple(sorted({*found.unreachable, *also.unreachable})),
        undecodable=found.undecodable,
    )


def require_clean(report: ScanReport) -> None:
    """Raise unless nothing was found and everything could be read; places are named, identifiers never."""
    if report.clean:
        return
    places = sorted({f"{finding.path} ({finding.place})" for finding in report.findings})[:3]
    raise DeletionIncompleteError(
        f"the independent scan found {report.finding_count} occurrences in {', '.join(places) or 'no file'} "
        f"and could not read {len(report.unreachable)} files",
        hint="run the deletion again; if this stays, a copy exists that no contract names",
    )


def _require_absent_from_landing(house: House, subjects: Mapping[str, Subject]) -> int:
    """Files in landing still hold raw lines, so the subjects are looked for by making their pseudonyms again."""
    key = house.keyring.current("membership")
    wanted = pl.Series([value for subject in subjects.values() for value in subject.users["membership"]], dtype=pl.Binary)
    files = find_files(house, SOURCES)
    for file in files:
        if file.format == UNKNOWN_FORMAT:
            continue
        contract = house.catalogue.get("sources", file.source)
        for parsed in parse_file(file, contract, house.settings.timezone):
            members = parsed.rows.select(pseudonymise(pl.col("user_id"), "user", key).alias("member"))["member"]
            if members.is_in(wanted.implode()).any():
                raise DeletionIncompleteError(
                    f"a file of {file.source} that waits in landing holds lines of a deleted member",
                    hint="run `tokumei ingest`, which leaves them out, then the deletion again",
                )
    return len(files)


def _complete(
    house: House, plan: StoredPlan, request: DeletionRequest, report: ScanReport, waiting_files: int
) -> Verified:
    """Certify one request unless that was done before a crash, then close it: the sealed subject is gone with it."""
    directory = house.settings.certificates
    path = directory / f"{request.request_id}.jws"
    if not path.exists():
        certificate = _describe(house, plan, request, report, waiting_files)
        path = issue(certificate, house.settings.signing_key_file.read_bytes(), directory)
    verified = verify([path], directory / KEY_SET)[0]
    move_request(
        house.ledger,
        request,
        "completed",
        at=house.now(),
        actor="pipeline",
        reason="certified" if verified.certificate.final else "certified, some copies expire later",
        sealed_subject=None,
        completed_at=verified.certificate.completed_at,
    )
    return verified


def _describe(
    house: House, plan: StoredPlan, request: DeletionRequest, report: ScanReport, waiting_files: int
) -> Certificate:
    now = house.now()
    return Certificate(
        request_id=request.request_id,
        policy_version=POLICY_VERSION,
        contract_digest=hashlib.sha256(json.dumps(plan.document["contracts"], sort_keys=True).encode()).hexdigest(),
        requested_at=request.requested_at,
        completed_at=now,
        plan_digest=plan.digest,
        approved_by=str(plan.approved_by),
        approved_at=plan.approved_at or now,
        datasets=(*_outcomes(plan, request.request_id), _landing_outcome(waiting_files)),
        scan=ScanSummary(report.identifier_count, report.file_count, report.byte_count, report.finding_count),
    )


def _outcomes(plan: StoredPlan, request_id: str) -> tuple[DatasetOutcome, ...]:
    return tuple(_outcome(dataset, plan.outcome, request_id) for dataset in plan.document["datasets"])


def _outcome(dataset: Mapping[str, Any], done: Mapping[str, Any], request_id: str) -> DatasetOutcome:
    name, strategy = f"{dataset['layer']}.{dataset['table']}", dataset["strategy"]
    if strategy == "exempt":
        return DatasetOutcome(name, "exempt", reason=dataset["reason"])
    if strategy == "recompute":
        return DatasetOutcome(name, "recomputed", reason="rebuilt for the touched dates from what remains")
    figures = done[dataset["table"]]
    if dataset["layer"] == "control":
        return DatasetOutcome(name, "erased" if figures["rows"] else "absent", row_count=figures["rows"])
    row_count = int(dataset["rows"].get(request_id, 0))
    file_count = sum(request_id in file["rows"] for file in dataset["files"])
    outcome: Outcome = "erased" if row_count else "absent"
    survivors = figures["survivors"] if row_count else None
    return DatasetOutcome(
        name, outcome, row_count, file_count, survivors_hash_before=survivors, survivors_hash_after=survivors
    )


def _landing_outcome(waiting_files: int) -> DatasetOutcome:
    if not waiting_files:
        return DatasetOutcome(LANDING, "absent")
    reason = f"{waiting_files} files wait for ingestion; no line of the member is in any that can be read"
    return DatasetOutcome(LANDING, "exempt", reason=reason)
