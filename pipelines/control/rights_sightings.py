"""What ingestion learns of members whose requests for access or correction are open, apart from what moves carry."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipelines.control.batches import split_batches
from pipelines.control.desk_tables import rights_requests, rights_sightings
from pipelines.control.ledger import transaction

CLOSED = ("completed", "refused")


@dataclass(frozen=True, slots=True)
class OpenRight:
    """Whom an open request is about; sealed_extension: pseudonyms under keys that were made after it was filed."""

    request_id: str
    sealed_subject: bytes
    known_keys: str
    sealed_extension: bytes | None


def list_open_rights(engine: sa.Engine) -> tuple[OpenRight, ...]:
    """Every open request whose subject is known."""
    with transaction(engine) as connection:
        return tuple(OpenRight(*row) for row in connection.execute(_select_open()))


def store_sightings(
    engine: sa.Engine, request_ids: Collection[str], extend: Callable[[OpenRight], bytes | None]
) -> int:
    """Ask for the new sealed extension of each of some requests that are still open, and store all or none.

    extend: None for a request that stays as it is. Returns how many were extended.
    """
    extended = 0
    with transaction(engine) as connection:
        for row in connection.execute(_select_open()).all():
            right = OpenRight(*row)
            sealed = extend(right) if right.request_id in request_ids else None
            if sealed is not None:
                _delete(connection, [right.request_id])
                values = {"request_id": right.request_id, "sealed_extension": sealed}
                connection.execute(sa.insert(rights_sightings).values(values))
                extended += 1
    return extended


def forget_sightings(engine: sa.Engine, request_ids: Collection[str] = ()) -> None:
    """Forget what was learnt for some requests, and for all that are closed."""
    is_open = rights_requests.c.state.not_in(CLOSED)
    closed = rights_sightings.c.request_id.not_in(sa.select(rights_requests.c.request_id).where(is_open))
    with transaction(engine) as connection:
        connection.execute(sa.delete(rights_sightings).where(closed))
        _delete(connection, request_ids)


def _select_open() -> sa.Select[Any]:
    rights, learnt = rights_requests.c, rights_sightings.c
    joined = rights_requests.outerjoin(rights_sightings, learnt.request_id == rights.request_id)
    is_open = rights.sealed_subject.is_not(None) & rights.state.not_in(CLOSED)
    columns = (rights.request_id, rights.sealed_subject, rights.known_keys, learnt.sealed_extension)
    return sa.select(*columns).select_from(joined).where(is_open).order_by(rights.request_id)


def _delete(connection: sa.Connection, request_ids: Collection[str]) -> None:
    for batch in split_batches(sorted(request_ids)):
        connection.execute(sa.delete(rights_sightings).where(rights_sightings.c.request_id.in_(list(batch))))
