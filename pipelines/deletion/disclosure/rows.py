"""A subject's rows in the lake, and nobody else's: by the member, or by a device that nobody else was seen with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Catalogue, Contract
from pipelines.deletion.plan import subjects_of_table
from pipelines.deletion.request import Subject
from pipelines.lake.layout import Lake
from pipelines.lake.rewrite import Subjects
from pipelines.lake.subject_rows import read_held

USER, DEVICE = "user_pseudonym", "device_pseudonym"


def find_rows(lake: Lake, catalogue: Catalogue, subject: Subject) -> dict[str, pl.DataFrame]:
    """The subject's rows of every table in which people can be told apart, with all columns, in order of time.

    subject: with the devices that were theirs alone. A device on which any row names somebody else is not: only the
    rows that name the subject are then theirs.
    """
    contracts = [contract for contract in catalogue.layer("lake") if contract.subject_keys]
    sought = {each.name: subjects_of_table(catalogue, each.name, {"": subject})[""] for each in contracts}
    found = {each.name: _read_candidates(lake, each, sought[each.name]) for each in contracts}
    members = [value for values in subject.users.values() for value in values]
    foreign = find_foreign_devices(found.values(), members)
    return {
        each.name: order_rows(choose_rows(found[each.name], sought[each.name], foreign), each) for each in contracts
    }


def choose_rows(rows: pl.DataFrame, subjects: Subjects, foreign: pl.Series) -> pl.DataFrame:
    """The rows that name the member, and those that name nobody on a device that is not foreign."""
    member, device = subjects.get(USER, ()), subjects.get(DEVICE, ())
    is_theirs = pl.lit(value=False)
    if USER in rows.columns:
        is_theirs |= pl.col(USER).is_in(list(member))
    if DEVICE in rows.columns:
        is_nobodys = pl.col(USER).is_null() if USER in rows.columns else pl.lit(value=True)
        is_own = pl.col(DEVICE).is_in(list(device)) & ~pl.col(DEVICE).is_in(foreign.implode())
        is_theirs |= is_nobodys & is_own
    return rows.filter(is_theirs.fill_null(value=False))


def find_foreign_devices(tables: Iterable[pl.DataFrame], members: list[bytes]) -> pl.Series:
    """The devices on which a row names somebody else, whatever became of the link between the two."""
    named = [rows.select(USER, DEVICE) for rows in tables if {USER, DEVICE} <= set(rows.columns)]
    rows = pl.concat([pl.DataFrame(schema={USER: pl.Binary, DEVICE: pl.Binary}), *named])
    is_others = pl.col(USER).is_not_null() & ~pl.col(USER).is_in(members)
    return rows.filter(is_others)[DEVICE].drop_nulls().unique()


def order_rows(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """By when they happened, and then by everything else, so that the same rows are always told in the same order."""
    times = [column.name for column in contract.columns if column.physical_type in {"timestamp", "date"}]
    return rows.sort([*times, *(name for name in rows.columns if name not in times)])


def _read_candidates(lake: Lake, contract: Contract, subjects: Mapping[str, Iterable[bytes]]) -> pl.DataFrame:
    """Every row on the subject or one of their devices, whoever else it names."""
    wanted = {name: list(values) for name, values in subjects.items()}
    is_on_them = pl.any_horizontal(pl.col(name).is_in(values) for name, values in wanted.items())
    found = (rows.filter(is_on_them) for _, rows in read_held(lake, contract, wanted))
    return pl.concat([pl.DataFrame(schema=polars_schema(contract)), *found])
