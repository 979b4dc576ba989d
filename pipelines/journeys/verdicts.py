"""What the gates found, on its way into the ledger; figures only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from uuid import uuid4

from pipelines.control.quality_results import Judgement, RuleFigures
from pipelines.journeys.house import House
from pipelines.quality.gate import Verdict
from pipelines.telemetry import record_progress


def list_rules(verdict: Verdict) -> Iterator[RuleFigures]:
    """Every rule of a verdict as the ledger keeps it."""
    for result in verdict.results:
        yield RuleFigures(
            layer=verdict.layer,
            table=verdict.table,
            contract_version=verdict.contract_version,
            row_count=verdict.row_count,
            rule=result.rule_id,
            severity=result.severity,
            unit=result.unit,
            observed=result.observed,
            minimum=result.minimum,
            maximum=result.maximum,
            passed=result.passed,
            description=result.description,
        )


def new_judgement(house: House, tables: Iterable[Iterable[RuleFigures]]) -> Judgement:
    """One run's findings, of now; nothing is entered yet."""
    now = house.now()
    return Judgement(str(uuid4()), now.date(), now, tuple(chain.from_iterable(tables)))


def require_kept(verdicts: Iterable[Verdict]) -> None:
    """Tell of lesser failures; GateFailedError, of the first table that breaks one, when a rule is critical."""
    for verdict in verdicts:
        if verdict.failures:
            record_progress("judge", f"{verdict.layer}.{verdict.table}", failed_rules=len(verdict.failures))
        verdict.require()
