"""What is promised, checked on what is on disk: certificates, undeclared tables, canaries, and members who left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.control.desk import AuditRow, record_audit
from pipelines.control.requests import list_requests
from pipelines.control.rights import list_rights
from pipelines.control.subjects import read_departed
from pipelines.deletion.inventory import find_undeclared
from pipelines.errors import CertificateInvalidError, TokumeiError, UndeclaredDataError
from pipelines.ingestion.file_names import read_file_names
from pipelines.journeys.canaries import check_canaries
from pipelines.journeys.certify import require_clean, scan_for_subjects, scan_stored
from pipelines.journeys.departed import list_departed
from pipelines.journeys.house import House
from pipelines.proof.certificate import Verified, verify_all
from pipelines.proof.scan import ScanReport, read_identifiers
from pipelines.telemetry import record_step

SHOWN_PLACES = 5
DIGITS = re.compile(r"[0-9A-Fa-f]{16,}")  # long enough for a pseudonym
NOTHING = ScanReport(0, 0, 0, 0, (), (), 0)


@dataclass(frozen=True, slots=True)
class Audit:
    """What one audit looked at and found in order; it raises instead of reporting what is not."""

    certificate_count: int
    canary_count: int
    departed_canary_count: int
    absent_canary_count: int
    tombstone_count: int
    file_count: int
    byte_count: int


def audit(house: House) -> Audit:
    """Verify the certificate chain, compare the lake with the contracts, and scan for canaries and for who left.

    Canaries are the identifiers of TOKUMEI_CANARIES, and the planted people whose deletion is completed. What it came
    to is kept in the ledger, whether everything was in order or not.
    """
    started_at = house.now()
    try:
        done = _audit(house)
    except TokumeiError as error:
        record_audit(house.ledger, AuditRow(started_at, house.now(), 0, 0, 0, 0, type(error).__name__))
        raise
    figures = (done.certificate_count, done.tombstone_count, done.file_count, done.byte_count)
    record_audit(house.ledger, AuditRow(started_at, house.now(), *figures, None))
    return done


def _audit(house: House) -> Audit:
    with record_step("audit", "home") as step:
        certificates = verify_certificates(house)
        require_declared(house)
        canaries = scan_for_canaries(house)
        require_clean(canaries)
        planted = check_canaries(house)
        if planted is not None:
            require_clean(planted.report)
        departed = read_departed(house.ledger)
        residue = scan_for_departed(house, departed)
        require_clean(residue)
        reports = [canaries, residue, *([planted.report] if planted else [])]
        files, bytes_read = max((report.file_count, report.byte_count) for report in reports)
        step.count(certificates=len(certificates), files=files, bytes=bytes_read)
    return Audit(
        certificate_count=len(certificates),
        canary_count=canaries.identifier_count,
        departed_canary_count=planted.expected_count if planted else 0,
        absent_canary_count=planted.absent_count if planted else 0,
        tombstone_count=len(departed),
        file_count=files,
        byte_count=bytes_read,
    )


def verify_certificates(house: House) -> tuple[Verified, ...]:
    """The whole chain, in which every completed request must stand: one cut off at its end verifies by itself."""
    directory = house.settings.certificates
    chain = verify_all(directory) if any(directory.glob("*.jws")) else ()
    certified = {verified.certificate.request_id for verified in chain}
    completed = [request.request_id for request in list_requests(house.ledger, ("completed",))]
    completed += [request.request_id for request in list_rights(house.ledger, ("completed",))]
    missing = [request_id for request_id in completed if request_id not in certified]
    if missing:
        raise CertificateInvalidError(
            f"{len(missing)} completed requests have no certificate, first {missing[0]}",
            hint="restore the certificates from a copy kept elsewhere and tell the compliance officer",
        )
    return chain


def require_declared(house: House) -> None:
    """UndeclaredDataError when anything lies in home or lake that no contract declares and the house never made.

    Places are named without the identifiers that may be in them.
    """
    undeclared = find_undeclared(house.settings, house.catalogue, house.lake)
    if not undeclared:
        return
    names = read_file_names(house.catalogue, house.keyring.current("membership"))
    shown = [f"{item.root}/{DIGITS.sub('<DIGITS>', names.show(item.place))}" for item in undeclared]
    further = f" and {len(shown) - SHOWN_PLACES} more" if len(shown) > SHOWN_PLACES else ""
    raise UndeclaredDataError(
        f"there is {', '.join(shown[:SHOWN_PLACES])}{further}, which no contract declares",
        hint="no deletion would reach it: declare it in data_contracts, or remove it",
    )


def scan_for_canaries(house: House) -> ScanReport:
    """Look for every identifier of TOKUMEI_CANARIES outside landing, keys and that file, where none may ever be."""
    listed = house.settings.canaries
    if not listed:
        return _scan_for(house, (), ())
    return _scan_for(house, read_identifiers(Path(listed)), (house.settings.landing, Path(listed)))


def scan_for_departed(house: House, departed: Sequence[bytes]) -> ScanReport:
    """Look everywhere for members whose deletion is completed, under all that is kept of them; each file whole.

    departed: their membership pseudonyms, which the ledger alone may hold, as tombstones.
    """
    if not departed:
        return NOTHING
    return scan_for_subjects(house, list_departed(house, departed), trusts_buckets=False)


def _scan_for(house: House, identifiers: Sequence[str | bytes], excluded: Sequence[Path]) -> ScanReport:
    """Looking for nobody finds nobody, and reads nothing."""
    if not identifiers:
        return NOTHING
    return scan_stored(house, identifiers, excluded=excluded)
