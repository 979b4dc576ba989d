"""What a legal hold leaves of a request, and how the request goes on once the hold is over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pipelines.control.holds import Hold
from pipelines.control.requests import DeletionRequest
from pipelines.deletion.outcome import Outcome

LONGEST_BASIS = 120  # so that the reason of a few datasets fits its column
LONGEST_REASON = 500


def explain_hold(datasets: Iterable[str], holds: Mapping[str, Hold], file_count: int) -> str:
    """Why a request is held: each dataset with the basis and the end of its hold, and what was proved all the same."""
    kept = "; ".join(_describe(dataset, holds.get(dataset)) for dataset in datasets)
    return f"{kept}; without them {file_count} files were scanned and are clean"[:LONGEST_REASON]


def _describe(dataset: str, hold: Hold | None) -> str:
    if hold is None:
        return f"lake.{dataset}: its hold is over"
    return f"lake.{dataset}: {hold.legal_basis[:LONGEST_BASIS]}, until {hold.ends_on}"


def find_released(requests: Iterable[DeletionRequest], held: Collection[str]) -> tuple[DeletionRequest, ...]:
    """Held requests none of whose datasets is under a hold any more."""
    return tuple(request for request in requests if not set(request.held_datasets) & set(held))


def join_outcomes(outcomes: Mapping[str, Outcome]) -> dict[str, dict[str, Mapping[str, object]]]:
    """The outcome of several plans, by digest, as that of one: each step under its plan's name."""
    joined: dict[str, dict[str, Mapping[str, object]]] = {}
    for digest, outcome in outcomes.items():
        for dataset, steps in outcome.items():
            named = {f"{digest[:12]} {step}": figures for step, figures in steps.items()}
            joined[dataset] = {**joined.get(dataset, {}), **named}
    return joined
