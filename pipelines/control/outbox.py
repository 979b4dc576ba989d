"""The outbox in the ledger: messages until they are delivered, each address sealed, in its row and nowhere else.

A message is sent at least once: whoever claims it has it alone for a while, and when they die it comes due again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import sqlalchemy as sa

from anonymization.keyring import Keyring, seal
from pipelines.control.batches import split_batches
from pipelines.control.desk_tables import notices, outbox, status_codes
from pipelines.control.ledger import request_moves, transaction
from pipelines.control.messages import Message, Notice, enter, make_notice, note, read_messages, read_notices
from pipelines.errors import ConfigurationError

MESSAGE_NAMESPACE = uuid.UUID("0b6a3f0e-4f1d-5c55-8a0c-5a2d4f7f9a21")
CHANNELS, LANGUAGES = ("sms", "email"), ("en", "ja")
# After one of these nothing more is to be said.
FINAL_TEMPLATES = ("completed", "refused", "access_ready", "restricted", "unrestricted", "corrected")
INTERIM_TEMPLATES = ("delayed", "overdue")
LONGEST_ADDRESS = 254
LEASE = timedelta(minutes=15)  # longer than any sender takes
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
SETTING_UP_PAUSE = timedelta(minutes=15)
MOST_ATTEMPTS = 12
UNFINISHED = "Unfinished"  # the failure of an attempt whose process died
GRACE = timedelta(days=1)  # whoever files a request or closes it may be about to speak of it


def keep_contact(  # noqa: PLR0913 - a contact has these facts
    engine: sa.Engine,
    keyring: Keyring,
    *,
    request_id: str,
    channel: str,
    address: str,
    language: str,
    now: datetime,
) -> str:
    """Keep where the member of a request is told of its end, sealed, and return the message's id.

    A second contact takes the place of the first while nothing was said yet, and is not kept afterwards.
    ConfigurationError for an unknown channel or language, or what cannot be an address.
    """
    _require_contact(channel, address, language)
    contact = Message(
        message_id=name_contact(request_id),
        kind="user",
        request_id=request_id,
        channel=channel,
        template=None,
        language=language,
        sealed_address=seal(keyring, address.encode()),
        state="waiting",
        created_at=now,
    )
    is_unsaid = (outbox.c.message_id == contact.message_id) & (outbox.c.state == "waiting")
    with transaction(engine) as connection:
        connection.execute(sa.delete(outbox).where(is_unsaid))
        enter(connection, [contact])
    return contact.message_id


def tell(engine: sa.Engine, request_id: str, template: str, now: datetime) -> None:
    """Say something to the member of a request, if a contact is kept; saying it again changes nothing.

    A final template is the last word, with which the contact goes; delayed takes a copy of it.
    """
    with transaction(engine) as connection:
        tell_all(connection, [request_id], template, now)


def tell_all(connection: sa.Connection, request_ids: Sequence[str], template: str, now: datetime) -> None:
    """The same for many requests, in the transaction that makes it true, so that none is told and none is left out."""
    if template not in (*FINAL_TEMPLATES, *INTERIM_TEMPLATES):
        raise ConfigurationError("there is no notice of that name", hint=f"choose one of {', '.join(FINAL_TEMPLATES)}")
    say = _say_last if template in FINAL_TEMPLATES else _say_copy
    for batch in split_batches(request_ids):
        say(connection, {name_contact(request_id): request_id for request_id in batch}, template, now)


def name_contact(request_id: str) -> str:
    """The id of the message that holds a request's contact, and with which its last word is sent."""
    return str(uuid.uuid5(MESSAGE_NAMESPACE, f"contact:{request_id}"))


def name_notice(plan_digest: str, export_id: str) -> str:
    """The id of the message that tells of what a plan took out of an export."""
    return str(uuid.uuid5(MESSAGE_NAMESPACE, f"notice:{plan_digest}:{export_id}"))


def enter_messages(engine: sa.Engine, messages: Sequence[Message], untold: Sequence[Notice] = ()) -> int:
    """Enter messages, and notices of whom nobody can tell, all or none; returns how many were new by their ids."""
    with transaction(engine) as connection:
        return enter(connection, messages) + note(connection, untold)


def list_outbox(engine: sa.Engine) -> tuple[Message, ...]:
    """Every message that is not settled, the oldest first."""
    query = sa.select(outbox).order_by(outbox.c.created_at, outbox.c.message_id)
    with transaction(engine) as connection:
        return read_messages(connection, query)


def list_notices(engine: sa.Engine, *, request_id: str | None = None) -> tuple[Notice, ...]:
    """What became of every message, or of those of one request, the oldest first."""
    query = sa.select(notices).order_by(notices.c.created_at, notices.c.message_id)
    if request_id is not None:
        query = query.where(notices.c.request_id == request_id)
    with transaction(engine) as connection:
        return read_notices(connection, query)


def list_told(engine: sa.Engine, plan_digest: str) -> tuple[Message | Notice, ...]:
    """The messages to recipients of what one plan carried out, settled or not."""
    told = sa.select(notices).where(notices.c.plan_digest == plan_digest)
    with transaction(engine) as connection:
        return (
            *read_notices(connection, told),
            *read_messages(connection, sa.select(outbox).where(outbox.c.plan_digest == plan_digest)),
        )


def claim_due(
    engine: sa.Engine, now: datetime, *, due_by: datetime | None = None, plan_digest: str | None = None, most: int = 1
) -> tuple[Message, ...]:
    """Take messages that are due, the longest due first: until the claim ends, nobody else gets them.

    due_by: leaves alone what came due later, by default than now. plan_digest: claims what one plan made necessary.
    """
    is_due = (outbox.c.state == "pending") & (outbox.c.next_attempt_at <= (due_by or now))
    if plan_digest is not None:
        is_due &= outbox.c.plan_digest == plan_digest
    is_spent = is_due & (outbox.c.attempt_count >= MOST_ATTEMPTS)
    chosen = sa.select(outbox.c.message_id).where(is_due).order_by(outbox.c.next_attempt_at, outbox.c.message_id)
    claim = {"attempt_count": outbox.c.attempt_count + 1, "next_attempt_at": now + LEASE}
    with transaction(engine) as connection:
        connection.execute(sa.update(outbox).where(is_spent).values(_describe_death(UNFINISHED, now)))
        ids = connection.execute(chosen.limit(most).with_for_update(skip_locked=True)).scalars().all()
        connection.execute(sa.update(outbox).where(outbox.c.message_id.in_(ids)).values(claim))
        return read_messages(connection, sa.select(outbox).where(outbox.c.message_id.in_(ids)))


def settle(engine: sa.Engine, message: Message, *, told_at: datetime, confirmed_at: datetime | None = None) -> None:
    """Note that a claimed message was delivered; its row is gone, and the address with it."""
    with transaction(engine) as connection:
        connection.execute(sa.delete(outbox).where(outbox.c.message_id == message.message_id))
        note(connection, [make_notice(message, told_at, confirmed_at)])


def postpone(engine: sa.Engine, message: Message, failure: str, now: datetime, *, for_good: bool = False) -> None:
    """Note that a claimed message was not delivered: it comes due later, or is dead, at once or after many attempts.

    Nothing changes when somebody else has claimed it meanwhile.
    """
    is_mine = (outbox.c.message_id == message.message_id) & (outbox.c.attempt_count == message.attempt_count)
    if for_good or message.attempt_count >= MOST_ATTEMPTS:
        values = _describe_death(failure, now)
    else:
        values = {"failure": failure, "next_attempt_at": now + find_pause(message.attempt_count)}
    with transaction(engine) as connection:
        connection.execute(sa.update(outbox).where(is_mine & (outbox.c.state == "pending")).values(values))


def keep_for_sender(engine: sa.Engine, message: Message, failure: str, now: datetime) -> None:
    """Give back a claimed message that nothing here can carry yet; it was no attempt, however often it happens."""
    is_mine = (outbox.c.message_id == message.message_id) & (outbox.c.attempt_count == message.attempt_count)
    uncounted = {"attempt_count": outbox.c.attempt_count - 1, "next_attempt_at": now + SETTING_UP_PAUSE}
    with transaction(engine) as connection:
        connection.execute(
            sa.update(outbox).where(is_mine & (outbox.c.state == "pending")).values({**uncounted, "failure": failure})
        )


def find_pause(attempt_count: int) -> timedelta:
    """How long nobody tries again after so many attempts: twice as long each time, up to the longest pause."""
    return min(FIRST_PAUSE * (1 << max(attempt_count - 1, 0)), LONGEST_PAUSE)


def retry_message(engine: sa.Engine, message_id: str, now: datetime) -> None:
    """Have a dead message tried again, as often as a new one; ConfigurationError when there is no dead one of that id.

    One that is pending is tried anyway, and may be on its way this moment.
    """
    is_dead = (outbox.c.message_id == message_id) & (outbox.c.state == "dead")
    revived = {"state": "pending", "attempt_count": 0, "next_attempt_at": now, "died_at": None}
    with transaction(engine) as connection:
        changed = connection.execute(sa.update(outbox).where(is_dead).values(revived))
    if changed.rowcount != 1:
        raise ConfigurationError(
            "there is no dead message of that id to retry", hint="list them with `tokumei outbox`; pending ones go on"
        )


def forget_dead(engine: sa.Engine, died_before: datetime) -> int:
    """Take the addresses of long dead messages away, noting that nobody was told; returns how many."""
    with transaction(engine) as connection:
        dead = read_messages(
            connection, sa.select(outbox).where((outbox.c.state == "dead") & (outbox.c.died_at < died_before))
        )
        note(connection, [make_notice(message, None, None) for message in dead])
        for batch in split_batches([message.message_id for message in dead]):
            connection.execute(sa.delete(outbox).where(outbox.c.message_id.in_(batch)))
    return len(dead)


def forget_unused(engine: sa.Engine, now: datetime) -> int:
    """Take away contacts of requests that are closed, or were never filed, since yesterday; returns how many."""
    newest = sa.select(sa.func.max(request_moves.c.move_id)).group_by(request_moves.c.request_id)
    is_open = ~request_moves.c.state.in_(["completed", "refused"]) | (request_moves.c.moved_at > now - GRACE)
    alive = sa.select(request_moves.c.request_id).where(request_moves.c.move_id.in_(newest) & is_open)
    is_unused = (outbox.c.state == "waiting") & ~outbox.c.request_id.in_(alive)
    with transaction(engine) as connection:
        return connection.execute(sa.delete(outbox).where(is_unused & (outbox.c.created_at < now - GRACE))).rowcount


def has_status_page(engine: sa.Engine, request_id: str) -> bool:
    """Whether somebody was given a confirmation code for a request."""
    query = sa.select(status_codes.c.request_id).where(status_codes.c.request_id == request_id)
    with transaction(engine) as connection:
        return connection.execute(query).first() is not None


def _require_contact(channel: str, address: str, language: str) -> None:
    if channel not in CHANNELS or language not in LANGUAGES:
        choices = f"one of {', '.join(CHANNELS)}, in one of {', '.join(LANGUAGES)}"
        raise ConfigurationError("nobody can be told by that channel or in that language", hint=f"choose {choices}")
    if not (0 < len(address) <= LONGEST_ADDRESS and address.isprintable() and " " not in address):
        raise ConfigurationError(
            f"a contact is no address of at most {LONGEST_ADDRESS} characters without blanks",
            hint="give one telephone number or one e-mail address",
        )


def _say_last(connection: sa.Connection, contacts: dict[str, str], template: str, now: datetime) -> None:
    """What was to be said meanwhile is out of date, and goes with its copy of the address."""
    is_outdated = outbox.c.request_id.in_(contacts.values()) & outbox.c.template.in_(INTERIM_TEMPLATES)
    connection.execute(sa.delete(outbox).where(is_outdated & (outbox.c.kind == "user")))
    is_waiting = outbox.c.message_id.in_(contacts) & (outbox.c.state == "waiting")
    said = {"state": "pending", "template": template, "next_attempt_at": now}
    connection.execute(sa.update(outbox).where(is_waiting).values(said))


def _say_copy(connection: sa.Connection, contacts: dict[str, str], template: str, now: datetime) -> None:
    waiting = sa.select(outbox).where(outbox.c.message_id.in_(contacts) & (outbox.c.state == "waiting"))
    copies = [
        {
            **asdict(contact),
            "message_id": str(uuid.uuid5(MESSAGE_NAMESPACE, f"{template}:{contact.request_id}")),
            "state": "pending",
            "template": template,
            "created_at": now,
            "next_attempt_at": now,
        }
        for contact in read_messages(connection, waiting)
    ]
    enter(connection, [Message(**copy) for copy in copies])


def _describe_death(failure: str, now: datetime) -> dict[str, object]:
    return {"state": "dead", "failure": failure, "next_attempt_at": None, "died_at": now}
