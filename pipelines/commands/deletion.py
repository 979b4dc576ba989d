"""The deletion journey by hand: request, plan, approve, run, status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from getpass import getuser
from typing import Annotated, Any
from uuid import uuid4

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The deletion journey by hand.")


@app.command("request")
def file_request(
    *,
    user_id: Annotated[str, typer.Option(help="The member's id; becomes pseudonyms at once and is not kept.")],
    last_transaction: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    open_trades: Annotated[int | None, typer.Option(min=0)] = None,
    open_listings: Annotated[int | None, typer.Option(min=0)] = None,
    as_json: JsonOption = False,
) -> None:
    """File a request and print its id. Facts given here stand in for those of the accounts source."""
    from pipelines.control.subjects import AccountFacts
    from pipelines.journeys.delete import request_deletion
    from pipelines.journeys.house import open_house

    given = (last_transaction, open_trades, open_listings) != (None, None, None)
    last_date = last_transaction.date() if last_transaction else None
    facts = AccountFacts(open_listings or 0, open_trades or 0, last_date) if given else None
    request_id = request_deletion(open_house(load_settings()), user_id, request_key=f"cli-{uuid4()}", facts=facts)
    print_record({"request_id": request_id}, as_json=as_json, draw=lambda record: record["request_id"])


@app.command("plan")
def plan(*, as_json: JsonOption = False) -> None:
    """Decide which requests may go on, plan them, and print the digest to approve."""
    from pipelines.journeys.delete import accept_landed, decide_requests, plan_deletions
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    accept_landed(house)
    decide_requests(house)
    planned = plan_deletions(house)
    if planned is None:
        print_record({"digest": None, "requests": []}, as_json=as_json, draw=lambda _: "no request is ready")
        return
    record = {"digest": planned.digest, "requests": planned.request_ids, "datasets": planned.datasets}
    print_record(record, as_json=as_json, draw=_draw_plan)


def _draw_plan(record: Mapping[str, Any]) -> str:
    lines = (
        f"  {item['table']}: {item['strategy']}, {item['rows']} rows in {item['files']} files"
        for item in record["datasets"]
    )
    return "\n".join([record["digest"], f"{len(record['requests'])} requests", *lines])


@app.command("approve")
def approve(digest: str, *, as_json: JsonOption = False) -> None:
    """Approve exactly the plan of this digest, as the user who is logged in."""
    from pipelines.journeys.delete import approve_plan
    from pipelines.journeys.house import open_house

    approve_plan(open_house(load_settings()), digest, approved_by=getuser())
    print_record(
        {"digest": digest, "approved_by": getuser()}, as_json=as_json, draw=lambda _: f"approved by {getuser()}"
    )


@app.command("run")
def run(digest: Annotated[str | None, typer.Argument()] = None, *, as_json: JsonOption = False) -> None:
    """Carry out an approved plan, scan for what remains, and certify. Safe to repeat after any failure."""
    from pipelines.journeys.certify import certify_deletions
    from pipelines.journeys.delete import find_open_plans, run_plan
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    certified = []
    for each in [digest] if digest else find_open_plans(house):
        run_plan(house, each)
        certified += [verified.path.name for verified in certify_deletions(house, each)]
    record = {"certificates": certified}
    print_record(record, as_json=as_json, draw=lambda found: "\n".join(found["certificates"]) or "nothing is approved")


@app.command("status")
def status(request_id: Annotated[str | None, typer.Argument()] = None, *, as_json: JsonOption = False) -> None:
    """Every request with its state, or one with its history."""
    from pipelines.control.requests import get_request, list_moves, list_requests
    from pipelines.journeys.house import open_house

    ledger = open_house(load_settings()).ledger
    requests = [get_request(ledger, request_id)] if request_id else list_requests(ledger)
    shown = ("request_id", "state", "requested_at", "eligible_on", "plan_digest", "completed_at", "reason")
    records: list[dict[str, Any]] = [{name: getattr(request, name) for name in shown} for request in requests]
    if request_id:
        moves = list_moves(ledger, request_id)
        records[0]["history"] = [dict(zip(("state", "at", "actor", "reason"), move, strict=True)) for move in moves]
    print_record({"requests": records}, as_json=as_json, draw=lambda found: _draw_requests(found["requests"]))


def _draw_requests(records: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for record in records:
        lines.append(f"{record['request_id']} {record['state']} {record['reason'] or ''}".rstrip())
        lines += [
            f"  {move['at']:%Y-%m-%d %H:%M:%S} {move['state']} by {move['actor']}" for move in record.get("history", ())
        ]
    return "\n".join(lines) or "there are no requests"


@app.command("reapply")
def reapply(*, as_json: JsonOption = False) -> None:
    """After a copy of the lake was restored: find who had left and is stored again, and file their deletions anew."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.reapply import reapply_deletions

    done = reapply_deletions(open_house(load_settings()))
    record = {"searched": done.searched_count, "requests": done.request_ids, "older_tables": done.tables}
    print_record(record, as_json=as_json, draw=_draw_reapplied)


def _draw_reapplied(record: Mapping[str, Any]) -> str:
    older = f"older than the ledger: {', '.join(record['older_tables'])}" if record["older_tables"] else ""
    told = f"{len(record['requests'])} of {record['searched']} who left are stored again"
    return "\n".join(line for line in (older, told, *record["requests"]) if line)


@app.command("readmit")
def readmit(
    *,
    user_id: Annotated[str, typer.Option(help="The member's id; is not kept.")],
    consented_at: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="When they consented anew, with offset.")
    ],
) -> None:
    """Let a member return who was deleted: what comes is stored again, but nothing older than their consent."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.readmit import readmit_member

    readmit_member(open_house(load_settings()), user_id, consented_at)
    typer.echo(f"readmitted; whatever is not newer than {consented_at.isoformat()} stays out")
