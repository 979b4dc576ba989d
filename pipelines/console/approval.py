"""The console's button and Airflow's human task are one act: the answer is given to Airflow, as that very person."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import httpx

from pipelines.console.acts import note_act
from pipelines.console.authority import Person
from pipelines.control.locks import hold_lock
from pipelines.errors import DeletionError, SameEyesError, StorageBusyError
from pipelines.journeys.four_eyes import require_four_eyes
from pipelines.journeys.house import House

Option = Literal["Approve", "Reject"]
Json = Mapping[str, Any]
DAG_IDS = ("propagate_deletions", "answer_requests")
LOCK = "answers"
DIGEST = re.compile(r"[0-9a-f]{64}")
LONGEST_NOTE = 300
TIMEOUT_SECONDS = 30.0
SETTLING_SECONDS = 4.0  # an answer while the asking process still ends makes Airflow's scheduler fail the task


class ApprovalError(DeletionError):
    """An answer that does not stand: `kind` says why in a word, `status` is what to answer the browser with."""

    def __init__(self, what: str, *, hint: str, kind: str = "failed", status: int = HTTPStatus.BAD_GATEWAY) -> None:
        super().__init__(what, hint=hint)
        self.kind = kind
        self.status = status


@dataclass(frozen=True, slots=True)
class HumanTask:
    """The task of Airflow that asks about one plan, and by whom, when and how it was answered, if it was."""

    dag_id: str
    run_id: str
    task_id: str
    asked_at: datetime
    answered_by: str | None
    answered_at: datetime | None
    option: str | None
    note: str

    @property
    def path(self) -> str:
        """The task's place in Airflow's API."""
        dag, run, task = (quote(part, safe="") for part in (self.dag_id, self.run_id, self.task_id))
        return f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails"


def answer_plan(house: House, person: Person, digest: str, option: Option, note: str = "") -> HumanTask:
    """Answer the human task that asks about this plan, as this person; returns the task as it is then.

    note: kept by Airflow beside the answer; at most 300 characters, and nobody may be named in it. ApprovalError when
    it is answered already, when no task asks, when this person may not answer, or when Airflow does not answer itself.
    """
    act = option.lower()
    try:
        answered = _answer(house, person, digest, option, note.strip())
    except ApprovalError as error:
        outcome: Literal["refused", "failed"] = (
            "refused" if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"
        )
        note_act(house.ledger, person.name, act, digest, outcome, reason=error.kind)
        raise
    note_act(house.ledger, person.name, act, digest, "done")
    return answered


def find_task(person: Person, digest: str) -> HumanTask | None:
    """The human task that waits for an answer about this plan, or else the last one that had it; None if none did.

    ApprovalError when Airflow does not answer.
    """
    with _log_in(person) as airflow:
        return _find_task(airflow, digest)


def _answer(house: House, person: Person, digest: str, option: Option, note: str) -> HumanTask:
    if len(note) > LONGEST_NOTE:
        raise ApprovalError("the note is too long", hint=f"write {LONGEST_NOTE} characters", kind="note", status=422)
    if option == "Approve":
        _require_four_eyes(house, person, digest)
    with _log_in(person) as airflow, _hold_answers(house):
        task = _require_waiting(_find_task(airflow, digest))
        body = {"chosen_options": [option], "params_input": {"note": note} if note else {}}
        _require_accepted(airflow.patch(task.path, json=body))
        answered = _read_task(airflow.get(task.path).raise_for_status().json())
    if answered.answered_by != person.name:  # somebody answered in Airflow's own pages at the same moment
        raise _already_answered()
    return answered


@contextmanager
def _hold_answers(house: House) -> Iterator[None]:
    """One at a time: of two answers that come in the same moment Airflow accepts both, and keeps the later one."""
    try:
        with hold_lock(house.ledger, LOCK, TIMEOUT_SECONDS, busy="other answers are under way"):
            yield
    except StorageBusyError as error:
        raise ApprovalError(error.args[0], hint="try again", kind="busy", status=HTTPStatus.CONFLICT) from None


def _require_four_eyes(house: House, person: Person, digest: str) -> None:
    """Before Airflow is told; approve_plan looks again, for the answer may come from Airflow's own pages."""
    try:
        require_four_eyes(house, digest, approver=person.name)
    except SameEyesError as error:
        raise ApprovalError(error.args[0], hint=error.hint, kind="four eyes", status=HTTPStatus.FORBIDDEN) from None


def _require_waiting(task: HumanTask | None) -> HumanTask:
    if task is None:
        raise ApprovalError(
            "no task of Airflow asks about this plan",
            hint="wait until propagate_deletions has planned anew",
            kind="missing",
            status=HTTPStatus.NOT_FOUND,
        )
    if task.option is not None:
        raise _already_answered()
    asked_seconds = (datetime.now(UTC) - task.asked_at).total_seconds()
    time.sleep(min(max(SETTLING_SECONDS - asked_seconds, 0), SETTLING_SECONDS))
    return task


def _require_accepted(response: httpx.Response) -> None:
    """Airflow lets one answer stand, and only that of somebody whom it asked."""
    if response.status_code == httpx.codes.CONFLICT:
        raise _already_answered()
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ApprovalError(
            "Airflow does not let this person answer",
            hint="have one of TOKUMEI_OFFICERS answer",
            kind="forbidden",
            status=HTTPStatus.FORBIDDEN,
        )
    response.raise_for_status()


def _already_answered() -> ApprovalError:
    hint = "open the request again to see by whom and how"
    return ApprovalError("this plan is already answered", hint=hint, kind="answered", status=HTTPStatus.CONFLICT)


@contextmanager
def _log_in(person: Person) -> Iterator[httpx.Client]:
    """Airflow's API as that person; no proxy of the environment may see the token."""
    if person.login is None:
        raise ApprovalError("there is no login at Airflow", hint="log in first", kind="login", status=401)
    headers = {"Authorization": f"Bearer {person.login.token.reveal()}"}
    url = f"{person.login.url}/api/v2"
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False) as airflow:
            yield airflow
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise ApprovalError(
            f"Airflow did not answer as expected ({type(error).__name__})",
            hint="try again, and see whether its server runs",
            kind="unreachable",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        ) from None


def _find_task(airflow: httpx.Client, digest: str) -> HumanTask | None:
    """Of tasks that are not answered only one that is parked: others belong to runs that were stopped."""
    if not DIGEST.fullmatch(digest):
        return None
    wanted = {"subject_search": digest, "order_by": "-created_at", "limit": "100"}
    found = airflow.get("/dags/~/dagRuns/~/hitlDetails", params=wanted).raise_for_status().json()["hitl_details"]
    ours = [each for each in found if each["task_instance"]["dag_id"] in DAG_IDS and digest in each["subject"].split()]
    waiting = [each for each in ours if each["task_instance"]["state"] == "awaiting_input" and not _has_answer(each)]
    return _read_first([*waiting, *filter(_has_answer, ours)])


def _has_answer(detail: Json) -> bool:
    return bool(detail["chosen_options"])


def _read_first(details: Sequence[Json]) -> HumanTask | None:
    return _read_task(details[0]) if details else None


def _read_task(detail: Json) -> HumanTask:
    instance, responder, at = detail["task_instance"], detail["responded_by_user"] or {}, detail["responded_at"]
    return HumanTask(
        dag_id=instance["dag_id"],
        run_id=instance["dag_run_id"],
        task_id=instance["task_id"],
        asked_at=datetime.fromisoformat(detail["created_at"]),
        answered_by=responder.get("name"),
        answered_at=datetime.fromisoformat(at) if at else None,
        option=next(iter(detail["chosen_options"] or ()), None),
        note=str(detail["params_input"].get("note", "")),
    )
