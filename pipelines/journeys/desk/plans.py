"""A plan as an officer reads it, dataset by dataset, and how far its run has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pipelines.control.requests import StoredPlan, get_plan
from pipelines.deletion.plan import count_devices, emptied_tables, rewritten_tables, summarise_plan
from pipelines.journeys.desk.requests import RequestLine
from pipelines.journeys.house import House

DONE_STATES = ("verifying", "held", "completed")


@dataclass(frozen=True, slots=True)
class PlannedDataset:
    """What a plan does to one dataset: rows and files in all, and how many of the rows are of the request at hand.

    kept_rows: that a hold keeps where they are, through held_until and for its legal_basis.
    """

    table: str
    strategy: str
    row_count: int
    own_count: int
    file_count: int
    reason: str | None
    kept_rows: int
    held_until: date | None
    legal_basis: str | None


@dataclass(frozen=True, slots=True)
class PlanView:
    """One plan: who approved it and when, whom it covers, and what becomes of each dataset.

    devices: how many go whole, and of how many, shared with somebody who stays, only rows.
    """

    digest: str
    made_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    request_ids: tuple[str, ...]
    whole_devices: int
    shared_devices: int
    datasets: tuple[PlannedDataset, ...]

    @property
    def touched(self) -> tuple[PlannedDataset, ...]:
        """What the plan removes rows of, or would but for a hold."""
        return tuple(each for each in self.datasets if each.row_count or each.kept_rows)

    @property
    def untouched(self) -> tuple[PlannedDataset, ...]:
        return tuple(each for each in self.datasets if not (each.row_count or each.kept_rows))


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the tables that a plan rewrites are done with."""

    state: str
    done: int
    total: int


def read_plan(house: House, line: RequestLine) -> PlanView | None:
    """The plan that covers a request; None while there is none."""
    if line.plan_digest is None:
        return None
    plan = get_plan(house.ledger, line.plan_digest)
    requests = plan.document.get("requests", ())
    devices = count_devices(plan.document) if line.kind == "deletion" else {}
    return PlanView(
        digest=plan.digest,
        made_at=plan.made_at.astimezone(house.settings.zone),
        approved_by=plan.approved_by,
        approved_at=plan.approved_at.astimezone(house.settings.zone) if plan.approved_at else None,
        request_ids=tuple(request["request_id"] for request in requests),
        whole_devices=devices.get("own_devices", 0) + devices.get("joint_devices", 0),
        shared_devices=devices.get("shared_devices", 0),
        datasets=_list_datasets(plan, line),
    )


def read_progress(house: House, line: RequestLine) -> Progress:
    """How far a request's plan is carried out."""
    if line.plan_digest is None:
        return Progress(line.state, 0, 0)
    plan = get_plan(house.ledger, line.plan_digest)
    tables = {*rewritten_tables(plan.document), *emptied_tables(plan.document)}
    is_done = line.state in DONE_STATES
    return Progress(line.state, len(tables) if is_done else len(tables & plan.outcome.keys()), len(tables))


def _list_datasets(plan: StoredPlan, line: RequestLine) -> tuple[PlannedDataset, ...]:
    """Of a right other than deletion only what is about the request: the others of its plan may be of other rights."""
    described = zip(summarise_plan(plan.document), plan.document["datasets"], strict=True)
    return tuple(
        _describe_dataset(summary, dataset, line.request_id)
        for summary, dataset in described
        if line.kind == "deletion" or line.request_id in dataset["rows"]
    )


def _describe_dataset(summary: Mapping[str, Any], dataset: Mapping[str, Any], request_id: str) -> PlannedDataset:
    return PlannedDataset(
        table=summary["table"],
        strategy=summary["strategy"],
        row_count=summary["rows"] or 0,
        own_count=dataset["rows"].get(request_id, 0),
        file_count=summary["files"] or 0,
        reason=summary["reason"],
        kept_rows=dataset.get("kept_rows", 0),
        held_until=date.fromisoformat(dataset["held_until"]) if "held_until" in dataset else None,
        legal_basis=dataset.get("legal_basis"),
    )
