"""The console's pages, as few as the tests of logging in and approving need."""

from collections.abc import Callable
from html import escape
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipelines.console.approval import ApprovalError, Option, answer_plan, find_task
from pipelines.console.authority import Authority, Person
from pipelines.console.csrf import issue_token, require_token
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.control.requests import DeletionRequest, get_request, list_requests
from pipelines.errors import TokumeiError
from pipelines.journeys.house import House


def create_application(open_house: Callable[[], House], authority: Authority) -> FastAPI:
    """The pages below one prefix, for whom the authority lets in."""
    console = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    console.add_exception_handler(ApprovalError, _tell_refusal)
    console.add_exception_handler(TokumeiError, _tell_failure)

    @console.get("/")
    def list_all(person: Annotated[Person, Depends(authority.require("viewer"))]) -> HTMLResponse:
        rows = "".join(_draw_row(request) for request in list_requests(open_house().ledger))
        return _draw("Requests", f"<p>{escape(person.name)}</p><table>{rows}</table>")

    @console.get("/requests/{request_id}")
    def show(request_id: str, person: Annotated[Person, Depends(authority.require("viewer"))]) -> HTMLResponse:
        house = open_house()
        request = get_request(house.ledger, request_id)
        task = find_task(person, request.plan_digest or "")
        asks = request.state == "planned" and person.may("officer") and task is not None and task.option is None
        form = _draw_form(request_id, issue_token(open_desk_secrets(house.settings).form, person)) if asks else ""
        answered = f"<p>{task.option} by {task.answered_by}</p>" if task and task.option else ""
        return _draw(f"Request {request_id}", f"<p>State: {request.state}</p>{answered}{form}")

    @console.post("/requests/{request_id}/answer")
    def answer(
        request_id: str,
        option: Annotated[Option, Form()],
        person: Annotated[Person, Depends(require_token(authority, "officer", open_house))],
        note: Annotated[str, Form()] = "",
    ) -> RedirectResponse:
        house = open_house()
        answer_plan(house, person, get_request(house.ledger, request_id).plan_digest or "", option, note)
        return RedirectResponse(f"../{request_id}", status_code=303)

    return console


def _draw_row(request: DeletionRequest) -> str:
    name = escape(request.request_id)
    return f'<tr><td><a href="requests/{name}">{name}</a></td><td>{escape(request.state)}</td></tr>'


def _draw_form(request_id: str, token: str) -> str:
    return (
        f'<form method="post" action="{request_id}/answer"><input type="hidden" name="token" value="{token}">'
        '<label>Note <input name="note" maxlength="300"></label>'
        '<button name="option" value="Approve">Approve</button><button name="option" value="Reject">Reject</button>'
        "</form>"
    )


def _draw(title: str, body: str) -> HTMLResponse:
    page = f'<!doctype html><html lang="en"><title>{title}</title><main><h1>{title}</h1>{body}</main></html>'
    return HTMLResponse(page, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


def _tell_refusal(_request: Request, error: Exception) -> Response:
    return HTMLResponse(f'<p role="alert">{escape(str(error))}</p>', getattr(error, "status", 502))


def _tell_failure(_request: Request, error: Exception) -> Response:
    return HTMLResponse(f'<p role="alert">{escape(str(error))}</p>', 503)
