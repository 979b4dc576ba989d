"""Moves of requests from state to state: each recorded, and none made by two at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from pipelines.control.ledger import request_moves, transaction
from pipelines.errors import StorageBusyError


@dataclass(frozen=True, slots=True)
class Move:
    """The state that requests enter, when, by whose doing and why."""

    state: str
    at: datetime
    actor: str
    reason: str | None = None


class Request(Protocol):
    """What has an id and is in a state."""

    @property
    def request_id(self) -> str: ...

    @property
    def state(self) -> str: ...


def list_moves(engine: sa.Engine, request_id: str) -> tuple[tuple[str, datetime, str, str | None], ...]:
    """State, time, actor and reason of each move of one request, in order."""
    query = sa.select(request_moves).where(request_moves.c.request_id == request_id).order_by(request_moves.c.move_id)
    with transaction(engine) as connection:
        return tuple((row.state, row.moved_at, row.actor, row.reason) for row in connection.execute(query))


def record_moves(connection: sa.Connection, moves: Iterable[tuple[Request, Move]]) -> None:
    """Note which request was moved how."""
    rows = [
        {
            "request_id": request.request_id,
            "state": move.state,
            "moved_at": move.at,
            "actor": move.actor,
            "reason": move.reason,
        }
        for request, move in moves
    ]
    if rows:
        connection.execute(sa.insert(request_moves), rows)


def require_unmoved(connection: sa.Connection, table: sa.Table, requests: Sequence[Request]) -> None:
    """Each is in the state that the caller saw, and stays in it, so that of two who move one at once, one fails."""
    columns = table.c
    is_meant = columns.request_id.in_([request.request_id for request in requests])
    query = sa.select(columns.request_id, columns.state).where(is_meant).with_for_update()
    states = {row.request_id: row.state for row in connection.execute(query)}
    for request in requests:
        if states.get(request.request_id) != request.state:
            raise StorageBusyError(f"request {request.request_id} was moved by someone else", hint="run the step again")
