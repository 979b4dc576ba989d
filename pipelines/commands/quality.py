"""The command that tells what the gates found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from pipelines.control.quality_results import DayOfRule

app = typer.Typer()


@app.command()
def quality(*, as_json: JsonOption = False) -> None:
    """The latest verdict on every table, rule by rule where one is broken, and what is unlike the weeks before."""
    from pipelines.control.ledger import open_ledger
    from pipelines.control.quality_results import latest_results, list_results
    from pipelines.journeys.anomalies import compare_with_weeks_before

    settings = load_settings()
    ledger, now = open_ledger(settings.control_url), datetime.now(UTC).astimezone(settings.zone)
    latest = latest_results(list_results(ledger))
    compared = compare_with_weeks_before(ledger, settings.warehouse_file, now)
    record = {
        "tables": [_describe_table(found) for (layer, _), found in latest.items() if layer != "anomalies"],
        "compared": [
            {**asdict(comparison), "is_anomaly": comparison.is_anomaly, "text": str(comparison)}
            for comparison in compared
        ],
    }
    print_record(record, as_json=as_json, draw=_draw_quality)


def _describe_table(found: Sequence[DayOfRule]) -> dict[str, Any]:
    first = found[0].figures
    broken = [result.figures for result in found if not result.figures.passed]
    return {
        "table": f"{first.layer}.{first.table}",
        "contract_version": first.contract_version,
        "judged_at": found[0].judged_at,
        "run_id": found[0].run_id,
        "row_count": max(result.figures.row_count for result in found),
        "rule_count": len(found),
        "passed": not any(rule.severity == "critical" for rule in broken),
        "broken_rules": [asdict(rule) for rule in broken],
        "failed_today": sum(result.failed_count > 0 for result in found),
    }


def _draw_quality(record: Mapping[str, Any]) -> str:
    lines = [line for table in record["tables"] for line in _draw_table(table)]
    anomalies = [item["text"] for item in record["compared"] if item["is_anomaly"]]
    lines += [f"unusual: {text}" for text in anomalies]
    if not anomalies:
        lines.append(f"nothing unusual in {len(record['compared'])} comparisons with the weeks before")
    return "\n".join(lines)


def _draw_table(table: Mapping[str, Any]) -> list[str]:
    state = "passed" if table["passed"] else "FAILED"
    kept = table["rule_count"] - len(table["broken_rules"])
    judged = f"{table['judged_at']:%Y-%m-%d %H:%M} UTC"
    lines = [
        f"{table['table']}: {state}, {kept} of {table['rule_count']} rules kept, {table['row_count']} rows, {judged}"
    ]
    lines += [
        f"  {rule['severity']} {rule['rule']}: {rule['observed']:.12g} {rule['unit']}" for rule in table["broken_rules"]
    ]
    return lines
