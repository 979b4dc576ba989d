"""What a deletion will do, dataset by dataset, as a document whose digest a person approves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pipelines.contracts.derive import DeletionTarget, deletion_targets
from pipelines.contracts.model import Catalogue
from pipelines.control.holds import Hold
from pipelines.deletion.closure import Closure
from pipelines.deletion.request import Subject
from pipelines.lake.layout import Lake, TableState, describe_table
from pipelines.lake.replace import EVERYBODY
from pipelines.lake.rewrite import Requests, TouchedFile, count_rows, locate_subjects

LEDGER_TABLE = "account_facts"
# What ingestion of other people's lines moves while a plan waits for its approval: stated, and no reason to plan again.
MOVING = ("version", "stored_rows", "stored_files", "kept_rows")
GUARD = "guard"
REMOVING = ("delete", "empty")
Document = Mapping[str, Any]


def make_plan(
    lake: Lake,
    catalogue: Catalogue,
    closures: Mapping[str, Closure],
    held: Mapping[str, Hold] | None = None,
    fact_counts: Mapping[str, int] | None = None,
) -> Document:
    """The plan for several requests, by request id. It names files, counts and strategies, and no pseudonym.

    held: the lake tables of which nothing may be removed now, each with the hold that lasts longest. fact_counts: rows
    of account facts by request id. Counts are by request and dataset; of a file only how many rows go in all, so that
    the document grows with the requests and the files, not with their product.
    """
    datasets = [_plan_table(lake, catalogue, closures, target, held or {}) for target in deletion_targets(catalogue)]
    return {
        "requests": [_describe_request(request_id, closure) for request_id, closure in sorted(closures.items())],
        "datasets": [*datasets, _plan_ledger(fact_counts or {})],
        "landing": [
            {"source": source.name, "strategy": source.deletion_strategy, "reason": source.deletion_reason}
            for source in catalogue.layer("sources")
        ],
        "contracts": {f"{contract.layer}/{contract.name}": contract.version for contract in catalogue.contracts},
    }


def digest_plan(document: Document) -> str:
    """SHA-256 of the plan's canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def is_same_plan(first: Document, second: Document) -> bool:
    """Whether two plans do the same to the same rows, whatever else was stored between the two."""
    return digest_plan(_leave_out_moving(first)) == digest_plan(_leave_out_moving(second))


def _leave_out_moving(document: Document) -> Document:
    datasets = [
        {name: value for name, value in dataset.items() if name not in MOVING} for dataset in document["datasets"]
    ]
    return {name: value for name, value in document.items() if name != GUARD} | {"datasets": datasets}


def subjects_of_table(catalogue: Catalogue, table: str, subjects: Mapping[str, Subject]) -> Requests:
    """For each request, which pseudonyms to look for in which column of one lake table."""
    contract = catalogue.get("lake", table)
    keys, purpose = contract.subject_keys, contract.key_purpose
    return {request_id: _columns_of(keys, purpose, subject) for request_id, subject in subjects.items()}


def add_everybody(requests: Requests) -> Requests:
    """Requests with one more, under EVERYBODY, for all their subjects.

    A row that several requests are about, say of one person who asked twice, is then counted once for everybody.
    """
    together: dict[str, dict[bytes, None]] = {}
    for subjects in requests.values():
        for column, values in subjects.items():
            together.setdefault(column, {}).update(dict.fromkeys(values))
    return {**requests, EVERYBODY: {column: tuple(values) for column, values in together.items()}}


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


def summarise_plan(document: Document) -> list[dict[str, Any]]:
    """One line for each dataset: what happens there, to how many rows and files, and why not more.

    A table that is emptied counts what it holds at planning; whatever is there when the plan is carried out goes.
    """
    return [
        {
            "table": dataset["table"],
            "strategy": dataset["strategy"],
            "rows": dataset["stored_rows"] if dataset["strategy"] == "empty" else dataset["row_count"],
            "files": dataset["stored_files"] if dataset["strategy"] == "empty" else len(dataset["files"]),
            "reason": dataset["reason"],
        }
        for dataset in document["datasets"]
    ]


def count_devices(document: Document) -> dict[str, int]:
    """How many devices were decided how, over all requests; one that several people used counts for each of them."""
    decisions = ("own_devices", "joint_devices", "shared_devices")
    return {decision: sum(request[decision] for request in document["requests"]) for decision in decisions}


def describe_devices(counts: Mapping[str, int]) -> str:
    """The decisions over devices in one line."""
    return (
        f"devices: {counts['own_devices']} of their own and {counts['joint_devices']} whose users all leave go whole; "
        f"of {counts['shared_devices']} shared with somebody who stays only the leavers' rows"
    )


def _plan_table(
    lake: Lake,
    catalogue: Catalogue,
    closures: Mapping[str, Closure],
    target: DeletionTarget,
    held: Mapping[str, Hold],
) -> dict[str, Any]:
    described = {"table": target.table, "layer": target.layer, "strategy": target.strategy, "reason": target.reason}
    if target.layer != "lake":
        return described | _describe_rows(None, ())
    contract = catalogue.get("lake", target.table)
    state = describe_table(lake, contract)  # before the files are listed, so that the version is never too new
    touched: tuple[TouchedFile, ...] = ()
    if target.strategy == "delete":
        subjects = {request_id: closure.subject for request_id, closure in closures.items()}
        touched = locate_subjects(lake, contract, add_everybody(subjects_of_table(catalogue, target.table, subjects)))
    hold = held.get(target.table)
    if hold and target.strategy in REMOVING:
        return described | _describe_rows(state, ()) | _describe_hold(hold, touched)
    return described | _describe_rows(state, touched)


def _describe_rows(state: TableState | None, touched: Sequence[TouchedFile]) -> dict[str, Any]:
    """row_count: of all requests together, each row once. rows: of each request that has any."""
    rows = count_rows(touched)
    return {
        "version": state.version if state else None,
        "stored_rows": state.row_count if state else None,
        "stored_files": state.file_count if state else None,
        "row_count": rows.pop(EVERYBODY, 0),
        "rows": rows,
        "files": [{"path": hit.file.path, "rows": hit.hits[EVERYBODY]} for hit in touched],
    }


def _describe_hold(hold: Hold, touched: Sequence[TouchedFile]) -> dict[str, Any]:
    """Nothing goes; how many rows stay where they are until the hold is over."""
    until = hold.ends_on.isoformat()
    return {
        "strategy": "held",
        "reason": f"held until {until}: {hold.legal_basis}",
        "legal_basis": hold.legal_basis,
        "held_until": until,
        "kept_rows": sum(hit.hits[EVERYBODY] for hit in touched),
    }


def _plan_ledger(fact_counts: Mapping[str, int]) -> dict[str, Any]:
    described = {"table": LEDGER_TABLE, "layer": "control", "strategy": "delete", "reason": None}
    rows = {request_id: count for request_id, count in fact_counts.items() if count}
    return described | _describe_rows(None, ()) | {"row_count": sum(rows.values()), "rows": rows}


def _describe_request(request_id: str, closure: Closure) -> dict[str, Any]:
    """Devices of own and joint use go whole, of shared ones only the subject's rows; see Closure."""
    return {
        "request_id": request_id,
        "own_devices": closure.own_device_count,
        "joint_devices": closure.joint_device_count,
        "shared_devices": closure.shared_device_count,
        "other_requests": closure.other_request_count,
    }
