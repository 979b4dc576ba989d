"""Every line accounted for before anything is committed: the equation, the reject limit, and the rejects themselves."""

from __future__ import annotations

from datetime import date

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.control.deliveries import LineCounts
from pipelines.errors import DataQualityError, ReconciliationError, RejectRateExceededError
from pipelines.ingestion.enrich import Batch


def check_counts(
    counts: LineCounts, contract: Contract, *, cut_off_count: int = 0, accepts_rejects: bool = False
) -> None:
    """Raise when lines are unaccounted for, or when more were rejected than the source's contract allows.

    cut_off_count: rejects that say where a file is cut off; they tell nothing against its lines. accepts_rejects: a
    person looked at the file, and the contract's limit does not hold.
    """
    if not counts.reconciled:
        raise ReconciliationError(
            f"{contract.name}: {counts.read} lines read, but accepted {counts.accepted} + rejected {counts.rejected} "
            f"+ duplicate {counts.duplicate} + suppressed {counts.suppressed} differ",
            hint="nothing was stored; report this, it is a defect of the pipeline",
        )
    read, rejected = counts.read - cut_off_count, counts.rejected - cut_off_count
    if cut_off_count and not read:
        raise DataQualityError(
            f"{contract.name}: the file is damaged or cut off within its first line", hint="deliver it whole"
        )
    limit = 100.0 if accepts_rejects else float(contract.properties["maximumRejectPercent"])
    share = 100.0 * rejected / max(read, 1)
    if share > limit:
        raise RejectRateExceededError(
            f"{contract.name}: {rejected} of {read} lines rejected ({share:.1f} %, limit {limit:g} %)",
            hint="the file stays in landing; mend it or its format, then run ingest again, "
            "or take in the rest of it with `tokumei ingest --accept-rejects FILE`",
        )


def describe_rejected_lines(rejects: pl.DataFrame, batch: Batch, received_date: date) -> pl.DataFrame:
    """Rows of rejected_lines for a chunk's rejects, in that table's column order."""
    return rejects.select(
        pl.lit(received_date).alias("received_date"),
        pl.lit(batch.source).alias("source"),
        pl.lit(batch.file_id).alias("file_id"),
        "line_number",
        "byte_offset",
        "reason",
        "shape",
        "byte_count",
    )
