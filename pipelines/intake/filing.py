"""The body of a request as clients write it, checked field by field; what does not fit is refused without a value."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pipelines.control.subjects import AccountFacts
from pipelines.journeys.intake import Asked, Contact

OLDEST = timedelta(days=400)
MOST = 1_000_000
PRINTABLE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f\u3000][^\x00-\x1f\x7f]*$"
TELEPHONE = r"^\+?[0-9][0-9 -]{5,18}[0-9]$"
EMAIL = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,189}$"

Line = Annotated[str, StringConstraints(pattern=PRINTABLE)]


def _require_identifier(user_id: str) -> str:
    """White space alone, in whatever script, names nobody."""
    if not user_id.strip():
        raise ValueError("a member's id is more than white space")
    return user_id


UserId = Annotated[Line, StringConstraints(max_length=128), AfterValidator(_require_identifier)]
Count = Annotated[int, Field(ge=0, le=MOST)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class DeletionFacts(_Part):
    """Account facts that stand in for those of the accounts source, of a deletion."""

    open_listings: Count = 0
    open_trades: Count = 0
    last_transaction_date: date | None = None


class Correction(_Part):
    """The survey attribute to correct, and what it is to be."""

    attribute: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
    value: Annotated[Line, StringConstraints(max_length=100)]
    event_date: date | None = None


class SmsContact(_Part):
    """A telephone number that the notice goes to."""

    channel: Literal["sms"]
    address: Annotated[str, StringConstraints(pattern=TELEPHONE)]
    language: Literal["en", "ja"]


class EmailContact(_Part):
    """A mail address that the notice goes to."""

    channel: Literal["email"]
    address: Annotated[str, StringConstraints(pattern=EMAIL)]
    language: Literal["en", "ja"]


class Filing(_Part):
    """What a member asks for. facts belong to deletion; detail belongs to correct, which needs it."""

    kind: Literal["deletion", "access", "restrict", "unrestrict", "correct"]
    user_id: UserId
    requested_at: AwareDatetime
    channel: Literal["web", "phone"]
    facts: DeletionFacts | None = None
    detail: Correction | None = None
    contact: Annotated[SmsContact | EmailContact, Field(discriminator="channel")] | None = None

    @model_validator(mode="after")
    def _require_what_belongs(self) -> Self:
        if (self.detail is not None) != (self.kind == "correct"):
            raise ValueError("detail belongs to correct, which needs it")
        if self.facts is not None and self.kind != "deletion":
            raise ValueError("facts belong to deletion")
        return self

    def is_timely(self, now: datetime) -> bool:
        """Whether the moment that the member asked at can be one; a client's clock may be ahead."""
        return now - OLDEST <= self.requested_at

    def describe(self, today: date) -> Asked:
        """What the journey takes. today: the day that facts are of."""
        facts, contact = self.facts, self.contact
        return Asked(
            kind=self.kind,
            user_id=self.user_id,
            channel=self.channel,
            requested_at=self.requested_at,
            facts=None
            if facts is None
            else AccountFacts(facts.open_listings, facts.open_trades, facts.last_transaction_date, today),
            detail=None if self.detail is None else self.detail.model_dump(mode="json", exclude_none=True),
            contact=None if contact is None else Contact(contact.channel, _spell(contact), contact.language),
        )


def _spell(contact: SmsContact | EmailContact) -> str:
    """An address as senders take it: a telephone number without what makes it easier to read."""
    address = contact.address
    return address.replace(" ", "").replace("-", "") if isinstance(contact, SmsContact) else address
