"""What is promised, checked on what is on disk: certificates, undeclared tables, canaries, and members who left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs

from pipelines.control.subjects import read_suppression
from pipelines.errors import DeletionIncompleteError
from pipelines.journeys.certify import require_clean
from pipelines.journeys.house import House
from pipelines.proof.certificate import verify_all
from pipelines.proof.scan import ScanReport, read_identifiers, scan
from pipelines.telemetry import record_step


@dataclass(frozen=True, slots=True)
class Audit:
    """What one audit looked at and found in order; it raises instead of reporting what is not."""

    certificate_count: int
    canary_count: int
    tombstone_count: int
    file_count: int
    byte_count: int


def audit(house: House) -> Audit:
    """Verify the certificate chain, compare the lake with the contracts, and scan for canaries and for who left."""
    with record_step("audit", "home") as step:
        certificates = verify_all(house.settings.certificates) if _has_certificates(house) else ()
        _require_declared(house)
        canaries = scan_for_canaries(house)
        departed = scan_for_departed(house)
        require_clean(canaries)
        require_clean(departed)
        files, bytes_read = max((report.file_count, report.byte_count) for report in (canaries, departed))
        step.count(certificates=len(certificates), files=files, bytes=bytes_read)
    return Audit(
        certificate_count=len(certificates),
        canary_count=canaries.identifier_count,
        tombstone_count=departed.identifier_count,
        file_count=files,
        byte_count=bytes_read,
    )


def scan_for_canaries(house: House) -> ScanReport:
    """Look for every identifier of TOKUMEI_CANARIES outside landing and keys, where none may ever be."""
    settings = house.settings
    identifiers = read_identifiers(Path(settings.canaries)) if settings.canaries else []
    return _scan_home(house, identifiers, excluded=[settings.landing])


def scan_for_departed(house: House) -> ScanReport:
    """Look for the pseudonyms of everybody with a tombstone outside the ledger, the one place that must keep them."""
    settings = house.settings
    suppression = read_suppression(house.ledger)
    pseudonyms = [*suppression.left.to_list(), *suppression.devices["device"].to_list()]
    return _scan_home(house, pseudonyms, excluded=[settings.home / "control.db"])


def _scan_home(house: House, identifiers: Sequence[str | bytes], *, excluded: Sequence[Path]) -> ScanReport:
    """Everything below the home but the keys; looking for nobody finds nobody."""
    if not identifiers:
        return ScanReport(0, 0, 0, 0, (), (), 0)
    return scan([house.settings.home], identifiers, excluded=[*excluded, house.settings.keyring_file.parent])


def _has_certificates(house: House) -> bool:
    return any(house.settings.certificates.glob("*.jws"))


def _require_declared(house: House) -> None:
    filesystem, root = pyarrow.fs.FileSystem.from_uri(house.lake.uri)
    selector = pyarrow.fs.FileSelector(root, allow_not_found=True)
    found = {info.base_name for info in filesystem.get_file_info(selector)}
    undeclared = sorted(found - {contract.name for contract in house.catalogue.layer("lake")})
    if undeclared:
        raise DeletionIncompleteError(
            f"the lake holds {', '.join(undeclared)}, which no contract declares",
            hint="declare it in data_contracts/lake, or remove it",
        )
