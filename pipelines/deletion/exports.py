"""Which exports a deletion touches, and what is asked of whoever has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.contracts.model import Catalogue, Contract
from pipelines.control.recipients import Export
from pipelines.deletion.plan import Document, add_everybody, subjects_of_table, touched_dates
from pipelines.deletion.request import Subject
from pipelines.lake.replace import EVERYBODY


@dataclass(frozen=True, slots=True)
class Touched:
    """The days of the rows that a plan takes out of a lake table; None for any day, where nobody can tell."""

    days: tuple[date, ...] | None

    def meets(self, export: Export) -> bool:
        return self.days is None or any(export.first_date <= day <= export.last_date for day in self.days)


def find_touched_exports(
    document: Document, catalogue: Catalogue, exports: Iterable[Export], request_id: str | None = None
) -> tuple[Export, ...]:
    """The exports that hold rows, or figures of rows, that a plan removes, as far as datasets and days can tell.

    request_id: counts only the tables in which the plan finds that request's rows. A figure's table without a contract
    counts as made of everything.
    """
    touched = {
        dataset["table"]: Touched(_find_days(dataset))
        for dataset in document["datasets"]
        if dataset["layer"] == "lake" and _takes_rows(dataset, request_id)
    }
    return tuple(
        export
        for export in exports
        if any(touched[table].meets(export) for table in _find_origins(catalogue, export, touched))
    )


def describe_notice(
    notice_id: str, export: Export, catalogue: Catalogue, subjects: Mapping[str, Subject]
) -> dict[str, Any]:
    """What the recipient of an export is asked: to delete the rows of these pseudonyms, or to replace it as a whole.

    Pseudonyms, in hexadecimal, are those under the keys of the dataset, for columns that the recipient has.
    """
    pseudonyms = _list_pseudonyms(export, catalogue, subjects)
    return {
        "notice_id": notice_id,
        "export_id": export.export_id,
        "dataset": f"{export.layer}.{export.dataset}",
        "fields": export.fields,
        "first_date": export.first_date.isoformat(),
        "last_date": export.last_date.isoformat(),
        "requested": "delete" if pseudonyms else "replace",
        **({"pseudonyms": pseudonyms} if pseudonyms else {}),
    }


def _takes_rows(dataset: Mapping[str, Any], request_id: str | None) -> bool:
    if dataset["strategy"] == "empty":
        return bool(dataset["stored_rows"])
    return bool(dataset["files"]) if request_id is None else request_id in dataset["rows"]


def _find_days(dataset: Mapping[str, Any]) -> tuple[date, ...] | None:
    """A table that is emptied, or that has no days, may have any."""
    days = touched_dates({"datasets": [dataset]})
    return days if days and dataset["strategy"] != "empty" else None


def _find_origins(catalogue: Catalogue, export: Export, touched: Iterable[str]) -> Sequence[str]:
    """The touched lake tables that an export was made of."""
    if export.layer == "lake":
        return [table for table in touched if table == export.dataset]
    contract = _find_contract(catalogue, export)
    inputs = contract.properties["inputs"] if contract else [f"lake.{table}" for table in touched]
    return [table for table in touched if f"lake.{table}" in inputs]


def _list_pseudonyms(
    export: Export, catalogue: Catalogue, subjects: Mapping[str, Subject]
) -> dict[str, list[str]] | None:
    contract = _find_contract(catalogue, export)
    if export.kind != "hand_over" or contract is None or contract.form != "pseudonymised":
        return None
    columns = add_everybody(subjects_of_table(catalogue, export.dataset, subjects))[EVERYBODY]
    listed = {column: sorted(value.hex() for value in values) for column, values in columns.items()}
    return {column: values for column, values in listed.items() if column in export.fields and values} or None


def _find_contract(catalogue: Catalogue, export: Export) -> Contract | None:
    matches = (each for each in catalogue.contracts if (each.layer, each.name) == (export.layer, export.dataset))
    return next(matches, None)
