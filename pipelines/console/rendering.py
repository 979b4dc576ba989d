"""A page of the console: who asks, in which language, of which house; and the templates that it is written with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Depends, HTTPException, Request, status
from fastapi.responses import HTMLResponse, RedirectResponse

from pipelines.console.authority import Person
from pipelines.console.csrf import issue_token
from pipelines.console.wording import Wording, choose_language
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.journeys.desk.requests import RequestLine, find_line
from pipelines.journeys.house import House
from pipelines.languages import LANGUAGES

COOKIE = "tokumei_language"
PLACE = Path(__file__).parent
YEAR = 365 * 24 * 3600
# Acts whose success the next page tells; anything else in a URL is not repeated.
TOLD = ("approved", "rejected", "refused", "filed", "placed", "released", "retried")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler needs of one request: the opened house, the person, and the language to answer in."""

    request: Request
    house: House
    person: Person
    wording: Wording

    def show(self, page: str, *, status_code: int = 200, back: str | None = None, **facts: object) -> HTMLResponse:
        """A page as this person may see it; every text of the facts is escaped."""
        token = issue_token(open_desk_secrets(self.house.settings).form, self.person)
        shown: dict[str, object] = {**facts, "person": self.person, "token": token}
        return write_page(self.request, self.wording, page, status_code, back=back, **shown)

    def turn_to(self, path: str, told: str) -> RedirectResponse:
        """Send the browser on to a page that says what was done, so that loading it anew repeats nothing."""
        place = f"{find_root(self.request)}{path}?{urlencode({'told': told})}"
        return RedirectResponse(place, status.HTTP_303_SEE_OTHER)

    def find(self, request_id: str) -> RequestLine:
        """The request of an id; 404 for any other text, before it is used for anything."""
        line = find_line(self.house, request_id)
        if line is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return line


def open_desk(request: Request) -> Iterator[Desk]:
    """The desk for one request: the house is opened anew, so that what was mended or rotated meanwhile is seen."""
    house: House = request.app.state.open_house()
    try:
        yield Desk(request, house, request.state.person, find_wording(request, house.settings.zone))
    finally:
        house.ledger.dispose()


Opened = Annotated[Desk, Depends(open_desk)]


def find_wording(request: Request, zone: ZoneInfo) -> Wording:
    """The wording that a browser asks for, by the page's address, by its cookie, or by its settings."""
    accepted = request.headers.get("accept-language", "")
    return Wording(choose_language(request.query_params.get("lang"), request.cookies.get(COOKIE), accepted), zone)


def find_root(request: Request) -> str:
    """Where the console is mounted, without a slash at its end."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def find_path(request: Request) -> str:
    """The path of a request below that."""
    return request.url.path.removeprefix(find_root(request))


def write_page(
    request: Request, wording: Wording, page: str, status_code: int = 200, *, back: str | None = None, **facts: object
) -> HTMLResponse:
    """Any page, also one that is written without a house. back: the page to read instead of one that was posted."""
    told = request.query_params.get("told", "")
    context: dict[str, object] = {
        "w": wording,
        "root": find_root(request),
        "person": None,
        "token": "",
        "current": page,
        "switches": _list_switches(request, back),
        "told": told if told in TOLD else "",
        "back": back,
    }
    content = _templates().get_template(f"{page}.html.j2").render(context | facts)
    response = HTMLResponse(content, status_code)
    if request.query_params.get("lang") in LANGUAGES:
        path = find_root(request) or "/"
        response.set_cookie(COOKIE, wording.language, max_age=YEAR, path=path, httponly=True, samesite="lax")
    return response


def _list_switches(request: Request, back: str | None) -> Mapping[str, str]:
    """By language, the address of this same page in it; of a page that was posted, where it can be read."""
    is_read = request.method in ("GET", "HEAD")
    path = find_path(request) if is_read else back or "/"
    kept = {name: value for name, value in request.query_params.items() if name not in ("lang", "told")}
    query = kept if is_read else {}
    return {language: f"{find_root(request)}{path}?{urlencode({**query, 'lang': language})}" for language in LANGUAGES}


@cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PLACE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["query"] = _write_query
    return found


def _write_query(facts: Mapping[str, Any]) -> str:
    """Wishes as a query, those that are none left out."""
    return urlencode({name: value for name, value in facts.items() if value not in ("", None)})
