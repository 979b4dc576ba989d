"""What keeps the promises honest: audits of everything stored, canaries that must be nowhere, and who did what."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.control.desk import Act, AuditRow, Check, list_acts, list_audits, list_checks
from pipelines.control.holds import Hold, list_holds
from pipelines.journeys.desk.requests import RequestLine, list_lines
from pipelines.journeys.house import House


@dataclass(frozen=True, slots=True)
class Checks:
    """The last audits, looks for canaries and acts at the desk, each newest first."""

    audits: tuple[AuditRow, ...]
    canaries: tuple[Check, ...]
    acts: tuple[Act, ...]


def list_all_checks(house: House) -> Checks:
    """What was checked lately, and what was done at the desk."""
    return Checks(list_audits(house.ledger), list_checks(house.ledger), list_acts(house.ledger))


def list_due(house: House) -> dict[str, tuple[RequestLine, ...]]:
    """Open requests past their due date, near it, and with time left; under held, those that a hold keeps waiting."""
    waiting = [line for line in list_lines(house) if line.is_open]
    by_due = {due: tuple(line for line in waiting if line.due == due) for due in ("overdue", "near", "later")}
    return by_due | {"held": tuple(line for line in waiting if line.due is None)}


def list_hold_views(house: House) -> tuple[tuple[Hold, bool], ...]:
    """Every hold, newest first, and whether it protects anything today."""
    today = house.now().date()
    return tuple((hold, hold.protects_on(today)) for hold in reversed(list_holds(house.ledger)))
