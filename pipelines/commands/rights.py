"""Other rights by hand: access and correct file a request; rights plans, approves, runs and refuses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from pipelines.commands.output import JsonOption, print_record
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from pipelines.control.rights import RightsRequest
    from pipelines.journeys.house import House

asked = typer.Typer()
app = typer.Typer(no_args_is_help=True, help="Requests for access, correction and suspension of use.")

UserId = Annotated[str, typer.Option(help="The member's id; becomes pseudonyms at once and is not kept.")]
Approve = Annotated[
    bool, typer.Option("--approve", help="Plan, approve, carry out and certify at once, as the user who is logged in.")
]


@asked.command()
def access(*, user_id: UserId, approve: Approve = False, as_json: JsonOption = False) -> None:
    """File a request to see everything that is stored of a member; with --approve write the export at once."""
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    record = _file(house, "access", user_id, {}, approve=approve)
    directory = house.settings.access_exports
    exports = [str(directory / f"{record['request_id']}{end}") for end in (".json", ".html")] if approve else []
    print_record({**record, "exports": exports}, as_json=as_json, draw=_draw_filed)


@asked.command()
def correct(  # noqa: PLR0913 - a correction has these facts
    *,
    user_id: UserId,
    attribute: Annotated[str, typer.Option(help="What is to be corrected of the member's survey answers.")],
    value: Annotated[str, typer.Option(help="What it is to say.")],
    event_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only the answers of this day.")
    ] = None,
    approve: Approve = False,
    as_json: JsonOption = False,
) -> None:
    """File a request to correct survey answers; with --approve correct them at once."""
    from pipelines.journeys.house import open_house

    detail = {"attribute": attribute, "value": value}
    if event_date:
        detail["event_date"] = event_date.date().isoformat()
    record = _file(open_house(load_settings()), "correct", user_id, detail, approve=approve)
    print_record(record, as_json=as_json, draw=_draw_filed)


def _file(house: House, kind: str, user_id: str, detail: Mapping[str, str], *, approve: bool) -> dict[str, Any]:
    from pipelines.control.rights import get_right
    from pipelines.journeys.rights import file_right, plan_rights

    name = file_right(
        house, kind, user_id, request_key=f"cli-{uuid4()}", channel="cli", requested_by=getuser(), detail=detail
    )
    certified: list[str] = []
    if approve and (planned := plan_rights(house, only=(name,))):
        certified = _carry_out(house, planned.digest, approved_by=getuser())
    return {"request_id": name, "state": get_right(house.ledger, name).state, "certificates": certified}


def _carry_out(house: House, digest: str, *, approved_by: str | None = None) -> list[str]:
    from pipelines.journeys.rights import approve_rights, certify_rights, run_rights

    if approved_by:
        approve_rights(house, digest, approved_by=approved_by)
    run_rights(house, digest)
    return [verified.path.name for verified in certify_rights(house, digest)]


def _draw_filed(record: Mapping[str, Any]) -> str:
    return "\n".join([f"{record['request_id']} {record['state']}", *record["certificates"], *record.get("exports", ())])


@app.command("plan")
def plan(*, as_json: JsonOption = False) -> None:
    """Plan the open requests for access and correction, and print the digest to approve."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.rights import plan_rights

    planned = plan_rights(open_house(load_settings()))
    if planned is None:
        print_record({"digest": None, "requests": []}, as_json=as_json, draw=lambda _: "no request waits for a plan")
        return
    record = {"digest": planned.digest, "requests": planned.request_ids, "datasets": planned.datasets}
    print_record(record, as_json=as_json, draw=_draw_plan)


def _draw_plan(record: Mapping[str, Any]) -> str:
    lines = (f"  {item['table']}: {item['strategy']}, {item['rows']} rows" for item in record["datasets"])
    return "\n".join([record["digest"], f"{len(record['requests'])} requests", *lines])


@app.command("approve")
def approve_digest(digest: str, *, as_json: JsonOption = False) -> None:
    """Approve exactly the plan of this digest, as the user who is logged in."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.rights import approve_rights

    approve_rights(open_house(load_settings()), digest, approved_by=getuser())
    record = {"digest": digest, "approved_by": getuser()}
    print_record(record, as_json=as_json, draw=lambda _: f"approved by {getuser()}")


@app.command("run")
def run(digest: Annotated[str | None, typer.Argument()] = None, *, as_json: JsonOption = False) -> None:
    """Carry out approved plans and certify, and end suspensions whose proof waits. Safe to repeat after any failure."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.rights import find_open_rights_plans, finish_suspensions

    house = open_house(load_settings())
    ended = [] if digest else [f"{name}.jws" for name in finish_suspensions(house)]
    plans = [digest] if digest else find_open_rights_plans(house)
    certified = [name for each in plans for name in _carry_out(house, each)]
    record = {"certificates": [*ended, *certified]}
    print_record(record, as_json=as_json, draw=lambda each: "\n".join(each["certificates"]) or "nothing is approved")


@app.command("refuse")
def refuse(
    request_id: str,
    *,
    ground: Annotated[str, typer.Option(help="harm, hindrance, unlawful or unverified.")],
    note: Annotated[str, typer.Option(help="Why that is so here, and nobody's name: it is stored and shown.")],
    as_json: JsonOption = False,
) -> None:
    """Close a request that was not approved yet, on a ground of the policy, as the user who is logged in."""
    from pipelines.journeys.house import open_house
    from pipelines.journeys.rights import refuse_right

    refuse_right(open_house(load_settings()), request_id, ground=ground, note=note, refused_by=getuser())
    record = {"refused": request_id, "refused_by": getuser()}
    print_record(record, as_json=as_json, draw=lambda _: f"refused by {getuser()}")


@app.command("status")
def status(request_id: Annotated[str | None, typer.Argument()] = None, *, as_json: JsonOption = False) -> None:
    """Every request with its state and due date, or one with its history."""
    from pipelines.control.moves import list_moves
    from pipelines.control.rights import get_right, list_rights
    from pipelines.journeys.house import open_house

    ledger = open_house(load_settings()).ledger
    requests = [get_right(ledger, request_id)] if request_id else list_rights(ledger)
    records = [_describe(request) for request in requests]
    if request_id:
        moves = list_moves(ledger, request_id)
        records[0]["history"] = [dict(zip(("state", "at", "actor", "reason"), move, strict=True)) for move in moves]
    print_record({"requests": records}, as_json=as_json, draw=lambda found: _draw_requests(found["requests"]))


def _describe(request: RightsRequest) -> dict[str, Any]:
    shown = ("request_id", "kind", "state", "requested_at", "due_on", "plan_digest", "completed_at", "expires_on")
    return {name: getattr(request, name) for name in (*shown, "reason")}


def _draw_requests(records: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for record in records:
        heading = (record["request_id"], record["kind"], record["state"], f"due {record['due_on']}", record["reason"])
        lines.append(" ".join(filter(None, heading)))
        lines += [
            f"  {move['at']:%Y-%m-%d %H:%M:%S} {move['state']} by {move['actor']} {move['reason'] or ''}".rstrip()
            for move in record.get("history", ())
        ]
    return "\n".join(lines) or "there are no requests"
