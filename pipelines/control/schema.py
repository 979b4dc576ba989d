"""What the ledger's tables are declared with: their collection, and column types that both databases keep whole."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

metadata = sa.MetaData()


class Instant(sa.TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets time zones, so it is given back here."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value


class Names(sa.TypeDecorator[tuple[str, ...]]):
    """A few names in order; none where an older ledger holds null."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: sa.Dialect) -> list[str] | None:  # noqa: ARG002
        return list(value) if value else None

    def process_result_value(self, value: list[str] | None, dialect: sa.Dialect) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(value or ())
