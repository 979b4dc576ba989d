"""The console's button and Airflow's human task are one act. Minimal: the names that pages are written against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipelines.console.authority import Person
from pipelines.errors import DeletionError
from pipelines.journeys.house import House

Option = Literal["Approve", "Reject"]
LONGEST_NOTE = 300


@dataclass(frozen=True, slots=True)
class HumanTask:
    """The task of Airflow that asks about one plan, and by whom, how and when it was answered, if it was."""

    answered_by: str | None
    option: str | None
    answered_at: datetime | None


class ApprovalError(DeletionError):
    """An answer that does not stand: `kind` says why in a word, `status` is what to answer the browser with."""

    def __init__(self, what: str, *, hint: str, kind: str = "failed", status: int = 502) -> None:
        super().__init__(what, hint=hint)
        self.kind = kind
        self.status = status


def answer_plan(house: House, person: Person, digest: str, option: Option, note: str = "") -> None:  # noqa: ARG001
    """Answer the human task that asks about this plan, as this person."""
    raise ApprovalError("no task of Airflow asks about this plan", hint="wait for it", kind="missing", status=404)


def find_task(person: Person, digest: str) -> HumanTask | None:  # noqa: ARG001
    """The human task that asks about this plan; None if none ever did."""
    return None
