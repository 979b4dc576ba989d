"""A request that an officer files in a member's name, from the form to the journey that carries it."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from pipelines.control.outbox import keep_contact
from pipelines.control.subjects import AccountFacts
from pipelines.deletion.request import request_id_of
from pipelines.journeys.delete import request_deletion
from pipelines.journeys.house import House
from pipelines.journeys.rights import file_right

CHANNEL = "console"
Kind = Literal["deletion", "access", "restrict", "unrestrict", "correct"]


def _read_given(value: object) -> object:
    """What is left empty in a form is not given."""
    return None if value == "" else value


GivenDate = Annotated[date | None, BeforeValidator(_read_given)]
Count = Annotated[int, Field(ge=0, le=10**6)]
GivenCount = Annotated[Count | None, BeforeValidator(_read_given)]


class Filing(BaseModel):
    """What the form says. requested_on: the day on which the member asked. attribute to event_date: of a correction.

    contact_: where the member is told how it ended; nothing of it is kept but in the outbox.
    """

    kind: Kind
    user_id: str = Field(min_length=1, max_length=256, repr=False)
    request_key: str = Field(pattern="desk-[0-9a-f-]{36}", max_length=41)
    requested_on: GivenDate = None
    last_transaction: GivenDate = None
    open_trades: GivenCount = None
    open_listings: GivenCount = None
    attribute: str = Field(default="", max_length=64)
    value: str = Field(default="", max_length=500, repr=False)
    event_date: GivenDate = None
    contact_channel: Literal["", "sms", "email"] = ""
    contact_address: str = Field(default="", max_length=254, pattern=r"^\S*$", repr=False)
    contact_language: Literal["en", "ja"] = "ja"


def file_request(house: House, person: str, filing: Filing) -> str:
    """File a request and return its id; the member's id is not kept. ConfigurationError for what cannot be filed.

    Where the member is told is kept first: a suspension of use is done, and its last word due, when it is filed.
    """
    _keep_contact(house, filing)
    named: dict[str, Any] = {"request_key": filing.request_key, "channel": CHANNEL, "requested_by": person}
    asked_at = _find_moment(house, filing.requested_on)
    if filing.kind == "deletion":
        facts = _read_facts(house, filing)
        return request_deletion(house, filing.user_id, facts=facts, requested_at=asked_at, **named)
    detail = _read_detail(filing) if filing.kind == "correct" else None
    return file_right(house, filing.kind, filing.user_id, requested_at=asked_at, detail=detail, **named)


def _keep_contact(house: House, filing: Filing) -> None:
    if filing.contact_channel and filing.contact_address:
        keep_contact(
            house.ledger,
            house.keyring,
            request_id=request_id_of(filing.request_key),
            channel=filing.contact_channel,
            address=filing.contact_address,
            language=filing.contact_language,
            now=house.now(),
        )


def _read_facts(house: House, filing: Filing) -> AccountFacts | None:
    """Facts that stand in for those of the accounts source; None where none of them is given."""
    if (filing.last_transaction, filing.open_trades, filing.open_listings) == (None, None, None):
        return None
    return AccountFacts(filing.open_listings or 0, filing.open_trades or 0, filing.last_transaction, house.now().date())


def _read_detail(filing: Filing) -> dict[str, str]:
    detail = {"attribute": filing.attribute, "value": filing.value}
    return detail | ({"event_date": filing.event_date.isoformat()} if filing.event_date else {})


def _find_moment(house: House, day: date | None) -> datetime:
    """Now, or the beginning of an earlier day of the service's."""
    now = house.now()
    return now if day is None or day >= now.date() else datetime.combine(day, time(), house.settings.zone)
