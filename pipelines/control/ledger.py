"""The control ledger's tables and connection: SQLite when embedded, PostgreSQL at scale. Holds no raw identifier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.schema import CreateColumn

import pipelines.control.desk_tables  # noqa: F401 - they are the ledger's too
from pipelines.control.schema import Instant, Names, metadata
from pipelines.errors import ConfigurationError, StorageBusyError

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("delivery_id", sa.Integer, primary_key=True),
    sa.Column("content_digest", sa.String(64), nullable=False, index=True),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("file_name", sa.String(1024), nullable=False),  # relative to landing/<source>
    sa.Column("state", sa.String(16), nullable=False),  # committed | duplicate | held
    sa.Column("settled", sa.Boolean, nullable=False),  # the landing file is gone
    sa.Column("reason", sa.String(1000)),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("received_date", sa.Date, nullable=False),
    sa.Column("read_count", sa.BigInteger, nullable=False),
    sa.Column("accepted_count", sa.BigInteger, nullable=False),
    sa.Column("rejected_count", sa.BigInteger, nullable=False),
    sa.Column("duplicate_count", sa.BigInteger, nullable=False),
    sa.Column("suppressed_count", sa.BigInteger, nullable=False),
    sa.Column("late_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("undeclared_count", sa.BigInteger, nullable=False, server_default="0"),
)

sa.Index(
    "one_commit_per_content",
    deliveries.c.source,
    deliveries.c.content_digest,
    unique=True,
    sqlite_where=deliveries.c.state == "committed",
    postgresql_where=deliveries.c.state == "committed",
)

contents = sa.Table(
    "contents",
    metadata,
    sa.Column("source", sa.String(32), primary_key=True),
    sa.Column("content_digest", sa.String(64), primary_key=True),
    sa.Column("prefix_digest", sa.String(64), nullable=False),
    sa.Column("byte_count", sa.BigInteger, nullable=False),
    sa.Column("line_count", sa.BigInteger, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),  # its commit was begun, and not known to have ended
)

rewritings = sa.Table(  # of files in landing, by deletions
    "rewritings",
    metadata,
    sa.Column("source", sa.String(32), primary_key=True),
    sa.Column("content_digest", sa.String(64), primary_key=True),
    sa.Column("rewritten_digest", sa.String(64), nullable=False),
    sa.Column("removed_count", sa.BigInteger, nullable=False),
)

touched_dates = sa.Table(
    "touched_dates",
    metadata,
    sa.Column("content_digest", sa.String(64), primary_key=True),
    sa.Column("event_date", sa.Date, primary_key=True),
    sa.Column("built", sa.Boolean, nullable=False),
)

account_facts = sa.Table(
    "account_facts",
    metadata,
    sa.Column("user_pseudonym", sa.LargeBinary(16), primary_key=True),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("open_listings", sa.Integer, nullable=False),
    sa.Column("open_trades", sa.Integer, nullable=False),
    sa.Column("last_transaction_date", sa.Date),
    sa.Column("consent", sa.Boolean, nullable=False),
)

tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("kind", sa.String(8), primary_key=True),  # user | device
    sa.Column("pseudonym", sa.LargeBinary(16), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("request_id", sa.String(36), nullable=False),
    sa.Column("effective_at", Instant, nullable=False),
    sa.Column("until", Instant),  # of a user who returned: what they consented anew to begins then; null for ever
    sa.Column("mark", sa.BigInteger, nullable=False, server_default="0"),  # random, another one with each change
    sa.Column("earlier_request_id", sa.String(36)),  # whose tombstone this was before, and how it stood
    sa.Column("earlier_at", Instant),
    sa.Column("earlier_until", Instant),
)

deletion_requests = sa.Table(
    "deletion_requests",
    metadata,
    sa.Column("request_id", sa.String(36), primary_key=True),
    sa.Column("request_key", sa.String(128), nullable=False, unique=True),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("eligible_on", sa.Date),
    sa.Column("sealed_subject", sa.LargeBinary),
    sa.Column("plan_digest", sa.String(64), index=True),
    sa.Column("completed_at", Instant),
    sa.Column("due_on", sa.Date),
    sa.Column("held_datasets", Names),  # whose holds it waits for
    sa.Column("earlier_plans", Names),  # what was carried out of it before a hold stopped the rest
    sa.Column("known_keys", sa.Text),  # ids of the keys under which its member was known when it was filed
    sa.Column("sealed_extension", sa.LargeBinary),  # pseudonyms under later keys, which no move of the request touches
    sa.Column("requested_by", sa.String(100)),  # who filed it in the member's name; null where the member asked
)

kept_subjects = sa.Table(
    "kept_subjects",
    metadata,
    sa.Column("request_id", sa.String(36), primary_key=True),
    sa.Column("sealed_subject", sa.LargeBinary, nullable=False),
    sa.Column("sealed_extension", sa.LargeBinary),
    sa.Column("completed_at", Instant, nullable=False),
)

restrictions = sa.Table(
    "restrictions",
    metadata,
    sa.Column("restriction_id", sa.String(36), primary_key=True),
    sa.Column("user_pseudonym", sa.LargeBinary(16), nullable=False),
    sa.Column("ground", sa.String(16), nullable=False),  # request | consent
    sa.Column("sealed_subject", sa.LargeBinary, nullable=False),
    sa.Column("known_keys", sa.Text, nullable=False),  # ids of the keys under which the member is known in it
    sa.Column("restricted_at", Instant, nullable=False),
    sa.Column("restricted_by", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.UniqueConstraint("user_pseudonym", "ground"),
)

accepted_gaps = sa.Table(
    "accepted_gaps",
    metadata,
    sa.Column("table_name", sa.String(64), primary_key=True),
    sa.Column("plan_digest", sa.String(64), primary_key=True),
    sa.Column("accepted_at", Instant, nullable=False),
)

request_moves = sa.Table(
    "request_moves",
    metadata,
    sa.Column("move_id", sa.Integer, primary_key=True),
    sa.Column("request_id", sa.String(36), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(500)),
)

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("outcome", sa.JSON, nullable=False),  # what the run did so far, by table
    sa.Column("approved_by", sa.String(100)),
    sa.Column("approved_at", Instant),
)

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("hold_id", sa.String(36), primary_key=True),
    sa.Column("dataset", sa.String(64), nullable=False),
    sa.Column("legal_basis", sa.String(500), nullable=False),
    sa.Column("ends_on", sa.Date, nullable=False),  # the last day that it protects
    sa.Column("placed_at", Instant, nullable=False),
    sa.Column("placed_by", sa.String(100), nullable=False),
    sa.Column("released_at", Instant),
    sa.Column("released_by", sa.String(100)),
)

canary_checks = sa.Table(
    "canary_checks",
    metadata,
    sa.Column("check_id", sa.Integer, primary_key=True),
    sa.Column("checked_at", Instant, nullable=False),
    sa.Column("expected_count", sa.Integer, nullable=False),
    sa.Column("absent_count", sa.Integer, nullable=False),
)

quality_results = sa.Table(  # figures of gates, never a value: one row for each day, table and rule
    "quality_results",
    metadata,
    sa.Column("judged_on", sa.Date, primary_key=True),  # in the service's time zone
    sa.Column("layer", sa.String(16), primary_key=True),  # lake | marts | anomalies
    sa.Column("table_name", sa.String(64), primary_key=True),
    sa.Column("rule", sa.String(200), primary_key=True),
    sa.Column("run_id", sa.String(36), nullable=False),  # of the day's last run
    sa.Column("judged_at", Instant, nullable=False),
    sa.Column("contract_version", sa.String(32), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("unit", sa.String(16), nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("observed", sa.Float, nullable=False),
    sa.Column("minimum", sa.Float),
    sa.Column("maximum", sa.Float),
    sa.Column("passed", sa.Boolean, nullable=False),  # in the last run
    sa.Column("judged_count", sa.Integer, nullable=False),
    sa.Column("failed_count", sa.Integer, nullable=False),
    sa.Column("description", sa.String(1000), nullable=False),
)


def open_ledger(url: str, *, wait_seconds: int = 60) -> sa.Engine:
    """Connect to the ledger and create what is missing; safe to call at the start of every step, by many at once.

    wait_seconds: how long a transaction waits for another one to end, on SQLite, before it gives way.
    """
    try:
        parsed = make_url(url)
        # Statements in errors and logs come without their parameters, which may be pseudonyms.
        engine = sa.create_engine(parsed, connect_args=_connect_arguments(parsed, wait_seconds), hide_parameters=True)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise ConfigurationError(
            f"TOKUMEI_CONTROL_URL names no database that can be used here ({type(error).__name__})",
            hint="set it to a SQLAlchemy URL, or unset it for the SQLite file below the home",
        ) from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_at_once)
    with transaction(engine) as connection:
        metadata.create_all(connection)
        _add_missing_columns(connection)
    return engine


def _add_missing_columns(connection: sa.Connection) -> None:
    """Give tables of an earlier version the columns that came since, all of which may be null or have a default."""
    inspector = sa.inspect(connection)
    for table in metadata.tables.values():
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")


def _connect_arguments(url: URL, wait_seconds: int) -> dict[str, Any]:
    return {"timeout": wait_seconds} if url.get_backend_name() == "sqlite" else {}


def _prepare_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401 - the DBAPI's own type
    connection.isolation_level = None  # its own idea of a transaction leaves out the reads before the first write
    connection.execute("PRAGMA secure_delete = ON")  # deleted pseudonyms must not stay in free pages
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_at_once(connection: sa.Connection) -> None:
    """Lock before the first read: what a transaction has read still holds when it writes, whoever else is running."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One all-or-nothing change, never one inside another; errors come without the statement and its values.

    StorageBusyError when the database gives way or another run was faster, ConfigurationError when it is no ledger.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (sa.exc.OperationalError, sa.exc.IntegrityError) as error:
        name = type(error.orig).__name__
        raise StorageBusyError(f"the control ledger did not answer ({name})", hint="run the step again") from None
    except sa.exc.DBAPIError as error:
        name = type(error.orig).__name__
        raise ConfigurationError(
            f"the control ledger cannot be used ({name})",
            hint="check TOKUMEI_CONTROL_URL, or restore it from its backup",
        ) from None
