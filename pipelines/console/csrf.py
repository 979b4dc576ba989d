"""Forms that only our own pages can send: a signed token for one person and day, from a page of this very site."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, status

from anonymization.keyring import Secret
from pipelines.console.acts import note_refusal
from pipelines.console.authority import Authority, FindPerson, Person, Role
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.journeys.house import House

FIELD = "token"  # of every form that changes something


def issue_token(secret: Secret, person: Person) -> str:
    """The token for this person's forms, good for today and tomorrow."""
    return _sign(secret, person, _today())


def require_token(authority: Authority, role: Role, open_house: Callable[[], House]) -> FindPerson:
    """A FastAPI dependency as `authority.require(role)`, which also answers 403 to a form that is not of our pages.

    The token is read from the form field `token`; what is refused is noted in the ledger.
    """

    async def read_token(request: Request) -> str:
        token = (await request.form()).get(FIELD)
        return token if isinstance(token, str) else ""

    def find_person(
        request: Request,
        person: Annotated[Person, Depends(authority.require(role))],
        token: Annotated[str, Depends(read_token)],
    ) -> Person:
        house = open_house()
        if is_own_page(request) and is_token(open_desk_secrets(house.settings).form, person, token):
            return person
        note_refusal(house, person.name, request, "forged form")
        raise HTTPException(status.HTTP_403_FORBIDDEN, "the form is too old, or not ours: open the page again")

    return find_person


def is_token(secret: Secret, person: Person, token: str) -> bool:
    """Tell, in constant time, whether this token was issued to that person today or yesterday."""
    given = token.encode()
    today, yesterday = (_sign(secret, person, _today() - timedelta(days=age)).encode() for age in (0, 1))
    return hmac.compare_digest(given, today) | hmac.compare_digest(given, yesterday)


def is_own_page(request: Request) -> bool:
    """Tell whether the browser says that a page of this site sent the form; what says nothing is no browser of today.

    A browser tells the site by itself where the connection is private or local, and the origin anywhere.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")


def _sign(secret: Secret, person: Person, day: date) -> str:
    text = f"tokumei form\n{day.isoformat()}\n{person.name}"
    return hmac.new(secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()


def _today() -> date:
    return datetime.now(UTC).date()
