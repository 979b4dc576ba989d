"""What is answered when something cannot be: a page in words, which repeats nothing of what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from pipelines.console.rendering import Desk, find_wording, write_page
from pipelines.errors import ConfigurationError, StorageBusyError, TokumeiError

UTC = ZoneInfo("UTC")
SPOKEN = ("StorageBusyError", "PlanChangedError", "ConfigurationError")  # those that have words of their own
STATUSES: Mapping[type[TokumeiError], int] = {ConfigurationError: 400, StorageBusyError: 409}


def answer_failures(application: FastAPI) -> None:
    """Have every failure of an application answered by a page."""
    application.add_exception_handler(TokumeiError, tell_unavailable)
    application.add_exception_handler(RequestValidationError, tell_misfiled)
    application.add_exception_handler(HTTPException, tell_refused)
    application.add_exception_handler(Exception, tell_broken)


def tell_problem(desk: Desk, error: TokumeiError, *, back: str, status_code: int | None = None) -> HTMLResponse:
    """An act that was not carried out: why, in words, and the way back."""
    found = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in SPOKEN), "other")
    known = (code for kind, code in STATUSES.items() if isinstance(error, kind))
    code = status_code or next(known, 409)
    return desk.show("problem", status_code=code, problem=f"act.{found}", detail=str(error.args[0]), back=back)


async def tell_unavailable(request: Request, error: Exception) -> HTMLResponse:
    """The ledger, the keyring or a contract cannot be used: nobody could read or do anything."""
    return _write(request, 503, "unavailable", str(error.args[0]))


async def tell_misfiled(request: Request, _: Exception) -> HTMLResponse:
    """A form or an address with something in it that cannot be read."""
    return _write(request, 400, "misfiled")


async def tell_refused(request: Request, error: Exception) -> HTMLResponse:
    """Nobody is logged in, may not do this, or there is no such page."""
    code = error.status_code if isinstance(error, HTTPException) else 500
    return _write(request, code, {401: "login", 403: "forbidden", 404: "missing", 405: "missing"}.get(code, "broken"))


async def tell_broken(request: Request, _: Exception) -> HTMLResponse:
    """A defect of ours."""
    return _write(request, 500, "broken")


def _write(request: Request, code: int, problem: str, detail: str = "") -> HTMLResponse:
    wording = find_wording(request, UTC)
    return write_page(request, wording, "problem", code, problem=problem, detail=detail, back="/")
