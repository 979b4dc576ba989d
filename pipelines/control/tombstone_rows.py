"""Tombstones as rows of the ledger: how one stands, what it remembers of the one before it, and its mark."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa

from pipelines.control.ledger import deletion_requests, tombstones

CLOSED_STATES = ("completed", "refused")  # the states of a request in which nothing more is deleted for it
MARKS = 2**40


def select_stones() -> sa.Select[Any]:
    """Every tombstone, and whether its request is closed; one that is not in the ledger asks for nothing."""
    state = deletion_requests.c.state
    joined = tombstones.outerjoin(deletion_requests, deletion_requests.c.request_id == tombstones.c.request_id)
    is_closed = sa.or_(state.is_(None), state.in_(CLOSED_STATES)).label("is_closed")
    return sa.select(tombstones, is_closed).select_from(joined)


def remember_stone(standing: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    """How a tombstone stood, for the one that takes its place."""
    return {
        "earlier_request_id": standing.request_id,
        "earlier_at": standing.effective_at,
        "earlier_until": standing.until,
    }


def recall_stone(stone: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    """A tombstone as it stood before another request took it over."""
    before = {"request_id": stone.earlier_request_id, "effective_at": stone.earlier_at, "until": stone.earlier_until}
    return {**before, "earlier_request_id": None, "earlier_at": None, "earlier_until": None}


def new_mark() -> int:
    """Drawn, not counted: a tombstone that goes and another one that comes must not look like nothing."""
    return secrets.randbelow(MARKS) + 1
