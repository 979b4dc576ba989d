"""Marts out of a warehouse file, as frames: for the gate before publication, and for whoever reports on them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.warehouse.engine import engine_errors, open_engine


def read_mart(path: Path, table: str) -> pl.DataFrame:
    """All rows of one mart of a warehouse file that nobody is writing."""
    options = {"enable_external_access": "false"}
    with engine_errors("reading a mart"), open_engine(str(path), read_only=True, options=options) as engine:
        frame: pl.DataFrame = engine.table(f"marts.{table}").pl()
        return frame
