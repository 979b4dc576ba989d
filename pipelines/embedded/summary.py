"""What the demo shows at its end: lines accounted for, three metric tables, a verified certificate, no residue."""

from __future__ import annotations

from pathlib import Path

import typer

from pipelines.errors import DeletionIncompleteError
from pipelines.proof.certificate import verify_all
from pipelines.proof.scan import read_identifiers, scan
from pipelines.settings import Settings
from pipelines.warehouse.query import run_query

LINES = """
SELECT source, sum(read_count) AS "rows in", sum(accepted_count) AS accepted, sum(rejected_count) AS rejected,
       sum(duplicate_count) AS duplicate, sum(suppressed_count) AS suppressed
FROM marts.data_quality_daily GROUP BY source ORDER BY source
"""
USAGE = """
SELECT event_date, page_views, visits, visitors, members, round(bounce_rate, 3) AS bounce_rate
FROM marts.usage_daily ORDER BY event_date DESC LIMIT 7
"""
TERMS = """
SELECT term, sum(search_count) AS searches FROM marts.search_terms_daily GROUP BY term ORDER BY searches DESC LIMIT 5
"""
SATISFACTION = """
SELECT week_start, survey_id, response_count AS answers, round(csat_rate, 3) AS csat, round(csat_low, 3) AS low,
       round(csat_high, 3) AS high, round(nps, 1) AS nps
FROM marts.satisfaction_weekly ORDER BY week_start DESC, survey_id LIMIT 6
"""


def print_summary(settings: Settings, planted: Path) -> None:
    """Print everything that the demo promises; DeletionIncompleteError when a planted identifier is found anywhere."""
    _show(settings, "Rows in = accepted + rejected + duplicate + suppressed", LINES)
    _show(settings, "Usage (marts.usage_daily)", USAGE)
    _show(settings, "Search terms of at least 10 people a day (marts.search_terms_daily)", TERMS)
    _show(settings, "Satisfaction with 95 % intervals (marts.satisfaction_weekly)", SATISFACTION)
    _print_certificates(settings)
    _print_scan(settings, planted)
    _print_next(settings)


def _show(settings: Settings, title: str, sql: str) -> None:
    typer.echo(f"\n{title}")
    typer.echo(run_query(settings.warehouse_file, sql, format="table"))


def _print_certificates(settings: Settings) -> None:
    verified = verify_all(settings.certificates)
    if not verified:
        raise DeletionIncompleteError("no deletion was certified", hint="see the log of propagate_deletions")
    newest = verified[-1].certificate
    erased = [part for part in newest.datasets if part.outcome == "erased"]
    typer.echo(
        f"\n{len(verified)} deletion certificates verified; the newest: {newest.request_id}, approved by "
        f"{newest.approved_by}, {sum(part.row_count for part in erased)} rows erased from {len(erased)} datasets",
    )


def _print_scan(settings: Settings, planted: Path) -> None:
    report = scan([settings.home], read_identifiers(planted), excluded=[settings.keyring_file.parent])
    for path in report.unreachable:
        typer.echo(f"    could not read {path}")
    if not report.clean:
        raise DeletionIncompleteError(
            f"{report.finding_count} residual occurrences of planted identifiers",
            hint=f"list them with `tokumei scan --identifiers {planted}`",
        )
    typer.echo(
        f"0 residual bytes for {report.identifier_count} planted identifiers, "
        f"in {report.byte_count / 1e6:.1f} MB of {report.file_count} files below {settings.home}",
    )


def _print_next(settings: Settings) -> None:
    tokumei = ".venv/bin/tokumei"
    typer.echo("\nTry next:")
    typer.echo(f"  {tokumei} query 'FROM marts.usage_by_environment_daily'")
    typer.echo(f"  {tokumei} certificate verify --all")
    typer.echo(f"  make up     # Airflow's own pages on http://127.0.0.1:{settings.airflow_port}")
