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
def file_request(  # noqa: PLR0913 - a request has these facts
    *,
    user_id: Annotated[str, typer.Option(help="The member's id; becomes pseudonyms at once and is not kept.")],
    last_transaction: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    open_trades: Annotated[int | None, typer.Option(min=0)] = None,
    open_listings: Annotated[int | None, typer.Option(min=0)] = None,
    requested_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When the member asked, if not today.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """File a request and print its id. Facts given here stand in for those of the accounts source."""
    from pipelines.control.subjects import AccountFacts
    from pipelines.journeys.delete import request_deletion
    from pipelines.journeys.house import open_house

    given = (last_transaction, open_trades, open_listings) != (None, None, None)
    last_date = last_transaction.date() if last_transaction else None
    house = open_house(load_settings())
    facts = AccountFacts(open_listings or 0, open_trades or 0, last_date, house.now().date()) if given else None
    asked_at = requested_on.replace(tzinfo=house.settings.zone) if requested_on else None
    key = f"cli-{uuid4()}"
    request_id = request_deletion(
        house, user_id, request_key=key, facts=facts, requested_at=asked_at, requested_by=getuser()
    )
    print_record({"request_id": request_id}, as_json=as_json, draw=lambda record: record["request_id"])


@app.command("plan")
def plan(
    *,
    accept_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Let this plan take up to this share of any table's rows or of all members."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Decide which requests may go on, plan them, and print the digest to approve.

    Refused while anything is stored that no contract declares, or when the plan takes more than TOKUMEI_GUARD_SHARE.
    """
    from pipelines.journeys.decide import decide_requests
    from pipelines.journeys.delete import accept_landed, plan_deletions
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    accept_landed(house)
    decide_requests(house)
    planned = plan_deletions(house, accept_share=accept_share)
    if planned is None:
        print_record({"digest": None, "requests": []}, as_json=as_json, draw=lambda _: "no request is ready")
        return
    record = {"digest": planned.digest, "requests": planned.request_ids, "datasets": planned.datasets}
    print_record(record | {"devices": planned.devices}, as_json=as_json, draw=_draw_plan)


def _draw_plan(record: Mapping[str, Any]) -> str:
    from pipelines.deletion.plan import describe_devices

    lines = (
        f"  {item['table']}: {item['strategy']}, {item['rows']} rows in {item['files']} files"
        for item in record["datasets"]
    )
    devices = describe_devices(record["devices"])
    return "\n".join([record["digest"], f"{len(record['requests'])} requests", devices, *lines])


@app.command("approve")
def approve(digest: str, *, as_json: JsonOption = False) -> None:
    """Approve exactly the plan of this digest, as the user who is logged in."""
    from pipelines.journeys.delete import approve_plan
    from pipelines.journeys.house import open_house

    approve_plan(open_house(load_settings()), digest, approved_by=getuser())
    print_record(
        {"digest": digest, "approved_by": getuser()}, as_json=as_json, draw=lambda _: f"approved by {getuser()}"
    )


@app.command("refuse")
def refuse(
    request_id: str,
    *,
    reason: Annotated[str, typer.Option(help="The rule that forbids it, and nobody's name: it is stored and shown.")],
    as_json: JsonOption = False,
) -> None:
    """Close a request that was not approved yet, as the user who is logged in; its tombstones are withdrawn."""
    from pipelines.journeys.decide import refuse_request
    from pipelines.journeys.house import open_house

    refuse_request(open_house(load_settings()), request_id, reason=reason, refused_by=getuser())
    record = {"refused": request_id, "refused_by": getuser()}
    print_record(record, as_json=as_json, draw=lambda _: f"refused by {getuser()}")


@app.command("run")
def run(
    digest: Annotated[str | None, typer.Argument()] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Stop before each commit, leave nothing behind, and show what would go.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Carry out an approved plan, scan for what remains, and certify. Safe to repeat after any failure."""
    from pipelines.control.requests import list_requests
    from pipelines.journeys.certify import certify_deletions
    from pipelines.journeys.delete import find_open_plans, rehearse_plan, run_plan
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    if dry_run:
        rehearsed = {each: rehearse_plan(house, each) for each in ([digest] if digest else find_open_plans(house))}
        print_record({"plans": rehearsed}, as_json=as_json, draw=_draw_rehearsal)
        return
    digests = [digest] if digest else find_open_plans(house)
    certified = []
    for each in digests:
        run_plan(house, each)
        certified += [verified.path.name for verified in certify_deletions(house, each)]
    held = [request for request in list_requests(house.ledger, ("held",)) if request.plan_digest in digests]
    reasons = {request.request_id: request.reason for request in held}
    print_record({"certificates": certified, "held": reasons}, as_json=as_json, draw=_draw_run)


def _draw_run(record: Mapping[str, Any]) -> str:
    held = [f"{request_id} held: {reason}" for request_id, reason in record["held"].items()]
    return "\n".join([*record["certificates"], *held]) or "nothing is approved"


def _draw_rehearsal(record: Mapping[str, Any]) -> str:
    lines = [
        f"  {table}: {counts['rows']} rows in {counts['files']} files would go"
        for datasets in record["plans"].values()
        for table, counts in datasets.items()
    ]
    return "\n".join([*record["plans"], *lines, "nothing was changed"])


@app.command("status")
def status(request_id: Annotated[str | None, typer.Argument()] = None, *, as_json: JsonOption = False) -> None:
    """Every request with its state and due date, or one with its history."""
    from pipelines.control.moves import list_moves
    from pipelines.control.requests import get_request, list_requests
    from pipelines.journeys.decide import describe_request
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    requests = [get_request(house.ledger, request_id)] if request_id else list_requests(house.ledger)
    records = [describe_request(house, request) for request in requests]
    if request_id:
        moves = list_moves(house.ledger, request_id)
        records[0]["history"] = [dict(zip(("state", "at", "actor", "reason"), move, strict=True)) for move in moves]
    print_record({"requests": records}, as_json=as_json, draw=lambda found: _draw_requests(found["requests"]))


def _draw_requests(records: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for record in records:
        lines.append(
            " ".join(filter(None, (record["request_id"], record["state"], _draw_due(record), record["reason"])))
        )
        lines += [
            f"  {move['at']:%Y-%m-%d %H:%M:%S} {move['state']} by {move['actor']} {move['reason'] or ''}".rstrip()
            for move in record.get("history", ())
        ]
    return "\n".join(lines) or "there are no requests"


def _draw_due(record: Mapping[str, Any]) -> str:
    """The due date with the days that are left; a request that is closed or held has none left to count."""
    days = record["days_left"]
    if days is None:
        return ""
    left = f"{days} days left" if days >= 0 else f"{-days} days overdue"
    return f"due {record['due_on']} ({left})"


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
