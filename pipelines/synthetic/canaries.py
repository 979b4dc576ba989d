"""People who do not exist, and the lines that they leave in every source, in every form that identifiers take."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

GOOD_LINES_PER_BAD = 24  # a file of more bad lines than its contract allows would be held
LATE_BY = timedelta(days=2)
# A declared robot: no mart counts its requests as those of people.
USER_AGENT = "Mozilla/5.0 (compatible; canary monitoring)"
DORMANT_SINCE = date(2020, 1, 31)  # nothing keeps a canary from being deleted at once

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Canary:
    """Who is planted on a day. state: drawn, landed, requested; request_key: of the request for the deletion."""

    user_id: str
    device_id: str
    advertising_id: str
    email: str
    phone: str
    request_key: str
    planted_on: date
    state: str = "drawn"

    @property
    def identifiers(self) -> tuple[str, ...]:
        """What must never be found outside landing and keys."""
        return self.user_id, self.device_id, self.advertising_id, self.email, self.phone


def draw_canary(planted_on: date, key_prefix: str) -> Canary:
    """Somebody new, by chance and not by a seed: what only the register knows cannot be left out on purpose."""
    return Canary(
        user_id=f"u000{secrets.randbelow(10**6):06}",
        device_id=str(uuid.uuid4()),
        advertising_id=str(uuid.uuid4()),
        email=f"canary.{secrets.token_hex(6)}@example.jp",
        phone=f"070-0{secrets.randbelow(10**3):03}-{secrets.randbelow(10**4):04}",
        request_key=f"{key_prefix}{secrets.token_hex(12)}",
        planted_on=planted_on,
    )


def write_canary_lines(canaries: Sequence[Canary], day: date) -> dict[str, list[str]]:
    """The lines of one file of each source; the same canaries always leave the same lines."""
    visits = [line for canary in canaries for line in list_visits(canary, canaries[0], day)]
    padding = [visit(canaries[0], day, 30 + number % 30) for number in range(GOOD_LINES_PER_BAD - len(visits))]
    return {
        "accounts": [json.dumps(describe_account(canary, day)) for canary in canaries],
        "access": [*map(json.dumps, [*visits, *padding]), cut_line(visits[0])],
        "devices": [json.dumps(line) for canary in canaries for line in list_openings(canary, day)],
        "searches": [json.dumps(line) for canary in canaries for line in list_searches(canary, day)],
        "surveys": [json.dumps(answer(canary, number, day)) for number, canary in enumerate(canaries)],
    }


def write_request(canary: Canary, at: str) -> str:
    """The line in which a canary asks to be forgotten."""
    asked = {"requested_at": at, "request_key": canary.request_key, "user_id": canary.user_id, "channel": "web"}
    return json.dumps(asked)


def list_visits(canary: Canary, neighbour: Canary, day: date) -> Iterator[Line]:
    """Signed in, then by the device alone and the member alone, late, within URLs, and at a shared device."""
    mail, user = quote(canary.email), canary.user_id
    yield visit(canary, day, 1)
    yield visit(canary, day, 2, user_id=None)
    yield visit(canary, day, 3, device_id=None)
    yield visit(canary, day - LATE_BY, 4)
    yield visit(canary, day, 5, request_uri=f"/?mail={mail}&user={user}&utm_source={user}")
    yield visit(canary, day, 6, http_referer=f"https://www.example.com/{user}?mail={mail}")
    yield visit(canary, day, 7, request_method="POST", request_uri="/login", status=401)
    shared = str(uuid.uuid5(uuid.UUID(neighbour.device_id), "shared"))
    yield visit(canary, day, 8, device_id=shared)
    yield visit(canary, day, 9, device_id=shared, user_id=None)


def visit(canary: Canary, day: date, minute: int, **changes: object) -> Line:
    """One page seen by a canary, signed in at their own device unless changes say otherwise."""
    return {
        "time": write_time(day, minute),
        "remote_addr": "192.0.2.77",
        "user_id": canary.user_id,
        "device_id": canary.device_id,
        "request_method": "GET",
        "request_uri": "/",
        "status": 200,
        "body_bytes_sent": 1000,
        "http_referer": None,
        "http_user_agent": USER_AGENT,
        "accept_language": "ja",
        **changes,
    }


def cut_line(line: Line) -> str:
    """A line that its writer did not finish, with the identifiers in what is there of it."""
    return json.dumps(line)[:-20]


def list_openings(canary: Canary, day: date) -> Iterator[Line]:
    """Of the application, signed in and not."""
    common = {"event": "app_open", "device_id": canary.device_id, "advertising_id": canary.advertising_id}
    common |= {"remote_addr": "192.0.2.77", "platform": "ios", "os_version": "26.1", "model": "iPhone17,1"}
    common |= {"app_version": "8.1.0", "locale": "ja-JP"}
    yield {"time": write_time(day, 11), "user_id": canary.user_id, **common}
    yield {"time": write_time(day, 12), "user_id": None, **common}
    yield {"time": write_time(day - LATE_BY, 13), "user_id": canary.user_id, **common}


def list_searches(canary: Canary, day: date) -> Iterator[Line]:
    """What nobody else types, so that no term of theirs is ever shown."""
    common: Line = {"user_id": canary.user_id, "device_id": canary.device_id, "remote_addr": "192.0.2.77"}
    common |= {"category": None, "result_count": 0, "page": 1, "clicked": False}
    for minute, query in enumerate((canary.email, canary.user_id, canary.phone), start=14):
        yield {"time": write_time(day, minute), "query": query, **common}


def answer(canary: Canary, number: int, day: date) -> Line:
    """To a survey of their own, which is of too few people to be shown."""
    return {
        "time": write_time(day, 20),
        "user_id": canary.user_id,
        "survey_id": f"canary-{day:%Y%m%d}-{number}",
        "channel": "web",
        "segment": "buyer",
        "csat": 3,
        "nps": 7,
        "ces": 4,
        "comment": f"{canary.email} {canary.phone}",
        "language": "ja",
    }


def describe_account(canary: Canary, day: date) -> Line:
    """The facts of a member who may be deleted at once."""
    return {
        "as_of": day.isoformat(),
        "user_id": canary.user_id,
        "email": canary.email,
        "phone": canary.phone,
        "display_name": "canary",
        "registered_date": DORMANT_SINCE.isoformat(),
        "open_listings": 0,
        "open_trades": 0,
        "last_transaction_date": DORMANT_SINCE.isoformat(),
        "consent": True,
    }


def write_time(day: date, minute: int) -> str:
    """So many minutes after a day began in Tokyo."""
    return f"{day.isoformat()}T00:{minute:02}:00+09:00"
