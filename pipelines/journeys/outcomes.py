"""What became of a subject dataset by dataset, as a certificate states it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from pipelines.control.requests import StoredPlan
from pipelines.deletion.outcome import sum_erased
from pipelines.journeys.house import House
from pipelines.lake.layout import open_table, table_dates
from pipelines.lake.replace import EVERYBODY
from pipelines.proof.certificate import DatasetOutcome, Outcome

LANDING = "landing"


def describe_outcomes(
    house: House, plan: StoredPlan, request_id: str, waiting_files: int
) -> tuple[DatasetOutcome, ...]:
    """An outcome for each dataset of a plan and for landing, where so many files wait without the subject."""
    stored = (
        _emptied_outcome(house, dataset, plan.outcome)
        if dataset["strategy"] == "empty"
        else _outcome(house, dataset, plan.outcome, request_id)
        for dataset in plan.document["datasets"]
    )
    return *stored, _landing_outcome(waiting_files)


def _emptied_outcome(house: House, dataset: Mapping[str, Any], done: Mapping[str, Any]) -> DatasetOutcome:
    """All rows went, whoever they were of; those that came since may be anybody's too, and expire."""
    erased = sum_erased(done, dataset["table"], EVERYBODY)
    expiries = table_dates(house.lake, house.catalogue.get("lake", dataset["table"]))
    outcome: Outcome = "expires" if expiries else "erased" if erased.row_count else "absent"
    return DatasetOutcome(
        dataset=f"{dataset['layer']}.{dataset['table']}",
        outcome=outcome,
        row_count=erased.row_count,
        file_count=erased.file_count,
        reason=dataset["reason"],
        expires_on=max(expiries, default=None),
        version_before=dataset.get("version"),
        version_after=_find_version(house, dataset),
    )


def _outcome(house: House, dataset: Mapping[str, Any], done: Mapping[str, Any], request_id: str) -> DatasetOutcome:
    name, strategy = f"{dataset['layer']}.{dataset['table']}", dataset["strategy"]
    if strategy == "exempt":
        return DatasetOutcome(name, "exempt", reason=dataset["reason"], until=_find_last_day(house, dataset))
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
        version_after=_find_version(house, dataset),
    )


def _find_last_day(house: House, dataset: Mapping[str, Any]) -> date:
    """When whatever is stored today has reached the age at which the contract lets it go."""
    contract = house.catalogue.get(dataset["layer"], dataset["table"])
    return house.now().date() + timedelta(days=contract.retention_days)


def _find_version(house: House, dataset: Mapping[str, Any]) -> int | None:
    """The version of a lake table that stands now that it was scanned."""
    if dataset["layer"] != "lake":
        return None
    return open_table(house.lake, house.catalogue.get("lake", dataset["table"])).version()


def _landing_outcome(waiting_files: int) -> DatasetOutcome:
    waiting = f"{waiting_files} files wait for ingestion, and no line of the member is in them"
    return DatasetOutcome(LANDING, "absent", reason=waiting if waiting_files else None)
