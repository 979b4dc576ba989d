"""What the runs of a plan did to each dataset, as the ledger notes it, and what that means for one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.lake.replace import EVERYBODY
from pipelines.lake.rewrite import Rewrite

Outcome = Mapping[str, Mapping[str, Mapping[str, Any]]]  # figures by dataset and step


@dataclass(frozen=True, slots=True)
class Erased:
    """What one request lost in one dataset; the hash of all other rows in the touched files, None when none were."""

    row_count: int
    file_count: int
    survivor_hash: str | None


def describe_rewrite(rewrite: Rewrite) -> dict[str, Any]:
    """A rewrite as figures by request, for the ledger."""
    return {"rows": rewrite.row_counts, "files": rewrite.file_counts, "survivors": rewrite.survivor_hash}


def describe_forgotten(row_counts: Mapping[str, int]) -> dict[str, Any]:
    """Rows of the ledger itself that are forgotten, by request."""
    return {"rows": row_counts}


def sum_erased(outcome: Outcome, dataset: str, request_id: str) -> Erased:
    """Everything that the runs took out of one dataset for one request."""
    steps = [step for step in outcome.get(dataset, {}).values() if request_id in step["rows"]]
    hashes = [int(step["survivors"], 16) for step in steps if "survivors" in step]
    return Erased(
        row_count=sum(step["rows"][request_id] for step in steps),
        file_count=sum(step.get("files", {}).get(request_id, 0) for step in steps),
        survivor_hash=f"{sum(hashes) % 2**64:016x}" if hashes else None,
    )


def summarise_outcome(outcome: Outcome) -> dict[str, dict[str, int]]:
    """Rows and files by dataset, all requests together; what several requests were about counts once."""
    return {
        dataset: {
            "rows": sum(_count_together(step["rows"]) for step in steps.values()),
            "files": sum(_count_together(step.get("files", {})) for step in steps.values()),
        }
        for dataset, steps in outcome.items()
    }


def _count_together(counts: Mapping[str, int]) -> int:
    return counts[EVERYBODY] if EVERYBODY in counts else sum(counts.values())
