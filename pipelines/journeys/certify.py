"""The end of a deletion: scan everything with code that deleted nothing, and certify what was found to be gone."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.control.moves import Move
from pipelines.control.requests import DeletionRequest, StoredPlan, get_plan, list_planned, move_requests
from pipelines.control.restrictions import lift_restrictions
from pipelines.deletion.request import Subject, unseal_subject
from pipelines.errors import ConfigurationError, DeletionIncompleteError, MissingKeyError
from pipelines.ingestion.landing import is_still_written
from pipelines.ingestion.sources import SourceFile
from pipelines.journeys.decide import PIPELINE
from pipelines.journeys.held_rows import find_held_rows, find_outcome, group_by_datasets, hold_requests
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files
from pipelines.journeys.landed_lines import find_lines, seek_subjects
from pipelines.journeys.notify import find_recipient_outcomes, tell_recipients
from pipelines.journeys.outcomes import Scanned, describe_outcomes, describe_scanned
from pipelines.journeys.scope import find_buckets
from pipelines.notices.sender import Sender
from pipelines.proof.certificate import (
    KEY_SET,
    Certificate,
    ScanSummary,
    Verified,
    issue,
    verify,
)
from pipelines.proof.partitions import Buckets
from pipelines.proof.report import summarise_scan, write_report
from pipelines.proof.scan import NO_BUCKETS, ScanReport, scan
from pipelines.settings import SOURCES, Settings
from pipelines.telemetry import record_step

POLICY_VERSION = "privacy-policy-1"
EVENT_PURPOSES = ("usage", "satisfaction", "security")
# A file that is just being written cannot be read; moments later it can.
SCAN_ATTEMPTS = 3
RESCAN_SECONDS = 5.0


def certify_deletions(house: House, digest: str, senders: Mapping[str, Sender] | None = None) -> tuple[Verified, ...]:
    """Prove that nobody of a carried-out plan is left anywhere, certify each request, and return all its certificates.

    A request of which a hold keeps rows is not certified but held, once it is proved that nothing is left elsewhere.
    senders: what recipients of touched exports are told by, once and before; those of the installation when not given.
    DeletionIncompleteError when a subject is still found or anything could not be read; nobody is then certified.
    """
    plan = get_plan(house.ledger, digest)
    signing_key = read_signing_key(house.settings)
    tell_recipients(house, digest, senders)
    requests = list_planned(house.ledger, digest, "verifying")
    kept = find_held_rows(house, plan.document, requests)
    if done := [request for request in requests if request.request_id not in kept]:
        report, waiting_files = _prove_absence(house, done)
        write_report(report, house.settings.certificates)
        summary, scanned = summarise_scan(report), describe_scanned(house, plan, waiting_files)
        for request in done:
            _complete(house, request, _describe(house, plan, request, summary, scanned), signing_key)
    for datasets, held in group_by_datasets(requests, kept):
        report, _ = _prove_absence(house, held, left_out=datasets)
        hold_requests(house, held, datasets, report.file_count)
    return _verify(house, list_planned(house.ledger, digest, "completed"))


def _prove_absence(
    house: House, requests: Sequence[DeletionRequest], *, left_out: Sequence[str] = ()
) -> tuple[ScanReport, int]:
    """The report of a clean scan, and how many files wait in landing without the subjects.

    left_out: the lake tables that are not looked into.
    """
    subjects = [unseal_subject(request, house.keyring) for request in requests]
    with record_step("certify_deletions", "home") as step:
        waiting_files = _require_absent_from_landing(house, subjects)
        report = scan_for_subjects(house, subjects, left_out=left_out)
        require_clean(report)
        step.count(requests=len(requests), files=report.file_count, bytes=report.byte_count)
        step.count(left_out=",".join(left_out))
    return report, waiting_files


def scan_for_subjects(
    house: House, subjects: Sequence[Subject], *, left_out: Sequence[str] = (), trusts_buckets: bool = True
) -> ScanReport:
    """Look for every pseudonym in every stored byte; only the ledger may hold membership pseudonyms, as tombstones.

    left_out: lake tables whose directories are not looked into, and no others. trusts_buckets: False to search also
    the partitions of others whole.
    """
    events = [value for subject in subjects for purpose in EVENT_PURPOSES for value in subject.pseudonyms(purpose)]
    memberships = [value for subject in subjects for value in subject.pseudonyms("membership")]
    ledger = find_ledger(house)
    held = [_lake_directory(house) / table for table in left_out]
    buckets = find_buckets(house, _lake_directory(house), subjects) if trusts_buckets else NO_BUCKETS
    report = scan_stored(house, [*events, *memberships], excluded=[*ledger, *held], buckets=buckets)
    return join_reports(report, scan(ledger[:1], events)) if ledger and events else report


def scan_stored(
    house: House,
    identifiers: Sequence[str | bytes],
    *,
    excluded: Collection[Path] = (),
    buckets: Buckets = NO_BUCKETS,
) -> ScanReport:
    """Scan the home, and the lake where it lies elsewhere, but not the keys; once more while something is unreadable.

    A damaged file of the lake counts as unreachable: its pages are compressed, so its bytes alone prove nothing.
    """
    lake = _lake_directory(house)
    directories = [house.settings.home] if lake.is_relative_to(house.settings.home) else [house.settings.home, lake]
    for attempt in range(SCAN_ATTEMPTS):
        time.sleep(RESCAN_SECONDS if attempt else 0)
        report = scan(
            directories,
            identifiers,
            excluded=[*excluded, house.settings.keyring_file.parent],
            buckets=buckets,
            threads=house.settings.processes,
        )
        damaged = [f"{path}: damaged" for path in report.damaged if Path(path).is_relative_to(lake)]
        report = replace(report, unreachable=(*report.unreachable, *damaged))
        if report.findings or not report.unreachable:
            break
    return report


def find_ledger(house: House) -> tuple[Path, ...]:
    """The ledger's file and its journal, when it lies in a file of its own rather than on a database server."""
    url = house.ledger.url
    if url.get_backend_name() != "sqlite" or not url.database:
        return ()
    return Path(url.database), Path(f"{url.database}-journal")


def require_clean(report: ScanReport) -> None:
    """Raise unless nothing was found and everything could be read; places are named, identifiers never."""
    if report.clean:
        return
    found = sorted({f"{finding.path} ({finding.place})" for finding in report.findings})
    places = ", ".join([*found, *report.unreachable][:3])
    raise DeletionIncompleteError(
        f"the independent scan found {report.finding_count} occurrences and could not read "
        f"{len(report.unreachable)} files; first {places}",
        hint="run the deletion again; if this stays, a copy exists that no contract names",
    )


def _lake_directory(house: House) -> Path:
    if house.lake.directory is None:
        raise ConfigurationError(
            "the lake lies in an object store, which the independent scan cannot read",
            hint="mount it, and point TOKUMEI_LAKE_URI at the mounted directory",
        )
    return house.lake.directory


def join_reports(first: ScanReport, second: ScanReport) -> ScanReport:
    """One report of two scans in different places, the second for some of the first one's identifiers."""
    return ScanReport(
        identifier_count=first.identifier_count,
        file_count=first.file_count + second.file_count,
        byte_count=first.byte_count + second.byte_count,
        finding_count=first.finding_count + second.finding_count,
        findings=(*first.findings, *second.findings),
        unreachable=(*first.unreachable, *second.unreachable),
        undecodable=first.undecodable + second.undecodable,
        damaged=(*first.damaged, *second.damaged),
        outlying_count=first.outlying_count + second.outlying_count,
        listing_digest=hashlib.sha256(f"{first.listing_digest}{second.listing_digest}".encode()).hexdigest(),
    )


def _require_absent_from_landing(house: House, subjects: Sequence[Subject]) -> int:
    """Files in landing still hold raw lines, so the subjects are looked for as ingestion does, to leave them out."""
    sought, files = seek_subjects(house, subjects), find_files(house, SOURCES)
    _require_readable(files)
    for file in files:
        if next(find_lines(house, file, sought), None):
            raise _describe_landed(house, file)
    return len(files)


def _describe_landed(house: House, file: SourceFile) -> DeletionIncompleteError:
    if is_still_written(file.path, house.settings.quiet_seconds):
        return DeletionIncompleteError(
            f"a file of {file.source} in landing holds lines of a deleted member and is still being written",
            hint="once it is whole, run `tokumei ingest` and then the deletion again; until then nobody is certified",
        )
    return DeletionIncompleteError(
        f"a file of {file.source} that waits in landing holds lines of a deleted member",
        hint="`tokumei ingest`, or for requests `tokumei delete plan`, leaves them out; then run again",
    )


def _require_readable(files: Sequence[SourceFile]) -> None:
    unreadable = [file.source for file in files if file.format is None]
    if unreadable:
        raise DeletionIncompleteError(
            f"{len(unreadable)} files wait in landing that no declared format reads, one of {unreadable[0]}",
            hint="nobody can tell who is in them: declare their format, or take them out; then run again",
        )


def read_signing_key(settings: Settings) -> bytes:
    """The key that signs certificates, as PEM; MissingKeyError when there is none."""
    try:
        return settings.signing_key_file.read_bytes()
    except FileNotFoundError:
        raise MissingKeyError(
            f"there is no certificate signing key at {settings.signing_key_file}",
            hint="restore it, or make a new one with `tokumei keys init`",
        ) from None


def _complete(house: House, request: DeletionRequest, certificate: Certificate, signing_key: bytes) -> None:
    """Issue the certificate unless that was done before a crash, then close the request and forget its subject.

    A restriction is forgotten here and no sooner: rows that a hold keeps must stay out of the marts.
    """
    directory = house.settings.certificates
    path = directory / f"{request.request_id}.jws"
    if not path.exists():
        issue(certificate, signing_key, directory)
    issued = verify([path], directory / KEY_SET)[0].certificate
    lift_restrictions(house.ledger, unseal_subject(request, house.keyring).users.get("membership", ()))
    reason = "certified" if issued.final else "certified, some copies expire later"
    closed = replace(request, sealed_subject=None, completed_at=issued.completed_at)
    move_requests(house.ledger, [closed], Move("completed", house.now(), PIPELINE, reason))


def _verify(house: House, requests: Sequence[DeletionRequest]) -> tuple[Verified, ...]:
    directory = house.settings.certificates
    paths = [directory / f"{request.request_id}.jws" for request in requests]
    return verify(paths, directory / KEY_SET) if paths else ()


def _describe(
    house: House, plan: StoredPlan, request: DeletionRequest, summary: ScanSummary, scanned: Scanned
) -> Certificate:
    now = house.now()
    plan = replace(plan, outcome=find_outcome(house, plan, request))
    return Certificate(
        request_id=request.request_id,
        policy_version=POLICY_VERSION,
        contract_digest=hashlib.sha256(json.dumps(plan.document["contracts"], sort_keys=True).encode()).hexdigest(),
        requested_at=request.requested_at,
        completed_at=now,
        plan_digest=plan.digest,
        approved_by=str(plan.approved_by),
        approved_at=plan.approved_at or now,
        datasets=describe_outcomes(plan, request.request_id, scanned),
        scan=summary,
        recipients=find_recipient_outcomes(house, request),
    )
