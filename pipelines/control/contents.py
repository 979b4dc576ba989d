"""What contents each source has delivered, by length and digest, so that a file that begins with one is recognised."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from pipelines.control.ledger import contents, rewritings, transaction
from pipelines.control.locks import number_lock, open_lock_file


@dataclass(frozen=True, slots=True)
class Extent:
    """One delivered content. prefix_digest: SHA-256 of its byte_count bytes, in hexadecimal.

    content_digest: what the content is known by, which is another one when it was cut off. line_count: the lines that a
    longer copy need not bring again. is_open: its commit was begun, and not known to have ended.
    """

    content_digest: str
    prefix_digest: str
    byte_count: int
    line_count: int
    is_open: bool


def list_extents(engine: sa.Engine, source: str) -> tuple[Extent, ...]:
    """Every content of a source that is not empty, the shortest first."""
    columns = [contents.c[name] for name in Extent.__slots__]
    query = sa.select(*columns).where((contents.c.source == source) & (contents.c.byte_count > 0))
    with transaction(engine) as connection:
        return tuple(Extent(*row) for row in connection.execute(query.order_by(contents.c.byte_count)))


def begin_commit(engine: sa.Engine, source: str, extent: Extent) -> None:
    """Note what is about to be committed: should that end halfway, a file that grew meanwhile can bring the rest."""
    same = (contents.c.source == source) & (contents.c.content_digest == extent.content_digest)
    row = {name: getattr(extent, name) for name in Extent.__slots__}
    with transaction(engine) as connection:
        if connection.execute(sa.select(contents.c.source).where(same)).first() is None:
            connection.execute(sa.insert(contents).values(row | {"source": source}))


def note_rewriting(engine: sa.Engine, source: str, digest: str, rewritten: str, removed_count: int) -> None:
    """Note that a landed content is about to lose some of its lines, so that the original is known when it comes again.

    digest, rewritten: what it is known by before and after, which of a file that is cut off may be the same.
    """
    if digest == rewritten:
        return
    same = (rewritings.c.source == source) & (rewritings.c.content_digest == digest)
    row = {"source": source, "content_digest": digest, "rewritten_digest": rewritten, "removed_count": removed_count}
    with transaction(engine) as connection:
        connection.execute(sa.delete(rewritings).where(same))
        connection.execute(sa.insert(rewritings).values(row))


def follow_rewritings(engine: sa.Engine, source: str, digest: str) -> tuple[tuple[str, int], ...]:
    """What a content was rewritten to, one time after the other, and how many lines it had lost by then."""
    followed: list[tuple[str, int]] = []
    removed_count = 0
    columns = rewritings.c
    with transaction(engine) as connection:
        while found := connection.execute(
            sa.select(columns.rewritten_digest, columns.removed_count).where(
                (columns.source == source) & (columns.content_digest == digest)
            )
        ).first():
            digest, removed_count = found.rewritten_digest, removed_count + found.removed_count
            followed.append((digest, removed_count))
    return tuple(followed)


@contextmanager
def take_turn(engine: sa.Engine, source: str) -> Iterator[None]:
    """One commit of a source at a time, so that what was looked up before it still holds; ends with the process."""
    if engine.dialect.name == "sqlite":
        with open_lock_file(engine, source) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        return
    with transaction(engine) as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number_lock(source))))
        yield
