"""The tokumei command: one journey each, without Airflow. Errors are one line on stderr with a hint."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

import typer

from anonymization.errors import AnonymizationError
from pipelines.errors import TokumeiError
from pipelines.settings import Settings, load_settings, prepare_home
from pipelines.telemetry import log_to_stderr

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
delete = typer.Typer(no_args_is_help=True, help="The deletion journey by hand.")
certificate = typer.Typer(no_args_is_help=True, help="Deletion certificates.")
keys = typer.Typer(no_args_is_help=True, help="The keyring.")
app.add_typer(delete, name="delete")
app.add_typer(certificate, name="certificate")
app.add_typer(keys, name="keys")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def main() -> None:
    """Run the command; exit 0 only on success, and print any expected error as one line."""
    os.umask(0o077)
    try:
        app()
    except TokumeiError as error:
        _fail(f"{error}")
    except AnonymizationError as error:
        _fail(f"{error}; see `tokumei doctor`")


def _fail(message: str) -> None:
    typer.echo(f"tokumei: {message}", err=True)
    sys.exit(1)


@app.callback()
def prepare(*, verbose: Annotated[bool, typer.Option("--verbose", help="One JSON event a step on stderr.")] = False) -> None:
    log_to_stderr(verbose=verbose)


def _settings() -> Settings:
    return load_settings()


def _today(settings: Settings) -> date:
    return datetime.now(UTC).astimezone(settings.zone).date()


def _print(record: Mapping[str, Any], *, as_json: bool, line: Callable[[Mapping[str, Any]], str]) -> None:
    typer.echo(json.dumps(record, default=str, ensure_ascii=False) if as_json else line(record))


@app.command()
def generate(  # noqa: PLR0913 - a command's options
    *,
    out: Annotated[Path, typer.Option(help="Where the landing directories are written.")],
    days: Annotated[int, typer.Option(min=1)] = 7,
    users: Annotated[int, typer.Option(min=1, help="Members; about as many visitors come on top.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed and start give the same bytes.")] = 1,
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: ends yesterday.")] = None,
    plant: Annotated[Path | None, typer.Option(help="Lists every raw identifier written, one a line.")] = None,
) -> None:
    """Write realistic source files of every kind."""
    from pipelines.synthetic import generate as write  # noqa: PLC0415 - only what a command needs is imported

    first = start.date() if start else _today(_settings()) - timedelta(days=days)
    done = write(out, days=days, users=users, seed=seed, start=first, plant=plant)
    planted = f", {done.planted_count} identifiers planted" if plant else ""
    typer.echo(f"{done.line_count} lines in {len(done.files)} files from {first}{planted}")


@app.command()
def ingest(paths: Annotated[list[Path] | None, typer.Argument(help="Files in landing; default: all.")] = None) -> None:
    """Take in what waits in landing. Exits 1 when a file had to be held, after taking in all others."""
    from pipelines.journeys.house import open_house  # noqa: PLC0415 - as above
    from pipelines.journeys.ingest import find_files, name_files  # noqa: PLC0415 - as above
    from pipelines.journeys.ingest import ingest as take_in  # noqa: PLC0415 - as above

    house = open_house(_settings())
    deliveries = take_in(house, name_files(house, paths) if paths else find_files(house))
    for delivery in deliveries:
        counts = delivery.counts
        typer.echo(
            f"{delivery.source}/{delivery.file_name} {delivery.state}: {counts.read} read = {counts.accepted} accepted "
            f"+ {counts.rejected} rejected + {counts.duplicate} duplicate + {counts.suppressed} suppressed",
        )
        if delivery.reason:
            typer.echo(f"tokumei: {delivery.file_name} is held: {delivery.reason}", err=True)
    if not deliveries:
        typer.echo("landing is empty")
    if any(delivery.state == "held" for delivery in deliveries):
        raise typer.Exit(1)


@app.command("build-marts")
def build() -> None:
    """Build the marts of all touched dates and publish the warehouse."""
    from pipelines.journeys.build_marts import build_marts  # noqa: PLC0415 - as above
    from pipelines.journeys.house import open_house  # noqa: PLC0415 - as above

    published = build_marts(open_house(_settings()))
    for table, rows in published.tables.items():
        typer.echo(f"marts.{table}: {rows} rows")


@app.command()
def query(
    sql: str,
    *,
    format: Annotated[Literal["table", "csv", "json"], typer.Option()] = "table",  # noqa: A002 - the option's name
) -> None:
    """Read-only SQL on the published warehouse."""
    from pipelines.warehouse.query import run_query  # noqa: PLC0415 - as above

    typer.echo(run_query(_settings().warehouse_file, sql, format=format))


@app.command()
def scan(
    directories: Annotated[list[Path] | None, typer.Argument(help="Default: the home without landing and keys.")] = None,
    *,
    identifiers: Annotated[Path, typer.Option(help="What to look for, one a line.")],
) -> None:
    """Search every byte for identifiers. Exits 1, with a list of places, on any hit."""
    from pipelines.proof.scan import read_identifiers  # noqa: PLC0415 - as above
    from pipelines.proof.scan import scan as search  # noqa: PLC0415 - as above

    settings = _settings()
    excluded = [] if directories else [settings.landing, settings.keyring_file.parent]
    report = search(directories or [settings.home], read_identifiers(identifiers), excluded=excluded)
    for finding in report.findings:
        typer.echo(f"{finding.path} {finding.place} at {finding.byte_offset}: line {finding.identifier_index} as {finding.form}")
    for path in report.unreachable:
        typer.echo(f"tokumei: {path} could not be read", err=True)
    typer.echo(
        f"{report.finding_count} residual occurrences of {report.identifier_count} identifiers "
        f"in {report.byte_count} bytes of {report.file_count} files",
    )
    raise typer.Exit(0 if report.clean else 1)


@app.command()
def doctor() -> None:
    """Check the installation and say what is wrong. Exits 1 when something is."""
    from pipelines.journeys.doctor import examine  # noqa: PLC0415 - as above

    findings = examine(_settings())
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_well else 'FAIL'} {finding.subject}: {finding.detail}")
    raise typer.Exit(0 if all(finding.is_well for finding in findings) else 1)


@delete.command("request")
def delete_request(
    *,
    user_id: Annotated[str, typer.Option(help="The member's id; becomes pseudonyms at once and is not kept.")],
    last_transaction: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    open_trades: Annotated[int | None, typer.Option(min=0)] = None,
    open_listings: Annotated[int | None, typer.Option(min=0)] = None,
    as_json: JsonOption = False,
) -> None:
    """File a request and print its id. Facts given here stand in for those of the accounts source."""
    from pipelines.control.subjects import AccountFacts  # noqa: PLC0415 - as above
    from pipelines.journeys.delete import request_deletion  # noqa: PLC0415 - as above
    from pipelines.journeys.house import open_house  # noqa: PLC0415 - as above

    given = (last_transaction, open_trades, open_listings) != (None, None, None)
    last_date = last_transaction.date() if last_transaction else None
    facts = AccountFacts(open_listings or 0, open_trades or 0, last_date) if given else None
    request_id = request_deletion(open_house(_settings()), user_id, request_key=f"cli-{uuid4()}", facts=facts)
    _print({"request_id": request_id}, as_json=as_json, line=lambda record: record["request_id"])


@delete.command("plan")
def delete_plan(*, as_json: JsonOption = False) -> None:
    """Decide which requests may go on, plan them, and print the digest to approve."""
    from pipelines.journeys.delete import accept_landed, decide_requests, plan_deletions  # noqa: PLC0415 - as above
    from pipelines.journeys.house import open_house  # noqa: PLC0415 - as above

    house = open_house(_settings())
    accept_landed(house)
    decide_requests(house)
    planned = plan_deletions(house)
    if planned is None:
        _print({"digest": None, "requests": []}, as_json=as_json, line=lambda _: "no request is ready")
        return
    record = {"digest": planned.digest, "requests": planned.request_ids, "datasets": planned.datasets}
    _print(record, as_json=as_json, line=_draw_plan)


def _draw_plan(record: Mapping[str, Any]) -> str:
    lines = (f"  {item['table']}: {item['strategy']}, {item['rows']} rows in {item['files']} files" for item in record["datasets"])
    return "\n".join([record["digest"], f"{len(record['requests'])} requests", *lines])


@delete.command("approve")
def delete_approve(digest: str, *, as_json: JsonOption = False) -> None:
    """Approve exactly the plan of this digest, as the user who is logged in."""
    from getpass import getuser  # noqa: PLC0415 - as above

    from pipelines.journeys.delete import approve_plan  # noqa: PLC0415 - as above
    from pipelines.journeys.house import open_house  # noqa: PLC0415 - as above

    approve_plan(open_house(_settings()), digest, approved_by=getuser())
    _print({"digest": digest, "approved_by": getuser()}, as_json=as_json, line=lambda _: f"approved by {getuser()}")


@delete.command("run")
def delete_run(digest: Annotated[str | None, typer.Argument()] = None, *, as_json: JsonOption = False) -> None:
    """Carry out an approved plan, scan for what remains, and certify. Safe to repeat after any failure."""
    from pipelines.journeys.certify import certify_deletions  # noqa: PLC0415 - as above
    from pipelines.journeys.delete import find_open_plans, run_plan  # noqa: PLC0415 - as above
    from pipelines.journeys.house import open_house  # noqa: PLC0415 - as above

    house = open_house(_settings())
    certified = []
    for each in [digest] if digest else find_open_plans(house):
        run_plan(house, each)
        certified += [verified.path.name for verified in certify_deletions(house, each)]
    record = {"certificates": certified}
    _print(record, as_json=as_json, line=lambda found: "\n".join(found["certificates"]) or "nothing is approved")


@delete.command("status")
def delete_status(
    request_id: Annotated[str | None, typer.Argument()] = None, *, as_json: JsonOption = False
) -> None:
    """Every request with its state, or one with its history."""
    from pipelines.control.requests import get_request, list_moves, list_requests  # noqa: PLC0415 - as above
    from pipelines.journeys.house import open_house  # noqa: PLC0415 - as above

    ledger = open_house(_settings()).ledger
    requests = [get_request(ledger, request_id)] if request_id else list_requests(ledger)
    shown = ("request_id", "state", "requested_at", "eligible_on", "plan_digest", "completed_at", "reason")
    records: list[dict[str, Any]] = [{name: getattr(request, name) for name in shown} for request in requests]
    if request_id:
        moves = list_moves(ledger, request_id)
        records[0]["history"] = [dict(zip(("state", "at", "actor", "reason"), move, strict=True)) for move in moves]
    _print({"requests": records}, as_json=as_json, line=lambda found: _draw_requests(found["requests"]))


def _draw_requests(records: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for record in records:
        lines.append(f"{record['request_id']} {record['state']} {record['reason'] or ''}".rstrip())
        lines += [f"  {move['at']:%Y-%m-%d %H:%M:%S} {move['state']} by {move['actor']}" for move in record.get("history", ())]
    return "\n".join(lines) or "there are no requests"


@certificate.command("verify")
def certificate_verify(
    files: Annotated[list[Path] | None, typer.Argument()] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every certificate, and the chain that they form.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check signature, fields and scope offline; with --all the chain too."""
    from pipelines.proof.certificate import verify, verify_all  # noqa: PLC0415 - as above

    directory = _settings().certificates
    if not files and not all_:
        raise typer.BadParameter("name certificate files, or give --all")
    verified = verify_all(directory) if all_ else verify(files or (), directory / "signing_keys.jwks")
    records = [
        {"file": item.path.name, "sequence": item.certificate.sequence, "final": item.certificate.final}
        for item in verified
    ]
    _print({"certificates": records}, as_json=as_json, line=lambda found: _draw_certificates(found["certificates"]))


def _draw_certificates(records: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(f"{item['file']} verified, number {item['sequence']}, final: {item['final']}" for item in records)


@keys.command("init")
def keys_init() -> None:
    """Make the keyring and the certificate signing key; refuses to replace them."""
    from pipelines.journeys.keys import make_keys  # noqa: PLC0415 - as above

    settings = _settings()
    prepare_home(settings)
    typer.echo("keyring made" if make_keys(settings) else "the keyring is already there")


@keys.command("rotate")
def keys_rotate(purpose: str) -> None:
    """Start a new key for a purpose; the older ones stay live, so that deletions still reach what they made."""
    from pipelines.journeys.keys import rotate_key  # noqa: PLC0415 - as above

    typer.echo(f"{rotate_key(_settings(), purpose)} makes new pseudonyms now")


@keys.command("destroy")
def keys_destroy(key_id: str) -> None:
    """Destroy an old key: what was made under it can never again be traced to anyone, nor deleted by request."""
    from pipelines.journeys.keys import destroy_key  # noqa: PLC0415 - as above

    destroy_key(_settings(), key_id)
    typer.echo(f"{key_id} is destroyed")
