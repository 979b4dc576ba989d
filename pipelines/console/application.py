"""The console as an application: every page and form with the role that it takes, and what holds for all answers.

`create_application` is all that a server needs; it knows nothing of Airflow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Depends, FastAPI, Request, Response

from pipelines.console import acting, reading
from pipelines.console.authority import Authority, FindPerson, Person, Role
from pipelines.console.csrf import require_token
from pipelines.console.failures import answer_failures
from pipelines.journeys.house import House

HouseOpener = Callable[[], House]
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked for, what answers it, and the role that it takes."""

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[..., Any]
    role: Role


ROUTES = (
    Route("GET", "/", reading.show_requests, "viewer"),
    Route("GET", "/requests/{request_id}", reading.show_request, "viewer"),
    Route("GET", "/requests/{request_id}/progress", reading.show_progress, "viewer"),
    Route("GET", "/requests/{request_id}/certificate", reading.show_certificate, "viewer"),
    Route("GET", "/requests/{request_id}/certificate.jws", reading.send_certificate, "viewer"),
    Route("GET", "/requests/{request_id}/export.{form}", reading.send_export, "officer"),
    Route("POST", "/requests/{request_id}/approve", acting.approve, "officer"),
    Route("POST", "/requests/{request_id}/reject", acting.reject, "officer"),
    Route("POST", "/requests/{request_id}/refuse", acting.refuse, "officer"),
    Route("GET", "/find", reading.show_search, "officer"),
    Route("POST", "/find", acting.find_member, "officer"),
    Route("GET", "/file", reading.show_filing, "officer"),
    Route("POST", "/file", acting.file, "officer"),
    Route("GET", "/holds", reading.show_holds, "viewer"),
    Route("POST", "/holds", acting.place, "officer"),
    Route("POST", "/holds/{hold_id}/release", acting.release, "admin"),
    Route("GET", "/deadlines", reading.show_deadlines, "viewer"),
    Route("GET", "/audits", reading.show_audits, "viewer"),
    Route("GET", "/datasets", reading.show_datasets, "viewer"),
    Route("GET", "/notices", reading.show_notices, "viewer"),
    Route("POST", "/notices/{message_id}/retry", acting.retry, "admin"),
    Route("GET", "/recipients", reading.show_recipients, "viewer"),
    Route("GET", "/static/{name}", reading.send_static, "viewer"),
)


def create_application(house_opener: HouseOpener, authority: Authority) -> FastAPI:
    """The console of an installation. house_opener: called for each request; what it raises is answered with 503.

    authority: says who asks, and whether they may; nothing here is answered to anybody else.
    """
    application = FastAPI(title="Privacy", docs_url=None, redoc_url=None, openapi_url=None)
    application.state.open_house = house_opener
    for route in ROUTES:
        application.add_api_route(
            route.path,
            route.answer,
            methods=[route.method],
            dependencies=[Depends(_admit(_choose_door(route, house_opener, authority)))],
            response_model=None,
        )
    answer_failures(application)
    application.middleware("http")(_guard_answer)
    return application


def _choose_door(route: Route, house_opener: HouseOpener, authority: Authority) -> FindPerson:
    """Whatever changes something takes a form of ours besides the role."""
    if route.method == "POST":
        return require_token(authority, route.role, house_opener)
    return authority.require(route.role)


def _admit(find_person: FindPerson) -> Callable[..., None]:
    """Let handlers know who was let in."""

    def admit(request: Request, person: Person = Depends(find_person)) -> None:  # noqa: B008 - made here
        request.state.person = person

    return admit


async def _guard_answer(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Nothing of outside is loaded, nobody else's page shows it, nothing is kept by the browser."""
    response = await answer(request)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
