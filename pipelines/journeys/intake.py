"""A request that comes over HTTP, from its checked form to its answer; nothing is answered before it is durable.

One transaction enters receipt, nonce, status code and, of a deletion, the request itself. What follows may be repeated
after a crash at any point: the same content under the same idempotency key finishes it, and files nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial

from pipelines.control.desk_secrets import DeskSecrets
from pipelines.control.intake import (
    DELETION,
    AskedRight,
    Entered,
    EnterRequest,
    Receipt,
    enter_receipt,
    find_asked_right,
    forget_receipts,
    has_contact,
    withdraw_receipt,
)
from pipelines.control.moves import Move
from pipelines.control.outbox import keep_contact
from pipelines.control.requests import DeletionRequest, enter_refused, enter_within
from pipelines.control.status_codes import digest_code, make_code, mark
from pipelines.control.subjects import AccountFacts
from pipelines.control.tombstone_rows import CLOSED_STATES
from pipelines.deletion.request import new_request, request_id_of, request_of_nobody, request_of_subject
from pipelines.errors import (
    ConfigurationError,
    ContractInvalidError,
    DeletionError,
    HomeUnwritableError,
    IntakeRefusedError,
    KeyReusedError,
    MissingKeyError,
    NonceReusedError,
)
from pipelines.journeys.external_accounts import FACEBOOK, find_member
from pipelines.journeys.house import House
from pipelines.journeys.rights import file_right

INTAKE = "intake"
PIPELINE = "pipeline"
RESERVED_CLIENTS = (FACEBOOK,)  # whose idempotency keys are ours
UNLINKED = "no member logs in by this Facebook account"
CODE_LIFE = timedelta(days=400)
OURS_TO_MEND = (MissingKeyError, ContractInvalidError, HomeUnwritableError)


@dataclass(frozen=True, slots=True)
class Contact:
    """How to tell the user what became of their request: sms or email, and the language of the notice."""

    channel: str
    address: str = field(repr=False)
    language: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for, its form checked. facts: of a deletion only. detail: of a correction only."""

    kind: str
    user_id: str = field(repr=False)
    channel: str
    requested_at: datetime
    facts: AccountFacts | None = None
    detail: Mapping[str, str] | None = field(default=None, repr=False)
    contact: Contact | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sent it, under which key and nonce, and the same text for the same content. Each may hold anything."""

    client_id: str
    idempotency_key: str = field(repr=False)
    content: str = field(repr=False)
    nonce: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """confirmation_code: opens the status page to whoever has it."""

    request_id: str
    confirmation_code: str = field(repr=False)


def file_asked(house: House, secrets: DeskSecrets, asked: Asked, envelope: Envelope) -> Answer:
    """File what a client asks for, once for each idempotency key; the same content again gets the same answer.

    KeyReusedError, NonceReusedError; IntakeRefusedError when nothing can be filed as it was asked for.
    """
    request_key = _make_request_key(secrets, envelope)
    receipt = _write_receipt(house, secrets, request_key, envelope)
    requested_at = min(asked.requested_at, house.now())
    if asked.kind == DELETION:
        request = new_request(
            house.keyring,
            asked.user_id,
            request_key=request_key,
            channel=asked.channel,
            requested_at=requested_at,
            facts=asked.facts,
        )
        answer = _enter(house, secrets, receipt, envelope, partial(enter_within, request=request))
        _keep_contact(house, receipt, asked.contact)
        return answer
    answer = _enter(house, secrets, receipt, envelope, _enter_nothing)
    _keep_contact(house, receipt, asked.contact)  # first, for what is carried out at once is told of at once
    _file_right(house, asked, receipt, request_key, requested_at)
    return answer


def file_facebook_deletion(house: House, secrets: DeskSecrets, facebook_user_id: str, envelope: Envelope) -> Answer:
    """File the deletion that Facebook asks for; of an account by which no member logs in it is closed as refused."""
    request_key = _make_request_key(secrets, envelope)
    receipt = _write_receipt(house, secrets, request_key, envelope)
    enter_request = _prepare_facebook_request(house, facebook_user_id, request_key)
    return _enter(house, secrets, receipt, envelope, enter_request)


def find_status(house: House, code: str) -> AskedRight | None:
    """The request that a confirmation code was given for; None for any other text, and once the code has expired."""
    found = find_asked_right(house.ledger, digest_code(code))
    if found is None:
        return None
    right, issued_at = found
    is_over = right.state in CLOSED_STATES and issued_at + CODE_LIFE < house.now()
    return None if is_over else right


def find_due_date(house: House, right: AskedRight) -> date:
    """The last day of what was promised, also while nobody has looked at the request yet."""
    asked_on = right.requested_at.astimezone(house.settings.zone).date()
    return right.due_on or asked_on + timedelta(days=house.settings.deadline_days)


def forget_overdue_receipts(house: House) -> int:
    """Forget answers whose confirmation codes are not valid any more; returns how many."""
    return forget_receipts(house.ledger, house.now() - CODE_LIFE)


def _enter(
    house: House, secrets: DeskSecrets, receipt: Receipt, envelope: Envelope, enter_request: EnterRequest
) -> Answer:
    code = make_code(secrets, receipt.request_id)
    nonce = None if envelope.nonce is None else mark(secrets.status, "nonce", envelope.nonce).hex()
    entered = enter_receipt(house.ledger, receipt, digest_code(code), nonce=nonce, enter_request=enter_request)
    if entered is Entered.REPLAYED:
        raise NonceReusedError("this signed request came before", hint="sign it anew, with another nonce")
    if entered is Entered.CONFLICT:
        raise KeyReusedError("this idempotency key came with other content", hint="give each request a key of its own")
    return Answer(receipt.request_id, code)


def _enter_nothing(_: object) -> None:
    """Rights other than deletion are filed after their receipt, by code that has transactions of its own."""


def _keep_contact(house: House, receipt: Receipt, contact: Contact | None) -> None:
    if contact is None or has_contact(house.ledger, receipt.request_id):
        return
    keep_contact(
        house.ledger,
        house.keyring,
        request_id=receipt.request_id,
        channel=contact.channel,
        address=contact.address,
        language=contact.language,
        now=house.now(),
    )


def _file_right(house: House, asked: Asked, receipt: Receipt, request_key: str, requested_at: datetime) -> None:
    """Also for a receipt that was known, since a crash may have come between; filing under one key twice is once."""
    try:
        request_id = file_right(
            house,
            asked.kind,
            asked.user_id,
            request_key=request_key,
            channel=asked.channel,
            requested_by=receipt.client_id,
            requested_at=requested_at,
            detail=asked.detail,
        )
    except OURS_TO_MEND:
        raise
    except ConfigurationError:
        withdraw_receipt(house.ledger, receipt)
        raise IntakeRefusedError("nothing can be filed as it was asked for", hint="correct what is asked for") from None
    if request_id != receipt.request_id:
        raise DeletionError("a right was filed under another id than its receipt", hint="this is a defect, report it")


def _prepare_facebook_request(house: House, facebook_user_id: str, request_key: str) -> EnterRequest:
    now, member = house.now(), find_member(house, facebook_user_id)
    if member is None:
        nobody = request_of_nobody(request_key, FACEBOOK, now, house.keyring)
        return partial(enter_refused, request=nobody, move=Move("refused", now, PIPELINE, UNLINKED))
    subject, known_keys = member
    request: DeletionRequest = request_of_subject(
        house.keyring, subject, known_keys, request_key=request_key, channel=FACEBOOK, requested_at=now
    )
    return partial(enter_within, request=request)


def _write_receipt(house: House, secrets: DeskSecrets, request_key: str, envelope: Envelope) -> Receipt:
    return Receipt(
        client_id=envelope.client_id,
        idempotency_key=request_key.removeprefix(f"{INTAKE}-"),
        content_mark=mark(secrets.status, "content", envelope.content).hex(),
        request_id=request_id_of(request_key),
        received_at=house.now(),
    )


def _make_request_key(secrets: DeskSecrets, envelope: Envelope) -> str:
    return f"{INTAKE}-{mark(secrets.status, 'key', f'{envelope.client_id} {envelope.idempotency_key}').hex()}"
