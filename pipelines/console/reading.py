"""The pages that are read: what the desk shows, as the person and the language have it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import HTTPException, Query, Response, status
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from pipelines.console.acts import note_act
from pipelines.console.approval import LONGEST_NOTE, ApprovalError, HumanTask, find_task
from pipelines.console.rendering import PLACE, Desk, Opened
from pipelines.control.desk import list_messages, list_notices
from pipelines.control.moves import list_moves
from pipelines.control.recipients import list_exports, list_recipients
from pipelines.deletion.resumption import LONGEST_REASON
from pipelines.deletion.rights import GROUNDS
from pipelines.journeys.desk.certificates import find_certificate, find_export, read_certificate
from pipelines.journeys.desk.checks import list_all_checks, list_due, list_hold_views
from pipelines.journeys.desk.datasets import list_datasets
from pipelines.journeys.desk.members import read_correction
from pipelines.journeys.desk.plans import PlanView, read_plan, read_progress
from pipelines.journeys.desk.requests import DUES, KINDS, STATES, RequestLine, Wanted, list_lines, select_lines

MOST_SHOWN = 200
MOVING = ("planned", "approved", "running", "verifying")
STATIC = {"desk.css": "text/css", "progress.js": "text/javascript"}


class Wishes(BaseModel):
    """Which requests to list, as the address says it; `Wanted` is what it means."""

    state: str = ""
    kind: str = ""
    due: str = ""
    text: str = Field(default="", max_length=64)
    page: int = 1


def show_requests(desk: Opened, wishes: Annotated[Wishes, Query()]) -> HTMLResponse:
    """The list of requests, filtered."""
    wanted = Wanted(**wishes.model_dump())
    choices = {"state": ("open", *STATES), "kind": KINDS, "due": DUES}
    return desk.show("requests", listing=select_lines(desk.house, wanted), wanted=wanted, choices=choices)


def show_request(desk: Opened, request_id: str) -> HTMLResponse:
    """One request with its timeline, plan, progress, certificate, notices and recipients."""
    line = desk.find(request_id)
    plan = read_plan(desk.house, line)
    ledger = desk.house.ledger
    return desk.show(
        "request",
        line=line,
        moves=list_moves(ledger, request_id),
        plan=plan,
        progress=read_progress(desk.house, line),
        correction=read_correction(desk.house, request_id) if _may_correct(desk, line) else {},
        is_moving=line.state in MOVING,
        task=_find_answer(desk, line, plan),
        is_own=_is_own(desk, plan),
        has_certificate=find_certificate(desk.house, request_id) is not None,
        forms=[form for form in ("html", "json") if find_export(desk.house, request_id, form)],
        messages=list_messages(ledger, request_id),
        notices=list_notices(ledger, request_id),
        exports={export.export_id: export for export in list_exports(ledger)},
        grounds=GROUNDS,
        longest_note=LONGEST_NOTE,
        longest_reason=LONGEST_REASON,
    )


def show_progress(desk: Opened, request_id: str) -> JSONResponse:
    """How far a request has come, for the page that shows it to ask again and again."""
    progress = read_progress(desk.house, desk.find(request_id))
    words = desk.wording.text(
        "progress.tables", done=desk.wording.count(progress.done), total=desk.wording.count(progress.total)
    )
    told = words if progress.total else desk.wording.text("progress.none")
    figures = {"state": progress.state, "done": progress.done, "total": progress.total}
    return JSONResponse({**figures, "state_name": desk.wording.name("state", progress.state), "words": told})


def show_certificate(desk: Opened, request_id: str) -> HTMLResponse:
    """A certificate in words, verified anew."""
    line = desk.find(request_id)
    return desk.show("certificate", line=line, view=read_certificate(desk.house, request_id))


def send_certificate(desk: Opened, request_id: str) -> FileResponse:
    """The certificate's file."""
    return _send(find_certificate(desk.house, desk.find(request_id).request_id), "application/jose")


def send_export(desk: Opened, request_id: str, form: Literal["html", "json"]) -> FileResponse:
    """What was disclosed to a member, for the officer who hands it over; who took it is noted."""
    path = find_export(desk.house, desk.find(request_id).request_id, form)
    sent = _send(path, {"html": "text/html", "json": "application/json"}[form])
    note_act(desk.house.ledger, desk.person.name, "take export", request_id, "done")
    return sent


def show_search(desk: Opened) -> HTMLResponse:
    """The form to find a member's requests by."""
    return desk.show("find", lines=None)


def show_filing(desk: Opened, kind: str = "deletion") -> HTMLResponse:
    """The form to file a request in a member's name by; its key makes filing it twice filing it once."""
    chosen = kind if kind in KINDS else KINDS[0]
    today = desk.house.now().date()
    return desk.show(
        "file", kind=chosen, kinds=KINDS, today=today, request_key=f"desk-{uuid4()}", attributes=_list_correctable(desk)
    )


def show_holds(desk: Opened) -> HTMLResponse:
    """Every hold, and the form to place one."""
    tables = [contract.name for contract in desk.house.catalogue.layer("lake")]
    return desk.show("holds", holds=list_hold_views(desk.house), tables=tables, today=desk.house.now().date())


def show_deadlines(desk: Opened) -> HTMLResponse:
    """Open requests by how much time they have left."""
    return desk.show("deadlines", due=list_due(desk.house), days=desk.house.settings.deadline_days)


def show_audits(desk: Opened) -> HTMLResponse:
    """Residue audits, canary recall, and what was done at the desk."""
    return desk.show("audits", checks=list_all_checks(desk.house))


def show_datasets(desk: Opened) -> HTMLResponse:
    """What is stored, why, for how long, and when it was last proved clean."""
    return desk.show("datasets", layers=list_datasets(desk.house))


def show_notices(desk: Opened) -> HTMLResponse:
    """Messages that are on their way or given up, and what became of the others."""
    ledger = desk.house.ledger
    return desk.show("notices", messages=list_messages(ledger), notices=list_notices(ledger))


def show_recipients(desk: Opened) -> HTMLResponse:
    """Who was given what."""
    ledger = desk.house.ledger
    known = sorted(list_recipients(ledger), key=lambda each: each.closed_at is not None)  # these last
    return desk.show("recipients", recipients=known, exports=list_exports(ledger)[: -MOST_SHOWN - 1 : -1])


def send_static(name: str) -> Response:
    """A style sheet or a script of ours; 404 for any other name."""
    if name not in STATIC:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return FileResponse(PLACE / "static" / name, media_type=STATIC[name], headers={"Cache-Control": "no-cache"})


def _list_correctable(desk: Desk) -> tuple[str, ...]:
    """The answers of surveys that the contract lets be corrected."""
    columns = desk.house.catalogue.get("lake", "survey_responses").columns
    return tuple(each.name for each in columns if each.is_correctable)


def _find_answer(desk: Desk, line: RequestLine, plan: PlanView | None) -> HumanTask | None:
    """Airflow's task that asks about a plan that waits; None when it cannot be asked either."""
    if plan is None or line.state != "planned":
        return None
    try:
        return find_task(desk.person, plan.digest)
    except ApprovalError:
        return None


def _may_correct(desk: Desk, line: RequestLine) -> bool:
    """Whoever answers must see what they approve; nobody else need."""
    return line.kind == "correct" and desk.person.may("officer")


def _is_own(desk: Desk, plan: PlanView | None) -> bool:
    """Whether four eyes keep this person from approving: they filed a request of the plan."""
    if plan is None or not desk.house.settings.four_eyes:
        return False
    covered = (line for line in list_lines(desk.house) if line.plan_digest == plan.digest)
    return any(line.requested_by == desk.person.name for line in covered)


def _send(path: Path | None, media_type: str) -> FileResponse:
    if path is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return FileResponse(path, media_type=media_type, filename=path.name)
