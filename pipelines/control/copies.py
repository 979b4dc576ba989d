"""What the ledger says of other stores: which plans stand in the lake, which gaps are known, what is certified."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from pipelines.control.desk_tables import rights_requests
from pipelines.control.ledger import accepted_gaps, deletion_requests, plans, request_moves, tombstones, transaction

PLANS = 400  # the last ones that are looked at, a year's where there is one a day
MARKS = 3  # a copy older than the last plan of a table lacks it; some more, since the runs of two may overlap
FINISHED = ("verifying", "held", "completed")

Gap = tuple[str, str]  # a table, and the digest of a plan that is to stand in it


@dataclass(frozen=True, slots=True)
class Mark:
    """A plan whose run is over and stands in a table, with the number of its last commit there."""

    table: str
    digest: str
    number: int


def list_marks(engine: sa.Engine, tables: Collection[str]) -> tuple[Mark, ...]:
    """For each of some tables the plans that must stand in it, those that were approved last."""
    finished = sa.select(deletion_requests.c.plan_digest).where(deletion_requests.c.state.in_(FINISHED))
    query = sa.select(plans.c.digest, plans.c.outcome).where(plans.c.digest.in_(finished))
    marks: dict[str, list[Mark]] = {table: [] for table in tables}
    with transaction(engine) as connection:
        for digest, outcome in connection.execute(query.order_by(plans.c.approved_at.desc()).limit(PLANS)):
            for table, found in marks.items():
                if numbers := [int(step) for step in outcome.get(table, {}) if step.isdigit()]:
                    found.append(Mark(table, digest, max(numbers)))
            if all(len(found) >= MARKS for found in marks.values()):
                break
    return tuple(mark for found in marks.values() for mark in found[:MARKS])


def list_accepted_gaps(engine: sa.Engine) -> frozenset[Gap]:
    """The plans that a table is known to lack since a copy of it was restored and searched."""
    query = sa.select(accepted_gaps.c.table_name, accepted_gaps.c.plan_digest)
    with transaction(engine) as connection:
        return frozenset((row.table_name, row.plan_digest) for row in connection.execute(query))


def accept_gaps(engine: sa.Engine, gaps: Collection[Gap], accepted_at: datetime) -> None:
    """Note that tables lack plans, and that whoever these deleted was looked for in them; again is no matter."""
    columns = accepted_gaps.c
    with transaction(engine) as connection:
        for table, digest in gaps:
            is_same = (columns.table_name == table) & (columns.plan_digest == digest)
            if connection.execute(sa.select(columns.table_name).where(is_same)).first() is None:
                row = {"table_name": table, "plan_digest": digest, "accepted_at": accepted_at}
                connection.execute(sa.insert(accepted_gaps).values(row))


def find_unknown(engine: sa.Engine, certified: Collection[str]) -> tuple[str, ...]:
    """Of requests that have a certificate, those of which this ledger does not know that they were carried out."""
    columns = request_moves.c
    is_right = columns.request_id.in_(sa.select(rights_requests.c.request_id))
    was_carried_out = (columns.state == "verifying") | ((columns.state == "running") & is_right)
    query = sa.select(columns.request_id).where(was_carried_out).distinct()
    with transaction(engine) as connection:
        return tuple(sorted(set(certified).difference(connection.execute(query).scalars())))


def lost_tombstones(engine: sa.Engine) -> bool:
    """Whether there is no tombstone although deletions were completed, each of which raised one."""
    is_completed = sa.select(deletion_requests.c.request_id).where(deletion_requests.c.state == "completed").limit(1)
    with transaction(engine) as connection:
        if connection.execute(sa.select(tombstones.c.kind).limit(1)).first():
            return False
        return connection.execute(is_completed).first() is not None
