"""The end of every right but deletion: look at what is stored with code that did not change it, and certify."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

from pipelines.contracts.derive import deletion_targets
from pipelines.contracts.model import Contract
from pipelines.control.moves import Move
from pipelines.control.requests import get_plan
from pipelines.control.rights import ACCESS, RightsRequest, move_rights
from pipelines.deletion.plan import subjects_of_table
from pipelines.deletion.request import SUBJECT_PURPOSES, Subject
from pipelines.errors import ConfigurationError, ProofFailedError
from pipelines.journeys.certify import POLICY_VERSION, read_signing_key
from pipelines.journeys.house import House
from pipelines.lake.rewrite import count_rows as sum_rows
from pipelines.lake.rewrite import locate_subjects
from pipelines.proof.certificate import KEY_SET, Certificate, DatasetOutcome, Kind, issue, verify
from pipelines.proof.report import summarise_scan, write_report
from pipelines.proof.rows import Wanted, count_rows
from pipelines.proof.scan import ScanReport, scan

PIPELINE = "pipeline"


def certify_right(  # noqa: PLR0913 - a certificate states these facts
    house: House,
    request: RightsRequest,
    datasets: Sequence[DatasetOutcome],
    report: ScanReport,
    *,
    export_digest: str | None = None,
    expires_on: date | None = None,
) -> Path:
    """Issue the certificate unless that was done before a crash, then close the request; returns where it is.

    The subject is forgotten, but for that of an export, which a deletion must find for as long as it is kept.
    """
    directory = house.settings.certificates
    path = directory / f"{request.request_id}.jws"
    if not path.exists():
        write_report(report, directory)
        certificate = _describe(house, request, datasets, report, export_digest)
        issue(certificate, read_signing_key(house.settings), directory)
    issued = verify([path], directory / KEY_SET)[0].certificate
    closed = replace(
        request,
        sealed_subject=request.sealed_subject if request.kind == ACCESS else None,
        sealed_detail=None,
        completed_at=issued.completed_at,
        expires_on=expires_on,
    )
    move_rights(house.ledger, [closed], Move("completed", house.now(), PIPELINE, "certified"))
    return path


def count_located(house: House, contract: Contract, subject: Subject) -> int:
    """How many rows of a lake table are a subject's, as those find them who will change them."""
    requests = subjects_of_table(house.catalogue, contract.name, {"": subject})
    return sum_rows(locate_subjects(house.lake, contract, requests)).get("", 0)


def count_stored(house: House, contract: Contract, subject: Subject) -> int:
    """The same, counted by code that shares nothing with theirs."""
    return count_rows(find_table(house, contract.name), list_wanted(house, contract.name, subject))


def list_wanted(house: House, table: str, subject: Subject) -> Wanted:
    """Which pseudonyms of a subject stand in which column of a lake table."""
    return subjects_of_table(house.catalogue, table, {"": subject})[""]


def find_table(house: House, table: str) -> Path:
    """The directory of a lake table; ConfigurationError for a lake that the proof cannot read."""
    if house.lake.directory is None:
        raise ConfigurationError(
            "the lake lies in an object store, which the independent proof cannot read",
            hint="mount it, and point TOKUMEI_LAKE_URI at the mounted directory",
        )
    return house.lake.directory / table


def describe_marts(house: House) -> list[DatasetOutcome]:
    """Every mart, built anew under who is restricted and what is stored now."""
    marts = [target.table for target in deletion_targets(house.catalogue) if target.strategy == "recompute"]
    return [DatasetOutcome(f"marts.{name}", "recomputed", reason="rebuilt for the dates it concerns") for name in marts]


def prove_absence(places: Sequence[Path], subject: Subject) -> ScanReport:
    """The report of a scan that finds none of a subject's pseudonyms in some directories; ProofFailedError otherwise.

    Where there is no place to look, the report says that nothing was read.
    """
    pseudonyms = [value for purpose in SUBJECT_PURPOSES for value in subject.pseudonyms(purpose)]
    if not places:
        return ScanReport(len(set(pseudonyms)), 0, 0, 0, (), (), 0)
    report = scan(places, pseudonyms)
    if not report.clean:
        found = sorted({finding.place for finding in report.findings}) or list(report.unreachable)
        raise ProofFailedError(
            f"the independent scan found {report.finding_count} occurrences and could not read "
            f"{len(report.unreachable)} files; first {found[0]}",
            hint="run this again; if this stays, a copy exists that no contract names",
        )
    return report


def _describe(
    house: House,
    request: RightsRequest,
    datasets: Sequence[DatasetOutcome],
    report: ScanReport,
    export_digest: str | None,
) -> Certificate:
    plan, now = get_plan(house.ledger, str(request.plan_digest)), house.now()
    return Certificate(
        request_id=request.request_id,
        policy_version=POLICY_VERSION,
        contract_digest=hashlib.sha256(json.dumps(plan.document["contracts"], sort_keys=True).encode()).hexdigest(),
        requested_at=request.requested_at,
        completed_at=now,
        plan_digest=plan.digest,
        approved_by=str(plan.approved_by),
        approved_at=plan.approved_at or now,
        datasets=tuple(datasets),
        scan=summarise_scan(report),
        kind=cast("Kind", request.kind),
        export_digest=export_digest,
    )
