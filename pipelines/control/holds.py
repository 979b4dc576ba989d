"""Legal holds in the ledger: which dataset may lose no row until when, on what basis, and who said so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa

from pipelines.control.ledger import holds, transaction
from pipelines.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. ends_on: the last day that it protects; a released one stays on record and protects nothing."""

    hold_id: str
    dataset: str
    legal_basis: str
    ends_on: date
    placed_at: datetime
    placed_by: str
    released_at: datetime | None = None
    released_by: str | None = None

    def protects_on(self, day: date) -> bool:
        return self.released_at is None and day <= self.ends_on


def place_hold(engine: sa.Engine, hold: Hold) -> None:
    """Enter a hold; from here on retention and deletions leave its dataset alone."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(holds).values(asdict(hold)))


def list_holds(engine: sa.Engine) -> tuple[Hold, ...]:
    """Every hold that was ever placed, oldest first."""
    query = sa.select(holds).order_by(holds.c.placed_at, holds.c.hold_id)
    with transaction(engine) as connection:
        return tuple(Hold(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - SQLAlchemy's public name


def release_hold(engine: sa.Engine, hold_id: str, *, released_at: datetime, released_by: str) -> None:
    """Let a hold protect nothing any more; ConfigurationError when there is none of that id that is not released."""
    placed = (holds.c.hold_id == hold_id) & holds.c.released_at.is_(None)
    with transaction(engine) as connection:
        changed = connection.execute(
            sa.update(holds).where(placed).values(released_at=released_at, released_by=released_by)
        )
    if changed.rowcount != 1:
        raise ConfigurationError("there is no hold of that id to release", hint="list them with `tokumei hold list`")


def protecting_holds(holds: Iterable[Hold], day: date) -> dict[str, Hold]:
    """The datasets under a hold on a day, each with the one of its holds that ends last."""
    protecting = sorted((hold for hold in holds if hold.protects_on(day)), key=lambda hold: hold.ends_on)
    return {hold.dataset: hold for hold in protecting}


def held_datasets(holds: Iterable[Hold], day: date) -> dict[str, date]:
    """The datasets under a hold on a day, each with the last day on which any of its holds protects it."""
    return {dataset: hold.ends_on for dataset, hold in protecting_holds(holds, day).items()}
