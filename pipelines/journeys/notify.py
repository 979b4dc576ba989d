"""Telling people: members of the end of their requests, recipients of exports of deletions that touch what they have.

Whatever a sender does, no deletion is undone or kept waiting: what failed stays in the outbox and is tried again.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from anonymization.keyring import seal, unseal
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.control.messages import Message, Notice
from pipelines.control.outbox import (
    INTERIM_TEMPLATES,
    claim_due,
    enter_messages,
    forget_dead,
    forget_unused,
    has_status_page,
    keep_for_sender,
    list_told,
    name_notice,
    postpone,
    settle,
)
from pipelines.control.recipients import Export, list_exports, list_recipients
from pipelines.control.requests import DeletionRequest, StoredPlan, get_plan, list_planned
from pipelines.control.status_codes import make_code
from pipelines.deletion.exports import describe_notice, find_touched_exports
from pipelines.deletion.request import Subject, unseal_subject
from pipelines.errors import DeliveryRefusedError, SenderMissingError
from pipelines.journeys.delays import find_delay_reason
from pipelines.journeys.house import House
from pipelines.notices import registry
from pipelines.notices.render import render
from pipelines.notices.sender import Outgoing, Sender
from pipelines.proof.certificate import RecipientOutcome
from pipelines.proof.notice import sign_notice
from pipelines.telemetry import record_step

FLUSH_SECONDS = 120.0
DEAD_LIFE = timedelta(days=30)
RECIPIENT, WEBHOOK, NOWHERE = "recipient", "webhook", "none"
DELETION_NOTICE = "deletion_notice"
LONGEST_FAILURE = 64


def notify_recipients(house: House, plan: StoredPlan) -> int:
    """Enter a message to everybody who has an export that a plan being carried out touches, each once however often.

    Of those without an endpoint it is noted that nobody could tell them. Returns how many were new.
    """
    exports = find_touched_exports(plan.document, house.catalogue, list_exports(house.ledger))
    running = {request.request_id: request for request in list_planned(house.ledger, plan.digest, "running")}
    if not (exports and running):
        return 0
    subjects = {request_id: unseal_subject(request, house.keyring) for request_id, request in running.items()}
    endpoints = {each.recipient_id: each.endpoint for each in list_recipients(house.ledger)}
    written = [(_write_notice(house, plan, export, subjects), endpoints[export.recipient_id]) for export in exports]
    messages = [
        replace(message, sealed_address=seal(house.keyring, endpoint.encode()))
        for message, endpoint in written
        if endpoint
    ]
    untold = [_note_untold(message) for message, endpoint in written if not endpoint]
    return enter_messages(house.ledger, messages, untold)


def tell_recipients(house: House, digest: str, senders: Mapping[str, Sender] | None = None) -> None:
    """Send what a plan made necessary, once, before it is certified; a failure of any kind stays in the outbox.

    senders: by channel, those of the installation when not given.
    """
    try:
        if any(isinstance(told, Message) for told in list_told(house.ledger, digest)):
            flush_outbox(house, open_senders(house) if senders is None else senders, plan_digest=digest)
    except Exception as error:  # noqa: BLE001 - plug-ins and endpoints raise what they like, and stop no proof
        with record_step("tell_recipients", "outbox") as step:
            step.count(failure=_name_failure(error))


def flush_outbox(house: House, senders: Mapping[str, Sender], *, plan_digest: str | None = None) -> dict[str, int]:
    """Send every message that is due, or those that one plan made necessary, for at most two minutes.

    Any number may flush at once, or be killed. Returns how many were told, confirmed, failed and refused.
    """
    started, deadline = house.now(), time.monotonic() + FLUSH_SECONDS
    counts = Counter(told=0, confirmed=0, failed=0, refused=0)
    with record_step("flush_outbox", "outbox") as step:
        while time.monotonic() < deadline:
            claimed = claim_due(house.ledger, house.now(), due_by=started, plan_digest=plan_digest)
            if not claimed:
                break
            counts[_deliver(house, senders, claimed[0])] += 1
            step.count(**counts)
    return dict(counts)


def open_senders(house: House) -> Mapping[str, Sender]:
    """The senders of the installation, by channel."""
    return registry.open_senders(house.settings, open_desk_secrets(house.settings))


def find_recipient_outcomes(house: House, request: DeletionRequest) -> tuple[RecipientOutcome, ...]:
    """Everybody who has an export that the deletion of a request touched, with when they were told and confirmed.

    Over all plans that were carried out for it; whoever was told of one and not of another counts as not told.
    """
    exports, outcomes = list_exports(house.ledger), dict[str, RecipientOutcome]()
    for digest in filter(None, (*request.earlier_plans, request.plan_digest)):
        told = {each.export_id: each for each in list_told(house.ledger, digest)}
        document = get_plan(house.ledger, digest).document
        for export in find_touched_exports(document, house.catalogue, exports, request.request_id):
            if export.export_id in told:  # or it was made of what was left
                outcome = _describe_outcome(export, told[export.export_id])
                outcomes[export.export_id] = _join_outcomes(outcomes.get(export.export_id, outcome), outcome)
    return tuple(outcomes.values())


def forget_contacts(house: House) -> int:
    """Take away addresses that nothing will be sent to any more; returns how many."""
    return forget_dead(house.ledger, house.now() - DEAD_LIFE) + forget_unused(house.ledger, house.now())


def _write_notice(house: House, plan: StoredPlan, export: Export, subjects: Mapping[str, Subject]) -> Message:
    """What is to be signed when it is sent; without an address."""
    notice_id = name_notice(plan.digest, export.export_id)
    touched = {
        request_id: subject
        for request_id, subject in subjects.items()
        if find_touched_exports(plan.document, house.catalogue, [export], request_id)
    }
    notice = describe_notice(notice_id, export, house.catalogue, touched)
    return Message(
        message_id=notice_id,
        kind=RECIPIENT,
        request_id=min(subjects),
        channel=WEBHOOK,
        template=DELETION_NOTICE,
        sealed_address=b"",
        state="pending",
        created_at=house.now(),
        export_id=export.export_id,
        recipient_id=export.recipient_id,
        sealed_content=seal(house.keyring, json.dumps(notice, sort_keys=True).encode()),
        next_attempt_at=house.now(),
        plan_digest=plan.digest,
    )


def _note_untold(message: Message) -> Notice:
    return Notice(
        message_id=message.message_id,
        kind=message.kind,
        request_id=message.request_id,
        channel=NOWHERE,
        template=DELETION_NOTICE,
        created_at=message.created_at,
        attempt_count=0,
        told_at=None,
        confirmed_at=None,
        export_id=message.export_id,
        recipient_id=message.recipient_id,
        plan_digest=message.plan_digest,
    )


def _deliver(house: House, senders: Mapping[str, Sender], message: Message) -> str:
    """Send one message that was claimed, and note what came of it in one word, which is all that leaves here."""
    try:
        is_confirmed = _find_sender(senders, message).send(_write_outgoing(house, message)) is True
    except DeliveryRefusedError as error:
        postpone(house.ledger, message, _name_failure(error), house.now(), for_good=True)
        return "refused"
    except SenderMissingError as error:
        keep_for_sender(house.ledger, message, _name_failure(error), house.now())
        return "failed"
    except Exception as error:  # noqa: BLE001 - plug-ins raise what they like, and others wait to be told
        postpone(house.ledger, message, _name_failure(error), house.now())
        return "failed"
    told_at = house.now()
    confirmed_at = told_at if is_confirmed and message.kind == RECIPIENT else None
    settle(house.ledger, message, told_at=told_at, confirmed_at=confirmed_at)
    return "confirmed" if confirmed_at else "told"


def _find_sender(senders: Mapping[str, Sender], message: Message) -> Sender:
    if message.channel not in senders:
        raise SenderMissingError(f"there is no sender for {message.channel}", hint="set one up")
    return senders[message.channel]


def _write_outgoing(house: House, message: Message) -> Outgoing:
    address = unseal(house.keyring, message.sealed_address).decode()
    if message.sealed_content is not None:
        signing_key, directory = house.settings.signing_key_file.read_bytes(), house.settings.certificates
        content = sign_notice(unseal(house.keyring, message.sealed_content), signing_key, directory)
        text = "A deletion touches an export that you received; the signed notice says which, and what to do."
        return Outgoing(message.message_id, message.channel, address, "Notice of deletion", text, content)
    template, language = message.template or "", message.language or ""
    subject, text = render(template, language, _list_facts(house, message), channel=message.channel)
    return Outgoing(message.message_id, message.channel, address, subject, text)


def _list_facts(house: House, message: Message) -> dict[str, str]:
    """What a message may tell: the request, its page where it has one, of a delay why; nothing of the member."""
    facts = {"request_id": message.request_id}
    if message.template in INTERIM_TEMPLATES:
        facts["reason"] = find_delay_reason(house, message.request_id)
    if not has_status_page(house.ledger, message.request_id):
        return facts
    code = make_code(open_desk_secrets(house.settings), message.request_id)
    return facts | {"status_url": f"{house.settings.intake_url}/status/{code}"}


def _describe_outcome(export: Export, told: Message | Notice) -> RecipientOutcome:
    told_at, confirmed_at = (told.told_at, told.confirmed_at) if isinstance(told, Notice) else (None, None)
    return RecipientOutcome(export.recipient_id, export.export_id, told_at, confirmed_at)


def _join_outcomes(first: RecipientOutcome, second: RecipientOutcome) -> RecipientOutcome:
    told_at, confirmed_at = _later(first.told_at, second.told_at), _later(first.confirmed_at, second.confirmed_at)
    return replace(first, told_at=told_at, confirmed_at=confirmed_at if told_at else None)


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    """When both had happened."""
    return max(first, second) if first and second else None


def _name_failure(error: Exception) -> str:
    return type(error).__name__[:LONGEST_FAILURE]
