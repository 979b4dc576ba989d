"""What the contracts let us hold no longer, and in how few files the rest lies; nothing under a hold is dropped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from pipelines.contracts.derive import retention_limits
from pipelines.contracts.model import Contract
from pipelines.control.holds import Hold, held_datasets, list_holds
from pipelines.control.holds import place_hold as enter_hold
from pipelines.control.maintenance import hold_maintenance
from pipelines.control.requests import get_plan, list_requests
from pipelines.errors import ConfigurationError
from pipelines.journeys.access import remove_overdue_exports
from pipelines.journeys.copies import forget_overdue_subjects
from pipelines.journeys.house import House
from pipelines.journeys.intake import forget_overdue_receipts
from pipelines.journeys.keys import destroy_overdue
from pipelines.journeys.notify import forget_contacts
from pipelines.lake.compact import Aim, compact_table
from pipelines.lake.expire import Expiry, expire_rows
from pipelines.lake.purge import purge_table
from pipelines.telemetry import record_step

PLAN_IS_OPEN = ("planned", "approved", "running", "verifying")


@dataclass(frozen=True, slots=True)
class TableReport:
    """What one run did to one table: what had reached its age, what was merged, and what left the disk.

    held_until: the last day of the hold that kept everything in it, None when there is none.
    """

    table: str
    held_until: date | None
    expired_rows: int
    expired_files: int
    merged_files: int
    written_files: int
    removed_files: int


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What one run did."""

    destroyed_keys: tuple[str, ...]
    tables: tuple[TableReport, ...]


def retain(house: House) -> RetentionReport:
    """Destroy overdue keys, expire rows as of today, merge small files of past days, and purge what ended.

    Safe to repeat after a crash at any point. Marts keep the figures that were counted while rows lived.
    """
    with record_step("retain", "keys") as step:
        destroyed = destroy_overdue(house)
        forget_overdue_subjects(house)
        forget_contacts(house)
        forget_overdue_receipts(house)
        remove_overdue_exports(house)
        step.count(keys=len(destroyed))
    with hold_maintenance(house.ledger):
        tables = _retain_tables(house)
    return RetentionReport(destroyed, tables)


def _retain_tables(house: House) -> tuple[TableReport, ...]:
    planned = _files_in_open_plans(house)
    limits = retention_limits(house.catalogue, house.now().date())
    return tuple(
        _retain_table(house, house.catalogue.get("lake", table), oldest, planned[table])
        for table, oldest in limits.items()
    )


def _retain_table(house: House, contract: Contract, oldest: date, spared: frozenset[str]) -> TableReport:
    with record_step("retain", contract.name) as step:
        today = house.now().date()
        held_until = held_datasets(list_holds(house.ledger), today).get(contract.name)
        expiry = Expiry(contract.name, 0, 0) if held_until else expire_rows(house.lake, contract, oldest)
        merged = compact_table(house.lake, contract, Aim(today, contract.target_file_bytes, spared=spared))
        purge = purge_table(house.lake, contract)  # always: a crash may have come between an earlier run's two steps
        report = TableReport(
            table=contract.name,
            held_until=held_until,
            expired_rows=expiry.row_count,
            expired_files=expiry.file_count,
            merged_files=merged.merged_count,
            written_files=merged.written_count,
            removed_files=purge.ended_count + purge.orphan_count,
        )
        step.count(
            rows=report.expired_rows,
            files=report.expired_files,
            merged=report.merged_files,
            removed=report.removed_files,
            held=str(held_until or ""),
        )
    return report


def _files_in_open_plans(house: House) -> defaultdict[str, frozenset[str]]:
    """Files by table that a plan names: merged before it is carried out, they would make it refuse to run."""
    files = defaultdict[str, frozenset[str]](frozenset)
    digests = {request.plan_digest for request in list_requests(house.ledger, PLAN_IS_OPEN)}
    for digest in filter(None, digests):
        for dataset in get_plan(house.ledger, digest).document["datasets"]:
            files[dataset["table"]] |= {file["path"] for file in dataset["files"]}
    return files


def place_hold(house: House, dataset: str, *, legal_basis: str, ends_on: date, placed_by: str) -> Hold:
    """Keep every row of one lake table through a day; ConfigurationError for an unknown table or a day that is past.

    Visitor keys are destroyed on schedule all the same: a hold keeps what is stored, and makes nobody known again.
    """
    tables = [contract.name for contract in house.catalogue.layer("lake")]
    if dataset not in tables:
        raise ConfigurationError("there is no lake table of that name", hint=f"name one of {', '.join(tables)}")
    if ends_on < house.now().date():
        raise ConfigurationError(f"a hold until {ends_on} would protect nothing", hint="give a day that is not past")
    hold = Hold(str(uuid4()), dataset, legal_basis, ends_on, house.now(), placed_by)
    enter_hold(house.ledger, hold)
    return hold
