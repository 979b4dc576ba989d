"""A message leaves the outbox once it is told, and not before; its address is in its row, sealed, and nowhere else."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from anonymization.keyring import Keyring, new_keyring, unseal
from pipelines.control.ledger import open_ledger
from pipelines.control.messages import Message, Notice
from pipelines.control.moves import Move
from pipelines.control.outbox import (
    LEASE,
    MOST_ATTEMPTS,
    claim_due,
    enter_messages,
    find_pause,
    forget_dead,
    forget_unused,
    keep_contact,
    list_notices,
    list_outbox,
    list_told,
    name_contact,
    postpone,
    retry_message,
    settle,
    tell,
)
from pipelines.control.requests import DeletionRequest, enter_request, get_request, move_requests, refuse_request
from pipelines.errors import ConfigurationError, DeletionError, TokumeiError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON, LATE = NOON + timedelta(seconds=1), NOON + timedelta(days=40)
PHONE = "+819012345678"
KEYRING = new_keyring(NOON)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/control.db")
    yield engine
    engine.dispose()


def keep(ledger: sa.Engine, request_id: str = "r-1", address: str = PHONE, **changes: str) -> str:
    contact = {"channel": "sms", "language": "ja"} | changes
    return keep_contact(ledger, KEYRING, request_id=request_id, address=address, now=NOON, **contact)


def claim_one(ledger: sa.Engine, now: datetime) -> Message:
    [message] = claim_due(ledger, now)
    return message


def file_request(ledger: sa.Engine, *states: str) -> DeletionRequest:
    """The request of a number of moves, each a minute after the last."""
    enter_request(ledger, DeletionRequest("r-1", "key", "web", NOON, "received", None, None, b"sealed", None, None))
    for minute, state in enumerate(states, start=1):
        move_requests(ledger, [get_request(ledger, "r-1")], Move(state, NOON + timedelta(minutes=minute), "pipeline"))
    return get_request(ledger, "r-1")


def test_contact_waits_sealed_until_there_is_something_to_say(ledger):
    message_id = keep(ledger)
    [message] = list_outbox(ledger)
    assert (message.message_id, message.state, message.template, message.language) == (
        message_id,
        "waiting",
        None,
        "ja",
    )
    assert unseal(KEYRING, message.sealed_address).decode() == PHONE
    assert claim_due(ledger, LATE) == ()
    assert PHONE not in repr(message)
    assert PHONE.encode() not in Path(ledger.url.database).read_bytes()


@pytest.mark.parametrize("template", ["completed", "refused", "access_ready"])
def test_last_word_takes_the_contact_and_is_said_once(ledger, template: str):
    keep(ledger)
    tell(ledger, "r-1", template, NOON)
    tell(ledger, "r-1", "refused", SOON)
    message = claim_one(ledger, SOON)
    assert (message.template, message.state, message.attempt_count) == (template, "pending", 1)
    settle(ledger, message, told_at=SOON)
    tell(ledger, "r-1", template, SOON)
    keep(ledger)
    assert list_outbox(ledger) == ()
    [notice] = list_notices(ledger, request_id="r-1")
    assert (notice.template, notice.told_at, notice.confirmed_at, notice.attempt_count) == (template, SOON, None, 1)


def test_delay_is_told_with_a_copy_of_the_contact_and_once(ledger):
    keep(ledger)
    for _ in range(2):
        tell(ledger, "r-1", "delayed", NOON)
    assert sorted(message.state for message in list_outbox(ledger)) == ["pending", "waiting"]
    settle(ledger, claim_one(ledger, SOON), told_at=SOON)
    tell(ledger, "r-1", "delayed", SOON)
    assert [message.state for message in list_outbox(ledger)] == ["waiting"]


def test_delay_that_nobody_was_told_of_goes_when_the_last_word_is_said(ledger):
    keep(ledger)
    keep(ledger, "r-2")
    for request_id in ("r-1", "r-2"):
        tell(ledger, request_id, "delayed", NOON)
    tell(ledger, "r-1", "completed", SOON)
    said = {(message.request_id, message.template) for message in list_outbox(ledger)}
    assert said == {("r-1", "completed"), ("r-2", None), ("r-2", "delayed")}


def test_nothing_is_told_where_no_contact_is_kept(ledger):
    tell(ledger, "r-1", "completed", NOON)
    tell(ledger, "r-1", "delayed", NOON)
    assert list_outbox(ledger) == ()


def test_second_contact_takes_the_place_of_the_first_until_something_is_said(ledger):
    keep(ledger)
    keep(ledger, address="someone@example.jp", channel="email", language="en")
    [message] = list_outbox(ledger)
    assert (message.channel, message.language) == ("email", "en")
    tell(ledger, "r-1", "completed", NOON)
    keep(ledger)
    assert unseal(KEYRING, list_outbox(ledger)[0].sealed_address) == b"someone@example.jp"


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "pigeon"},
        {"channel": "webhook"},
        {"language": "fr"},
        {"address": ""},
        {"address": "a" * 255},
        {"address": "a@b.example\r\nBcc: c@d.example"},
        {"address": "two words"},
    ],
)
def test_contact_that_cannot_be_told_is_refused_without_saying_it(ledger, wrong: dict[str, str]):
    with pytest.raises(ConfigurationError) as raised:
        keep(ledger, **wrong)
    assert all(value not in str(raised.value) for value in wrong.values() if len(value) > 3)
    assert list_outbox(ledger) == ()


def test_unknown_template_is_refused(ledger):
    with pytest.raises(ConfigurationError, match="no notice of that name"):
        tell(ledger, "r-1", "deletion_notice", NOON)


def test_claimed_message_is_nobody_elses_until_the_claim_ends(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", NOON)
    first = claim_one(ledger, NOON)
    assert claim_due(ledger, NOON + LEASE - timedelta(seconds=1)) == ()
    second = claim_one(ledger, NOON + LEASE)
    assert (first.attempt_count, second.attempt_count) == (1, 2)


def test_claim_takes_nothing_that_came_due_after_a_moment_or_belongs_to_another_plan(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", SOON)
    assert claim_due(ledger, LATE, due_by=NOON) == ()
    assert claim_due(ledger, LATE, plan_digest="ab" * 32) == ()
    assert len(claim_due(ledger, LATE, due_by=SOON)) == 1


def test_of_many_who_claim_at_once_each_message_goes_to_one(ledger):
    for number in range(12):
        keep(ledger, f"r-{number}")
        tell(ledger, f"r-{number}", "completed", NOON)
    claimed: list[str] = []

    def claim_all() -> None:
        while messages := claim_due(ledger, SOON):
            claimed.extend(message.message_id for message in messages)

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(name_contact(f"r-{number}") for number in range(12))


def test_pauses_double_from_a_minute_to_six_hours():
    minutes = [find_pause(attempt) / timedelta(minutes=1) for attempt in range(1, MOST_ATTEMPTS + 1)]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]


def test_message_is_tried_twelve_times_and_then_dead_until_somebody_retries_it(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", NOON)
    now = NOON
    for attempt in range(1, MOST_ATTEMPTS + 1):
        postpone(ledger, claim_one(ledger, now), "DeliveryFailedError", now)
        assert claim_due(ledger, now + find_pause(attempt) - timedelta(seconds=1)) == ()
        now += find_pause(attempt)
    [dead] = list_outbox(ledger)
    assert (dead.state, dead.failure, dead.attempt_count) == ("dead", "DeliveryFailedError", MOST_ATTEMPTS)
    assert claim_due(ledger, LATE) == ()
    retry_message(ledger, dead.message_id, LATE)
    settle(ledger, claim_one(ledger, LATE), told_at=LATE)
    assert (list_outbox(ledger), len(list_notices(ledger))) == ((), 1)


def test_refused_message_is_dead_at_once(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", NOON)
    postpone(ledger, claim_one(ledger, NOON), "DeliveryRefusedError", SOON, for_good=True)
    [dead] = list_outbox(ledger)
    assert (dead.state, dead.died_at, dead.next_attempt_at) == ("dead", SOON, None)


def test_message_whose_senders_always_die_ends_dead(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", NOON)
    for attempt in range(MOST_ATTEMPTS):
        claim_one(ledger, NOON + attempt * LEASE)
    assert claim_due(ledger, LATE) == ()
    [dead] = list_outbox(ledger)
    assert (dead.state, dead.failure) == ("dead", "Unfinished")


@pytest.mark.parametrize("is_told", [False, True])
def test_only_a_dead_message_is_retried(ledger, *, is_told: bool):
    message_id = keep(ledger)
    if is_told:
        tell(ledger, "r-1", "completed", NOON)
    with pytest.raises(ConfigurationError, match="no dead message of that id"):
        retry_message(ledger, message_id, SOON)


def test_failure_that_is_told_late_changes_nothing_of_a_newer_claim(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", NOON)
    slow = claim_one(ledger, NOON)
    claim_one(ledger, NOON + LEASE)
    before = list_outbox(ledger)
    postpone(ledger, slow, "DeliveryFailedError", NOON + LEASE)
    assert list_outbox(ledger) == before
    settle(ledger, slow, told_at=NOON + LEASE)
    assert list_outbox(ledger) == ()


def test_message_and_notice_of_one_id_are_entered_once(ledger):
    message = Message("m-1", "recipient", "r-1", "webhook", "deletion_notice", b"a", "pending", NOON, plan_digest="p")
    untold = Notice("m-2", "recipient", "r-1", "none", "deletion_notice", NOON, 0, None, None, plan_digest="p")
    assert enter_messages(ledger, [replace(message, next_attempt_at=NOON)], [untold]) == 2
    assert enter_messages(ledger, [message], [untold]) == 0
    settle(ledger, claim_one(ledger, NOON), told_at=SOON, confirmed_at=SOON)
    assert enter_messages(ledger, [message], [untold]) == 0
    assert {(told.message_id, told.told_at, told.confirmed_at) for told in list_told(ledger, "p")} == {
        ("m-1", SOON, SOON),
        ("m-2", None, None),
    }


def test_address_of_a_dead_message_goes_after_its_time_and_what_became_of_it_stays(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", NOON)
    postpone(ledger, claim_one(ledger, NOON), "DeliveryRefusedError", NOON, for_good=True)
    [dead] = list_outbox(ledger)
    assert forget_dead(ledger, NOON) == 0
    assert forget_dead(ledger, SOON) == 1
    assert list_outbox(ledger) == ()
    assert [(notice.told_at, notice.attempt_count) for notice in list_notices(ledger)] == [(None, 1)]
    assert dead.sealed_address not in Path(ledger.url.database).read_bytes()


def test_contact_stays_while_its_request_is_open(ledger):
    file_request(ledger, "waiting", "ready")
    keep(ledger)
    assert forget_unused(ledger, LATE) == 0


def test_contact_goes_a_day_after_its_request_was_closed_without_it(ledger):
    request = file_request(ledger, "waiting")
    refuse_request(ledger, request, Move("refused", NOON + timedelta(days=2), "officer", "policy"))
    keep(ledger)
    assert forget_unused(ledger, NOON + timedelta(days=2, hours=23)) == 0
    assert forget_unused(ledger, NOON + timedelta(days=3, hours=1)) == 1
    assert list_outbox(ledger) == ()


def test_contact_of_a_request_that_was_never_filed_goes_after_a_day(ledger):
    keep(ledger)
    assert forget_unused(ledger, NOON + timedelta(hours=23)) == 0
    assert forget_unused(ledger, NOON + timedelta(hours=25)) == 1


def test_member_is_told_of_completion_and_refusal_in_the_very_move(ledger):
    keep(ledger)
    request = file_request(ledger, "ready", "planned", "approved", "running")
    with pytest.raises(DeletionError):
        refuse_request(ledger, request, Move("refused", SOON, "officer", "too late"))
    assert list_outbox(ledger)[0].state == "waiting"
    for state in ("verifying", "completed"):
        move_requests(ledger, [get_request(ledger, "r-1")], Move(state, SOON, "pipeline"))
    assert [(message.state, message.template) for message in list_outbox(ledger)] == [("pending", "completed")]


def test_of_two_who_close_a_request_the_slower_one_tells_nothing(ledger):
    keep(ledger)
    request = file_request(ledger, "waiting")
    refuse_request(ledger, request, Move("refused", SOON, "officer", "policy"))
    with pytest.raises(TokumeiError):
        refuse_request(ledger, request, Move("refused", SOON, "other", "policy"))
    assert [message.template for message in list_outbox(ledger)] == ["refused"]


def test_delivered_address_leaves_no_sealed_byte_behind(ledger):
    keep(ledger)
    tell(ledger, "r-1", "completed", NOON)
    message, file = claim_one(ledger, NOON), Path(ledger.url.database)
    assert message.sealed_address in file.read_bytes()
    settle(ledger, message, told_at=SOON)
    assert message.sealed_address not in file.read_bytes()
    assert not Path(f"{file}-journal").exists()


def test_another_keyring_opens_no_address(ledger):
    keep(ledger)
    other: Keyring = new_keyring(NOON)
    with pytest.raises(Exception, match="no live sealing key"):
        unseal(other, list_outbox(ledger)[0].sealed_address)
