"""Access: all that is held on a member, written as JSON and as a page, until they are deleted or its days are over."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from anonymization.keyring import unseal
from pipelines.control.disclosures import (
    AccessRequest,
    Row,
    forget_export_subjects,
    list_access_requests,
    list_handovers,
    list_member_rows,
    list_messages,
    list_requests_told,
    list_sealed_subjects,
)
from pipelines.control.rights_sightings import CLOSED, OpenRight, forget_sightings, list_open_rights
from pipelines.deletion.closure import LINK_COLUMNS, close_identities, gather_links
from pipelines.deletion.disclosure.datasets import Disclosure, describe_ledger, describe_tables, list_unattributable
from pipelines.deletion.disclosure.document import write_document
from pipelines.deletion.disclosure.page import write_page
from pipelines.deletion.disclosure.rows import find_rows, leave_out_shared_devices
from pipelines.deletion.known_devices import recall_devices
from pipelines.deletion.request import Subject, read_subject
from pipelines.journeys.house import House
from pipelines.journeys.watch import recognise_subject
from pipelines.lake.layout import read_files
from pipelines.report.release import release_page
from pipelines.telemetry import record_step

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ONE = "subject"


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What was exported: SHA-256 of each file, how many rows of each table, and where the files are (JSON, HTML)."""

    json_digest: str
    html_digest: str
    row_counts: Mapping[str, int] = field(hash=False)
    paths: tuple[Path, Path]


def describe_access(house: House, subject: Subject) -> list[dict[str, Any]]:
    """What an export would hold now, dataset by dataset, for a plan: table, rows, purpose, retention in days."""
    return [
        {
            "table": dataset.table,
            "rows": dataset.rows.height,
            "purpose": dataset.purpose,
            "retention": dataset.retention_days,
        }
        for dataset in gather_disclosure(house, "", subject).datasets
    ]


def export_subject(house: House, request_id: str, subject: Subject) -> ExportFacts:
    """Write everything that is held on a member to reports/access, for the owner's eyes; each file whole or not at all.

    To be called under the maintenance lock, so that no deletion comes between what is read and what is written of it.
    Run again, it writes what is held then.
    """
    with record_step("export_subject", "reports") as step:
        disclosure = gather_disclosure(house, request_id, subject)
        _remove(path for path in _list_exports(house).get(request_id, ()) if path.name.startswith("."))
        texts = {"json": write_document(disclosure), "html": write_page(disclosure)}
        paths = {kind: house.settings.access_exports / f"{request_id}.{kind}" for kind in texts}
        for kind, text in texts.items():
            release_page(text, paths[kind])
        step.count(datasets=len(disclosure.datasets), rows=sum(disclosure.row_counts.values()))
    digests = {kind: hashlib.sha256(text.encode()).hexdigest() for kind, text in texts.items()}
    return ExportFacts(digests["json"], digests["html"], disclosure.row_counts, (paths["json"], paths["html"]))


def gather_disclosure(house: House, request_id: str, subject: Subject) -> Disclosure:
    """All that is held on a member, in every lake table and in the ledger."""
    closed = close_subject(house, subject)
    tables = describe_tables(
        house.catalogue, find_rows(house.lake, house.catalogue, closed), list_handovers(house.ledger)
    )
    return Disclosure(
        request_id=request_id,
        made_at=house.now(),
        timezone=house.settings.timezone,
        datasets=(*tables, *describe_ledger(_find_facts(house, closed))),
        unattributable=list_unattributable(house.catalogue),
    )


def close_subject(house: House, subject: Subject) -> Subject:
    """The member with the devices that nobody else has used, whoever is leaving: those others' rows are not theirs.

    Under which keys' pseudonyms `export_subject` looks for rows, so that others can count them.
    """
    contract = house.catalogue.get("lake", "identity_links")

    def read_links() -> Iterator[pl.DataFrame]:
        return read_files(house.lake, contract, LINK_COLUMNS)

    known = recognise_subject(house, subject)
    closures = close_identities({ONE: known}, gather_links(read_links, [known]))
    closed = recall_devices(closures, {ONE: known}, read_links)[ONE].subject
    return leave_out_shared_devices(house.lake, house.catalogue, closed)


def remove_exports(house: House, subjects: Iterable[Subject]) -> int:
    """Remove the exports of members who are being deleted, and those of whom nobody knows any more whose they are.

    Returns how many requests' there were.
    """
    members = {value for subject in subjects for value in subject.users["membership"]}
    requests = {request.request_id: request for request in list_access_requests(house.ledger)}
    exports = _list_exports(house)
    gone = {name for name in exports if name not in requests or requests[name].sealed_subject is None}
    gone |= {name for name, each in requests.items() if not members.isdisjoint(_unseal_members(house, each))}
    _remove(path for name in gone for path in exports.get(name, ()))
    forget_export_subjects(house.ledger, gone)
    asking = [each for each in list_open_rights(house.ledger) if not members.isdisjoint(_unseal_members(house, each))]
    forget_sightings(house.ledger, gone | {each.request_id for each in asking})
    return len(gone & exports.keys())


def remove_overdue_exports(house: House) -> int:
    """Remove exports whose days are over, and forget whom their requests were about; returns how many there were."""
    requests = {request.request_id: request for request in list_access_requests(house.ledger)}
    exports, today = _list_exports(house), house.now().date()
    overdue = {name for name, paths in exports.items() if _find_last_day(house, requests.get(name), paths) < today}
    _remove(path for name in overdue for path in exports[name])
    closed = {name for name, each in requests.items() if each.state in CLOSED and each.sealed_subject}
    forget_export_subjects(house.ledger, closed - (exports.keys() - overdue))
    forget_sightings(house.ledger)
    return len(overdue)


def _find_facts(house: House, subject: Subject) -> dict[str, list[Row]]:
    members = subject.users["membership"]
    request_ids = {
        each.request_id
        for each in list_sealed_subjects(house.ledger)
        if not set(members).isdisjoint(read_subject(unseal(house.keyring, each.sealed_subject)).users["membership"])
    }
    return {
        **list_member_rows(house.ledger, members),
        "requests": list_requests_told(house.ledger, request_ids),
        "messages": list_messages(house.ledger, request_ids),
    }


def _unseal_members(house: House, request: AccessRequest | OpenRight) -> tuple[bytes, ...]:
    if request.sealed_subject is None:
        return ()
    return tuple(read_subject(unseal(house.keyring, request.sealed_subject)).users["membership"])


def _list_exports(house: House) -> dict[str, list[Path]]:
    """The files of each request, also what a killed process was about to put in their place."""
    found: dict[str, list[Path]] = {}
    directory = house.settings.access_exports
    for path in sorted(directory.iterdir()) if directory.exists() else ():
        name = UUID.search(path.name)
        if name:
            found.setdefault(name[0], []).append(path)
    return found


def _find_last_day(house: House, request: AccessRequest | None, paths: Iterable[Path]) -> date:
    if request and request.expires_on:
        return request.expires_on
    written = max(path.stat().st_mtime for path in paths)
    days = timedelta(days=house.settings.access_export_days)
    return datetime.fromtimestamp(written, house.settings.zone).date() + days


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
