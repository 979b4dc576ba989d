"""What a deletion will do, dataset by dataset, as a document whose digest a person approves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pipelines.contracts.derive import deletion_targets
from pipelines.contracts.model import Catalogue
from pipelines.control.holds import Hold
from pipelines.deletion.closure import Closure
from pipelines.deletion.request import Subject
from pipelines.lake.layout import Lake
from pipelines.lake.rewrite import Requests, TouchedFile, count_rows, locate_subjects

LEDGER_TABLE = "account_facts"
Document = Mapping[str, Any]


def make_plan(
    lake: Lake, catalogue: Catalogue, closures: Mapping[str, Closure], held: Mapping[str, Hold] | None = None
) -> Document:
    """The plan for several requests, by request id. It names files, counts and strategies, and no pseudonym.

    held: the lake tables that a hold protects, of which nothing is deleted.
    """
    datasets = [_hold_dataset(dataset, held or {}) for dataset in _plan_datasets(lake, catalogue, closures)]
    return {
        "requests": [_describe_request(request_id, closure) for request_id, closure in sorted(closures.items())],
        "datasets": [*datasets, _plan_ledger()],
        "contracts": {f"{contract.layer}/{contract.name}": contract.version for contract in catalogue.contracts},
    }


def digest_plan(document: Document) -> str:
    """SHA-256 of the plan's canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def subjects_of_table(catalogue: Catalogue, table: str, subjects: Mapping[str, Subject]) -> Requests:
    """For each request, which pseudonyms to look for in which column of one lake table."""
    contract = catalogue.get("lake", table)
    keys, purpose = contract.subject_keys, contract.key_purpose
    return {request_id: _columns_of(keys, purpose, subject) for request_id, subject in subjects.items()}


def _columns_of(keys: Sequence[str], purpose: str, subject: Subject) -> dict[str, tuple[bytes, ...]]:
    """identity_links hold every purpose side by side, so there all of a subject's pseudonyms are looked for."""
    purposes = tuple(subject.users) if purpose == "each" else (purpose,)
    by_kind = {"user": subject.users, "device": subject.devices}
    return {
        key: tuple(value for name in purposes for value in by_kind[key.removesuffix("_pseudonym")].get(name, ()))
        for key in keys
    }


def rewritten_tables(document: Document) -> tuple[str, ...]:
    """The lake tables that a plan takes subjects out of."""
    return tuple(
        dataset["table"]
        for dataset in document["datasets"]
        if (dataset["layer"], dataset["strategy"]) == ("lake", "delete")
    )


def emptied_tables(document: Document) -> tuple[str, ...]:
    """The lake tables that a plan takes every row out of, whoever it is of."""
    return tuple(dataset["table"] for dataset in document["datasets"] if dataset["strategy"] == "empty")


def touched_dates(document: Document) -> tuple[date, ...]:
    """The event dates of the rows that a plan removes, whose marts are to be rebuilt."""
    paths = (file["path"] for dataset in document["datasets"] for file in dataset["files"])
    names = (part.partition("=") for path in paths for part in path.split("/"))
    return tuple(sorted({date.fromisoformat(value) for name, _, value in names if name == "event_date"}))


def summarise_plan(document: Document, emptied: Mapping[str, tuple[int, int]] | None = None) -> list[dict[str, Any]]:
    """One line for each dataset: what happens there and to how many rows and files.

    emptied: rows and files of the tables that are emptied, as they are now. They are no part of the plan, which says
    that whatever is there then goes; lines that come before its approval would change its digest otherwise.
    """
    lines = [
        {
            "table": dataset["table"],
            "strategy": dataset["strategy"],
            "rows": sum(dataset["rows"].values()),
            "files": len(dataset["files"]),
            "reason": dataset["reason"],
        }
        for dataset in document["datasets"]
    ]
    stored = emptied or {}
    return [line | dict(zip(("rows", "files"), stored.get(line["table"], ()), strict=False)) for line in lines]


def _plan_datasets(lake: Lake, catalogue: Catalogue, closures: Mapping[str, Closure]) -> list[dict[str, Any]]:
    subjects = {request_id: closure.subject for request_id, closure in closures.items()}
    datasets = []
    for target in deletion_targets(catalogue):
        touched: tuple[TouchedFile, ...] = ()
        if target.strategy == "delete":
            contract = catalogue.get("lake", target.table)
            touched = locate_subjects(lake, contract, subjects_of_table(catalogue, target.table, subjects))
        datasets.append(_describe_dataset(target.table, target.layer, target.strategy, target.reason, touched))
    return datasets


def _hold_dataset(dataset: dict[str, Any], held: Mapping[str, Hold]) -> dict[str, Any]:
    """What a hold makes of a dataset that subjects would have been taken out of."""
    hold = held.get(dataset["table"])
    if hold is None or (dataset["layer"], dataset["strategy"]) not in (("lake", "delete"), ("lake", "empty")):
        return dataset
    kept = {"strategy": "held", "legal_basis": hold.legal_basis, "held_until": hold.ends_on.isoformat()}
    return dataset | kept | {"rows": {}, "files": []}


def _describe_dataset(
    table: str, layer: str, strategy: str, reason: str | None, touched: Sequence[TouchedFile]
) -> dict[str, Any]:
    files = [{"path": hit.file.path, "rows": dict(hit.hits)} for hit in touched]
    described = {"table": table, "layer": layer, "strategy": strategy, "reason": reason}
    return {**described, "rows": count_rows(touched), "files": files}


def _plan_ledger() -> dict[str, Any]:
    return _describe_dataset(LEDGER_TABLE, "control", "delete", None, ())


def _describe_request(request_id: str, closure: Closure) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "own_devices": closure.own_device_count,
        "shared_devices": closure.shared_device_count,
    }
