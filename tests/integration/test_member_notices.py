"""A member is told of the end of a request; where they are reached is known until then, and by nobody afterwards."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.control.outbox import keep_contact, list_notices, list_outbox, tell
from pipelines.control.requests import list_requests
from pipelines.errors import DeliveryFailedError
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.decide import refuse_request
from pipelines.journeys.delete import accept_landed, find_open_plans, run_plan
from pipelines.journeys.notify import flush_outbox
from pipelines.proof.scan import scan
from tests.integration.senders import Failing, Sending, move_clock

PHONE = "+819012345678"


@pytest.fixture(scope="module")
def filed(open_town) -> Path:
    """The home of a town with two filed deletions, whose members both left a telephone number."""
    town = open_town()
    accept_landed(town.house)
    for request in list_requests(town.house.ledger):
        contact = {"channel": "sms", "address": PHONE, "language": "ja"}
        keep_contact(
            town.house.ledger, town.house.keyring, request_id=request.request_id, now=town.house.now(), **contact
        )
    town.house.ledger.dispose()
    return town.home


@pytest.fixture
def waiting(open_town, filed: Path, tmp_path: Path):
    return open_town(shutil.copytree(filed, tmp_path / "home"))


def scan_home(town, *identifiers: str | bytes):
    return scan([town.home], list(identifiers), excluded=[town.home / "keys", town.home / "landing"])


def test_members_are_told_that_they_are_deleted_and_their_numbers_are_gone(waiting):
    digest, sender = waiting.approve(), Sending()
    run_plan(waiting.house, digest)
    certify_deletions(waiting.house, digest, {"sms": sender})
    assert sender.sent == []  # the proof waits for nobody but recipients
    sealed = [message.sealed_address for message in list_outbox(waiting.house.ledger)]
    assert scan_home(waiting, PHONE).clean
    assert scan_home(waiting, *sealed).finding_count
    assert flush_outbox(waiting.house, {"sms": sender})["told"] == 2
    assert {message.address for message in sender.sent} == {PHONE}
    assert list_outbox(waiting.house.ledger) == ()
    assert scan_home(waiting, PHONE, *sealed).clean
    assert all(notice.told_at for notice in list_notices(waiting.house.ledger))


def test_message_says_the_request_and_nothing_of_the_member(waiting):
    first, _ = list_requests(waiting.house.ledger)
    sender = Sending()
    refuse_request(waiting.house, first.request_id, reason="dispute of a trade", refused_by="officer")
    flush_outbox(waiting.house, {"sms": sender})
    [message] = sender.sent
    assert first.request_id in message.text
    assert not any(word in message.text + message.subject for word in (PHONE, waiting.leaver, "dispute"))


def test_refused_member_is_told_although_the_request_is_forgotten(waiting):
    first, second = list_requests(waiting.house.ledger)
    sender = Sending()
    refuse_request(waiting.house, first.request_id, reason="dispute", refused_by="officer")
    flush_outbox(waiting.house, {"sms": sender})
    [notice] = list_notices(waiting.house.ledger)
    assert (notice.request_id, notice.template, len(sender.sent)) == (first.request_id, "refused", 1)
    assert [message.request_id for message in list_outbox(waiting.house.ledger)] == [second.request_id]


def test_delayed_member_is_told_of_the_end_as_well(waiting):
    first, _ = list_requests(waiting.house.ledger)
    sender = Sending()
    tell(waiting.house.ledger, first.request_id, "delayed", waiting.house.now())
    flush_outbox(waiting.house, {"sms": sender})
    refuse_request(waiting.house, first.request_id, reason="dispute", refused_by="officer")
    flush_outbox(waiting.house, {"sms": sender})
    told = [notice.template for notice in list_notices(waiting.house.ledger)]
    assert (sorted(told), len(sender.sent)) == (["delayed", "refused"], 2)


def test_gateway_that_is_down_keeps_the_message_and_its_number_sealed(waiting, caplog):
    first, _ = list_requests(waiting.house.ledger)
    refuse_request(waiting.house, first.request_id, reason="dispute", refused_by="officer")
    assert flush_outbox(waiting.house, {"sms": Failing(DeliveryFailedError)})["failed"] == 1
    assert scan_home(waiting, PHONE).clean
    assert PHONE not in caplog.text
    sender = Sending()
    flush_outbox(move_clock(waiting.house, timedelta(minutes=2)), {"sms": sender})
    assert len(sender.sent) == 1


def test_nobody_is_told_of_what_is_not_done_yet(waiting):
    waiting.approve()
    sender = Sending()
    flush_outbox(waiting.house, {"sms": sender})
    assert (sender.sent, len(find_open_plans(waiting.house))) == ([], 1)
