"""What people did at the console, and what was refused to them, as the ledger keeps it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from fastapi import Request

from pipelines.control.desk_tables import desk_acts
from pipelines.control.ledger import transaction
from pipelines.errors import TokumeiError
from pipelines.journeys.house import House

Outcome = Literal["done", "refused", "failed"]


def note_act(  # noqa: PLR0913, PLR0917 - an act has these facts
    ledger: sa.Engine, person: str, act: str, object_id: str | None, outcome: Outcome, reason: str | None = None
) -> None:
    """Note an act by a named person; object_id: of a request, plan or hold, never of a member; reason: its kind."""
    row = {
        "acted_at": datetime.now(UTC),
        "actor": person[:100],
        "act": act[:32],
        "object_id": None if object_id is None else object_id[:64],
        "outcome": outcome,
        "reason": None if reason is None else reason[:64],
    }
    with transaction(ledger) as connection:
        connection.execute(sa.insert(desk_acts).values(row))


def note_refusal(house: House, person: str, request: Request, reason: str) -> None:
    """Note that a request was turned away, then let go of the ledger; one that is down changes nothing in that."""
    with suppress(TokumeiError):
        note_act(house.ledger, person, request.method.lower(), None, "refused", reason=reason)
    house.ledger.dispose()
