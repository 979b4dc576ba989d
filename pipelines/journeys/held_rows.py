"""Which requests of a carried-out plan still have rows where a legal hold kept the plan from deleting them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipelines.control.moves import Move
from pipelines.control.requests import DeletionRequest, StoredPlan, get_plan, move_requests
from pipelines.deletion.plan import emptied_tables, rewritten_tables, subjects_of_table
from pipelines.deletion.request import Subject, unseal_subject
from pipelines.deletion.resumption import explain_hold, join_outcomes
from pipelines.journeys.decide import PIPELINE, find_holds
from pipelines.journeys.house import House
from pipelines.lake.layout import table_dates
from pipelines.lake.rewrite import locate_subjects


def find_held_rows(
    house: House, document: Mapping[str, Any], requests: Sequence[DeletionRequest]
) -> dict[str, tuple[str, ...]]:
    """The tables in which rows were kept, by request id; a request of which nothing was kept is not in it.

    A table whose rows nobody can tell apart keeps something of everybody as long as it keeps anything.
    """
    kept = defaultdict[str, list[str]](list)
    tables = _list_spared(house, document) if requests else []
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in requests} if tables else {}
    for table in tables:
        for request_id in _find_kept(house, table, subjects):
            kept[request_id].append(table)
    return {request_id: tuple(found) for request_id, found in kept.items()}


def group_by_datasets(
    requests: Sequence[DeletionRequest], kept: Mapping[str, tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[DeletionRequest]]]:
    """The requests of which rows were kept, together with those of the same tables."""
    groups = defaultdict[tuple[str, ...], list[DeletionRequest]](list)
    for request in requests:
        if request.request_id in kept:
            groups[kept[request.request_id]].append(request)
    return sorted(groups.items(), key=lambda group: group[0])


def hold_requests(
    house: House, requests: Sequence[DeletionRequest], datasets: tuple[str, ...], file_count: int
) -> None:
    """Let requests wait for the holds of some datasets; file_count files were proved to be clean without those."""
    reason = explain_hold(datasets, find_holds(house), file_count)
    held = [
        replace(request, held_datasets=datasets, earlier_plans=(*request.earlier_plans, str(request.plan_digest)))
        for request in requests
    ]
    move_requests(house.ledger, held, Move("held", house.now(), PIPELINE, reason))


def find_outcome(house: House, plan: StoredPlan, request: DeletionRequest) -> Mapping[str, Any]:
    """What was done for a request, also by the plans that were carried out before a hold was over."""
    if not request.earlier_plans:
        return plan.outcome
    earlier = {digest: get_plan(house.ledger, digest).outcome for digest in request.earlier_plans}
    return join_outcomes(earlier | {plan.digest: plan.outcome})


def _list_spared(house: House, document: Mapping[str, Any]) -> list[str]:
    """What the plan left out for a hold, and what a later hold kept its run from doing."""
    planned = [dataset["table"] for dataset in document["datasets"] if dataset["strategy"] == "held"]
    held = find_holds(house)
    return sorted(
        {*planned, *(name for name in (*rewritten_tables(document), *emptied_tables(document)) if name in held)}
    )


def _find_kept(house: House, table: str, subjects: Mapping[str, Subject]) -> set[str]:
    contract = house.catalogue.get("lake", table)
    if contract.deletion_strategy != "delete":
        return set(subjects) if table_dates(house.lake, contract) else set()
    touched = locate_subjects(house.lake, contract, subjects_of_table(house.catalogue, table, subjects))
    return {request_id for hit in touched for request_id in hit.hits} & set(subjects)
