"""What became of a subject dataset by dataset, as a certificate states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pipelines.control.requests import StoredPlan
from pipelines.deletion.outcome import sum_erased
from pipelines.journeys.house import House
from pipelines.lake.layout import open_table, table_dates
from pipelines.lake.replace import EVERYBODY
from pipelines.proof.certificate import DatasetOutcome, Outcome

LANDING = "landing"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What stands now that it was scanned.

    versions: of each lake table. expiries: the last date of each table that is emptied whole, None for nothing in it.
    last_days: when what is stored today of each exempt dataset has reached the age at which its contract lets it go.
    waiting_files: how many files wait in landing without the subjects.
    """

    versions: Mapping[str, int]
    expiries: Mapping[str, date | None]
    last_days: Mapping[str, date]
    waiting_files: int


def describe_scanned(house: House, plan: StoredPlan, waiting_files: int) -> Scanned:
    """Look once at every dataset of a plan, for all of its requests."""
    datasets, today = plan.document["datasets"], house.now().date()
    lake = [house.catalogue.get("lake", each["table"]) for each in datasets if each["layer"] == "lake"]
    emptied = [contract for contract in lake if contract.deletion_strategy == "empty"]
    exempt = [each for each in datasets if each["strategy"] == "exempt"]
    ages = {each["table"]: house.catalogue.get(each["layer"], each["table"]).retention_days for each in exempt}
    return Scanned(
        versions={contract.name: open_table(house.lake, contract).version() for contract in lake},
        expiries={contract.name: max(table_dates(house.lake, contract), default=None) for contract in emptied},
        last_days={table: today + timedelta(days=days) for table, days in ages.items()},
        waiting_files=waiting_files,
    )


def describe_outcomes(plan: StoredPlan, request_id: str, scanned: Scanned) -> tuple[DatasetOutcome, ...]:
    """An outcome for each dataset of a plan and for landing."""
    stored = (
        _emptied_outcome(dataset, plan.outcome, scanned)
        if dataset["strategy"] == "empty"
        else _outcome(dataset, plan.outcome, request_id, scanned)
        for dataset in plan.document["datasets"]
    )
    return *stored, _landing_outcome(scanned.waiting_files)


def _emptied_outcome(dataset: Mapping[str, Any], done: Mapping[str, Any], scanned: Scanned) -> DatasetOutcome:
    """All rows went, whoever they were of; those that came since may be anybody's too, and expire."""
    erased = sum_erased(done, dataset["table"], EVERYBODY)
    expires_on = scanned.expiries[dataset["table"]]
    outcome: Outcome = "expires" if expires_on else "erased" if erased.row_count else "absent"
    return DatasetOutcome(
        dataset=f"{dataset['layer']}.{dataset['table']}",
        outcome=outcome,
        row_count=erased.row_count,
        file_count=erased.file_count,
        reason=dataset["reason"],
        expires_on=expires_on,
        version_before=dataset.get("version"),
        version_after=scanned.versions.get(dataset["table"]),
    )


def _outcome(dataset: Mapping[str, Any], done: Mapping[str, Any], request_id: str, scanned: Scanned) -> DatasetOutcome:
    name, strategy = f"{dataset['layer']}.{dataset['table']}", dataset["strategy"]
    if strategy == "exempt":
        return DatasetOutcome(name, "exempt", reason=dataset["reason"], until=scanned.last_days[dataset["table"]])
    if strategy == "recompute":
        return DatasetOutcome(name, "recomputed", reason="rebuilt for the touched dates from what remains")
    erased = sum_erased(done, dataset["table"], request_id)
    return DatasetOutcome(
        dataset=name,
        outcome="erased" if erased.row_count else "absent",
        row_count=erased.row_count,
        file_count=erased.file_count,
        survivors_hash_before=erased.survivor_hash,
        survivors_hash_after=erased.survivor_hash,
        version_before=dataset.get("version"),
        version_after=scanned.versions.get(dataset["table"]),
    )


def _landing_outcome(waiting_files: int) -> DatasetOutcome:
    waiting = f"{waiting_files} files wait for ingestion, and no line of the member is in them"
    return DatasetOutcome(LANDING, "absent", reason=waiting if waiting_files else None)
