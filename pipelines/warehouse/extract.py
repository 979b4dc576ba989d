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
    """Row count and contract version of each mart in a warehouse file."""

    row_counts: Mapping[str, int] = field(hash=False)
    versions: Mapping[str, str] = field(hash=False)


def read_mart(path: Path, table: str) -> pl.DataFrame:
    """All rows of one mart of a warehouse file that nobody is writing."""
    with engine_errors("reading a mart"), open_engine(str(path), read_only=True, options=READ_ONLY) as engine:
        frame: pl.DataFrame = engine.table(f"marts.{table}").pl()
        return frame


def read_content(path: Path) -> Content:
    """What a warehouse file that nobody is writing says of its marts."""
    with engine_errors("reading what was built"), open_engine(str(path), read_only=True, options=READ_ONLY) as engine:
        rows = engine.table("meta.tables").select("table", "row_count", "contract_version").fetchall()
    return Content({name: count for name, count, _ in rows}, {name: version for name, _, version in rows})
