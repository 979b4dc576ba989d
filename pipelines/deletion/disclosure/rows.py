"""A subject's rows in the lake, and nobody else's: by the member, or by a device that nobody else was seen with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Catalogue, Contract
from pipelines.deletion.plan import subjects_of_table
from pipelines.deletion.request import Subject
from pipelines.lake.layout import Lake
from pipelines.lake.rewrite import Subjects
from pipelines.lake.subject_rows import read_held

USER, DEVICE = "user_pseudonym", "device_pseudonym"


def leave_out_shared_devices(lake: Lake, catalogue: Catalogue, subject: Subject) -> Subject:
    """The subject without the devices on which any row names somebody else.

    Links alone do not tell: those of a member who left go with them, and a hold may keep their rows.
    """
    devices = [value for values in subject.devices.values() for value in values]
    members = [value for values in subject.users.values() for value in values]
    if not devices:
        return subject
    shared = set(pl.concat(_find_shared(lake, catalogue, devices, members)).unique())
    kept = {name: tuple(each for each in values if each not in shared) for name, values in subject.devices.items()}
    return replace(subject, devices=kept)


def find_rows(lake: Lake, catalogue: Catalogue, subject: Subject) -> dict[str, pl.DataFrame]:
    """The subject's rows of every table in which people can be told apart, with all columns, in order of time.

    subject: with the devices that were theirs alone.
    """
    contracts = [contract for contract in catalogue.layer("lake") if contract.subject_keys]
    return {
        each.name: _read_rows(lake, each, subjects_of_table(catalogue, each.name, {"": subject})[""])
        for each in contracts
    }


def _find_shared(lake: Lake, catalogue: Catalogue, devices: list[bytes], members: list[bytes]) -> Iterator[pl.Series]:
    yield pl.Series(DEVICE, dtype=pl.Binary)
    is_others = pl.col(DEVICE).is_in(devices) & pl.col(USER).is_not_null() & ~pl.col(USER).is_in(members)
    for contract in catalogue.layer("lake"):
        if {USER, DEVICE} <= {column.name for column in contract.columns}:
            for _, rows in read_held(lake, contract, {DEVICE: devices}):
                yield rows.filter(is_others)[DEVICE]


def _read_rows(lake: Lake, contract: Contract, subjects: Subjects) -> pl.DataFrame:
    found = (rows.filter(_is_theirs(contract, subjects)) for _, rows in read_held(lake, contract, subjects))
    rows = pl.concat([pl.DataFrame(schema=polars_schema(contract)), *found])
    times = [column.name for column in contract.columns if column.physical_type in {"timestamp", "date"}]
    return rows.sort([*times, *(name for name in rows.columns if name not in times)])


def _is_theirs(contract: Contract, subjects: Subjects) -> pl.Expr:
    """Rows that name the member, and those that name nobody on one of their devices: never one that names another."""
    is_named, is_nobodys = pl.lit(value=False), pl.lit(value=True)
    if USER in polars_schema(contract):
        is_named, is_nobodys = pl.col(USER).is_in(list(subjects.get(USER, ()))), pl.col(USER).is_null()
    if DEVICE in subjects:
        return is_named.fill_null(value=False) | (is_nobodys & pl.col(DEVICE).is_in(list(subjects[DEVICE])))
    return is_named
