"""Who is left out of a published warehouse, by the file's own word and by a scan of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import duckdb

from pipelines.proof.tables import DUCKDB_CONFIG


def digest_members(members: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 of purposes and pseudonyms, each once and in order, in hexadecimal."""
    return hashlib.sha256(b"".join(sorted(purpose.encode() + value for purpose, value in set(members)))).hexdigest()


def read_restricted_digest(warehouse: Path) -> str | None:
    """Under which digest a warehouse file says that it was built; None for a file that is not there or does not say."""
    if not warehouse.exists():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True, config=DUCKDB_CONFIG) as database:
            found = database.sql("SELECT restricted_digest FROM meta.build").fetchall()
    except duckdb.Error:
        return None
    return str(found[0][0]) if len(found) == 1 else None
