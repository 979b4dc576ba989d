"""What a scan report comes to outside this house: counts, and a digest of which files were read; no path, no place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from pipelines.proof.publication import lock, write_atomically
from pipelines.proof.scan import ScanReport
from pipelines.proof.statement import ScanSummary

SUFFIX = ".scan.json"


def summarise_scan(report: ScanReport) -> ScanSummary:
    """The report as a certificate states it, with the digest of `write_report`'s file."""
    return ScanSummary(
        identifier_count=report.identifier_count,
        file_count=report.file_count,
        byte_count=report.byte_count,
        residual_count=report.finding_count,
        outlying_count=report.outlying_count,
        report_digest=digest_report(report),
    )


def digest_report(report: ScanReport) -> str:
    return hashlib.sha256(describe_report(report)).hexdigest()


def write_report(report: ScanReport, directory: Path) -> Path:
    """Keep the report under its own digest; the same one again is the same file."""
    with lock(directory):
        return write_atomically(name_report(directory, digest_report(report)), describe_report(report))


def name_report(directory: Path, digest: str) -> Path:
    return directory / f"{digest}{SUFFIX}"


def describe_report(report: ScanReport) -> bytes:
    """Canonical JSON of the report's figures."""
    figures = {
        "identifier_count": report.identifier_count,
        "file_count": report.file_count,
        "outlying_file_count": report.outlying_count,
        "byte_count": report.byte_count,
        "finding_count": report.finding_count,
        "unreachable_count": len(report.unreachable),
        "undecodable_count": report.undecodable,
        "listing_digest": report.listing_digest,
    }
    return orjson.dumps(figures, option=orjson.OPT_SORT_KEYS)
