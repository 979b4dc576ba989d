"""What is in a warehouse file: marts as frames, for the gate before publication, and which marts it was built with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from pipelines.warehouse.engine import engine_errors, open_engine

READ_ONLY = {"enable_external_access": "false"}


@dataclass(frozen=True, slots=True)
class Content:
    """Row count and contract version of each mart in a warehouse file, and the digest of who is left out of it."""

    row_counts: Mapping[str, int] = field(hash=False)
    versions: Mapping[str, str] = field(hash=False)
    restricted_digest: str | None = None


def read_mart(path: Path, table: str) -> pl.DataFrame:
    """All rows of one mart of a warehouse file that nobody is writing."""
    with engine_errors("reading a mart"), open_engine(str(path), read_only=True, options=READ_ONLY) as engine:
        frame: pl.DataFrame = engine.table(f"marts.{table}").pl()
        return frame


def read_content(path: Path) -> Content:
    """What a warehouse file that nobody is writing says of its marts."""
    with engine_errors("reading what was built"), open_engine(str(path), read_only=True, options=READ_ONLY) as engine:
        rows = engine.table("meta.tables").select("table", "row_count", "contract_version").fetchall()
        build = engine.table("meta.build")
        noted = build.select("restricted_digest").fetchall() if "restricted_digest" in build.columns else []
    counts, versions = ({row[0]: row[number] for row in rows} for number in (1, 2))
    return Content(counts, versions, noted[0][0] if noted else None)
