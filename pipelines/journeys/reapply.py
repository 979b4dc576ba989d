"""After a copy of the lake was restored: who had left and is stored again is found, and their deletion filed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.control.copies import accept_gaps
from pipelines.control.requests import enter_request
from pipelines.control.subjects import read_suppression
from pipelines.deletion.known_devices import leave_out_shared
from pipelines.deletion.plan import subjects_of_table
from pipelines.deletion.request import Subject, repeat_request
from pipelines.journeys.copies import find_gaps, forget_overdue_subjects
from pipelines.journeys.departed import (
    find_bounds,
    list_handovers,
    list_people,
    list_tables,
    read_links,
    select_devices,
)
from pipelines.journeys.house import House
from pipelines.lake.layout import read_file
from pipelines.lake.rewrite import Subjects, TouchedFile, locate_subjects
from pipelines.telemetry import record_step


@dataclass(frozen=True, slots=True)
class Reapplied:
    """How many who left were looked for, the requests filed for those found, and the tables older than the ledger."""

    searched_count: int
    request_ids: tuple[str, ...]
    tables: tuple[str, ...]


def reapply_deletions(house: House) -> Reapplied:
    """Look in every stored dataset for everybody whose deletion was completed, and file a request for each one found.

    Those requests are eligible at once, and go the way of all others: plan, approval, run, certificate. Safe to repeat:
    who was filed for already is not filed for again.
    """
    with record_step("reapply_deletions", "lake") as step:
        forget_overdue_subjects(house)
        gaps, kept = find_gaps(house), list_people(house)
        found = _find_stored(house, {request_id: subject for request_id, (_, subject) in kept.items()})
        requests = [
            repeat_request(kept[request_id][0], subject, house.keyring, house.now())
            for request_id, subject in sorted(found.items())
        ]
        for request in requests:
            enter_request(house.ledger, request)
        accept_gaps(house.ledger, gaps, house.now())
        step.count(searched=len(kept), found=len(requests), tables=len({table for table, _ in gaps}))
    tables = tuple(sorted({table for table, _ in gaps}))
    return Reapplied(len(kept), tuple(request.request_id for request in requests), tables)


def _find_stored(house: House, subjects: Mapping[str, Subject]) -> dict[str, Subject]:
    """Those of whom anything is stored that is as old as their deletion, with the devices that are still theirs alone.

    A member who returned is stored rightly from then on, and a device by its next owner.
    """
    returns = _list_returns(house, subjects)
    away = [each for name, each in subjects.items() if name not in returns]
    owned = {name: each.devices for name, each in subjects.items()}
    unshared = leave_out_shared(owned, subjects, read_links(house), leaving=away)
    members = {name: replace(each, devices={}) for name, each in subjects.items()}
    with_rows = _search(house, members, returns)
    with_devices = _search(house, select_devices(subjects, unshared), list_handovers(house, subjects))
    return {
        name: replace(subject, devices=unshared.get(name, {}) if name in with_devices else {})
        for name, subject in subjects.items()
        if name in with_rows | with_devices
    }


def _search(house: House, subjects: Mapping[str, Subject], bounds: Mapping[str, datetime]) -> frozenset[str]:
    """The requests whose subjects have rows in any table, where bounded up to that moment only."""
    found: set[str] = set()
    for contract in list_tables(house):
        wanted = subjects_of_table(house.catalogue, contract.name, subjects)
        for touched in locate_subjects(house.lake, contract, wanted):
            for name in touched.hits.keys() - found:
                if name not in bounds or _holds_older(house, contract, touched, wanted[name], bounds[name]):
                    found.add(name)
    return frozenset(found)


def _holds_older(house: House, contract: Contract, touched: TouchedFile, wanted: Subjects, bound: datetime) -> bool:
    """Whether a file has a row of theirs up to a moment; where rows have a date alone, before its date."""
    text = touched.file.partition[contract.partition_columns[0]]
    day, last = date.fromisoformat(str(text)), bound.astimezone(house.settings.zone).date()
    if day != last or "event_at" not in {column.name for column in contract.columns}:
        return day < last
    rows = read_file(house.lake, contract, touched.file.path, [*wanted, "event_at"])
    is_theirs = pl.any_horizontal(pl.col(name).is_in(list(values)) for name, values in wanted.items())
    return bool(rows.filter(is_theirs.fill_null(value=False) & (pl.col("event_at") <= bound)).height)


def _list_returns(house: House, subjects: Mapping[str, Subject]) -> dict[str, datetime]:
    until = dict(read_suppression(house.ledger).returned.iter_rows())
    return find_bounds({name: each.users.get("membership", ()) for name, each in subjects.items()}, until)
