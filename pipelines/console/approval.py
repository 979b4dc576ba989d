"""The console's button and Airflow's human task are one act: the answer is given to Airflow, as that very person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

import httpx
from airflow.configuration import conf

from pipelines.console.acts import note_act
from pipelines.console.authority import Person
from pipelines.errors import DeletionError, TokumeiError
from pipelines.journeys.delete import require_four_eyes
from pipelines.journeys.house import House

Option = Literal["Approve", "Reject"]
DAG_IDS = ("propagate_deletions", "answer_requests")
DIGEST = re.compile(r"[0-9a-f]{64}")
LONGEST_NOTE = 300
SECONDS = 30.0
Json = dict[str, Any]


class ApprovalError(DeletionError):
    """An answer that does not stand; `status` is the one to answer with, `kind` names it in a word."""

    def __init__(self, what: str, *, hint: str, kind: str = "failed", status: int = 409) -> None:
        super().__init__(what, hint=hint)
        self.kind = kind
        self.status = status


@dataclass(frozen=True, slots=True)
class HumanTask:
    """The task of Airflow that asks about one plan; by whom, how and when it was answered, if it was."""

    dag_id: str
    run_id: str
    task_id: str
    answered_by: str | None
    option: str | None
    answered_at: datetime | None

    @property
    def path(self) -> str:
        """The task's place below Airflow's own pages and API alike."""
        parts = (quote(part, safe="") for part in (self.dag_id, self.run_id, self.task_id))
        return "/dags/{}/dagRuns/{}/taskInstances/{}/-1/hitlDetails".format(*parts)


def answer_plan(house: House, person: Person, digest: str, option: Option, note: str = "") -> HumanTask:
    """Answer the human task that asks about this plan, as this person; returns the answered task.

    note: kept by Airflow beside the answer, at most 300 characters, and nobody is named in it. ApprovalError when it is
    answered already, when none asks, when Airflow does not let this person answer, or does not answer itself.
    """
    raise NotImplementedError


def find_task(person: Person, digest: str) -> HumanTask | None:
    """The human task that asks, or last asked, about this plan, as Airflow shows it to this person."""
    raise NotImplementedError
