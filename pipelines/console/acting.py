"""The forms that change something: each calls one journey as the person who sent it, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Annotated

from fastapi import Form, Response

from pipelines.console.acts import note_act
from pipelines.console.approval import ApprovalError, Option, answer_plan
from pipelines.console.failures import tell_problem
from pipelines.console.filing import Filing, file_request
from pipelines.console.rendering import Desk, Opened
from pipelines.control.holds import release_hold
from pipelines.control.outbox import retry_message
from pipelines.errors import PlanChangedError, TokumeiError
from pipelines.journeys.decide import refuse_request
from pipelines.journeys.desk.members import find_requests
from pipelines.journeys.desk.requests import RequestLine
from pipelines.journeys.retain import place_hold
from pipelines.journeys.rights import refuse_right

Text = Annotated[str, Form(max_length=500)]
Needed = Annotated[str, Form(min_length=1, max_length=500)]
MemberId = Annotated[str, Form(min_length=1, max_length=256)]


def find_member(desk: Opened, user_id: MemberId) -> Response:
    """The requests of a member: what was typed is compared and forgotten, and is in no address, log or answer."""
    note_act(desk.house.ledger, desk.person.name, "find member", None, "done")
    try:
        lines = find_requests(desk.house, user_id)
    except TokumeiError as error:
        return tell_problem(desk, error, back="/find")
    return desk.show("find", lines=lines, back="/find")


def file(desk: Opened, filing: Annotated[Filing, Form()]) -> Response:
    """File a request in a member's name."""
    try:
        request_id = file_request(desk.house, desk.person.name, filing)
    except TokumeiError as error:
        note_act(desk.house.ledger, desk.person.name, "file", None, "failed", type(error).__name__)
        return tell_problem(desk, error, back=f"/file?kind={filing.kind}")
    note_act(desk.house.ledger, desk.person.name, f"file {filing.kind}", request_id, "done")
    return desk.turn_to(f"/requests/{request_id}", "filed")


def approve(desk: Opened, request_id: str, digest: Text, note: Text = "") -> Response:
    """Answer Airflow's human task: exactly the plan that was shown is approved."""
    return _answer(desk, desk.find(request_id), digest, "Approve", note)


def reject(desk: Opened, request_id: str, digest: Text, note: Text = "") -> Response:
    """Answer Airflow's human task: the plan is not carried out, and its requests are planned anew."""
    return _answer(desk, desk.find(request_id), digest, "Reject", note)


def refuse(desk: Opened, request_id: str, reason: Needed, ground: Text = "") -> Response:
    """Close a request undone; a plan that waits with it is turned down, for it would delete whom nobody may."""
    line = desk.find(request_id)

    def carry_out() -> None:
        if line.kind == "deletion":
            refuse_request(desk.house, request_id, reason=reason, refused_by=desk.person.name)
        else:
            _refuse_right(desk, request_id, ground, reason)
        if line.state == "planned" and line.plan_digest:
            _turn_down(desk, line.plan_digest)

    return _carry_out(desk, "refuse", request_id, carry_out, back=f"/requests/{request_id}", told="refused")


def place(desk: Opened, dataset: Text, basis: Needed, until: Annotated[date, Form()]) -> Response:
    """Place a hold on a lake table."""

    def carry_out() -> None:
        place_hold(desk.house, dataset, legal_basis=basis, ends_on=until, placed_by=desk.person.name)

    return _carry_out(desk, "place hold", None, carry_out, back="/holds", told="placed")


def release(desk: Opened, hold_id: str) -> Response:
    """Release a hold."""

    def carry_out() -> None:
        now = desk.house.now()
        release_hold(desk.house.ledger, hold_id, released_at=now, released_by=desk.person.name)

    return _carry_out(desk, "release hold", hold_id, carry_out, back="/holds", told="released")


def retry(desk: Opened, message_id: str) -> Response:
    """Have a message that was given up sent again."""

    def carry_out() -> None:
        retry_message(desk.house.ledger, message_id, desk.house.now())

    return _carry_out(desk, "retry message", message_id, carry_out, back="/notices", told="retried")


def _carry_out(  # noqa: PLR0913 - an act has these facts
    desk: Desk, act: str, object_id: str | None, do: Callable[[], None], *, back: str, told: str
) -> Response:
    """Do it, note that it was done or was not, and say so."""
    try:
        do()
    except TokumeiError as error:
        note_act(desk.house.ledger, desk.person.name, act, object_id, "failed", type(error).__name__)
        return tell_problem(desk, error, back=back)
    note_act(desk.house.ledger, desk.person.name, act, object_id, "done")
    return desk.turn_to(back, told)


def _answer(desk: Desk, line: RequestLine, digest: str, option: Option, note: str) -> Response:
    """Who reads one plan must not answer for another that took its place meanwhile; the answer notes itself."""
    back = f"/requests/{line.request_id}"
    try:
        if digest != line.plan_digest:
            raise PlanChangedError("another plan covers this request by now", hint="read it, then answer")
        answer_plan(desk.house, desk.person, digest, option, note)
    except ApprovalError as error:
        return tell_problem(desk, error, back=back, status_code=error.status)
    except TokumeiError as error:
        return tell_problem(desk, error, back=back)
    return desk.turn_to(back, "approved" if option == "Approve" else "rejected")


def _refuse_right(desk: Desk, request_id: str, ground: str, note: str) -> None:
    refuse_right(desk.house, request_id, ground=ground, note=note, refused_by=desk.person.name)


def _turn_down(desk: Desk, digest: str) -> None:
    """Airflow's task waits for an answer that nobody can give any more; none may be there, or it may be answered."""
    with suppress(ApprovalError):
        answer_plan(desk.house, desk.person, digest, "Reject")
