"""Contacts that come with requests: sealed in the outbox, once, before anything can be told."""

import pytest

from pipelines.control import outbox
from pipelines.journeys import intake
from tests.intake.calls import Service, deletion

SMS = {"channel": "sms", "address": "+81 90-1234-5678", "language": "ja"}
EMAIL = {"channel": "email", "address": "member.of.ours@example.jp", "language": "en"}


def contacts(service: Service, request_id: str) -> list:
    return [each for each in outbox.list_outbox(service.house.ledger) if each.request_id == request_id]


@pytest.mark.parametrize("contact", [SMS, EMAIL], ids=lambda contact: contact["channel"])
def test_a_contact_waits_sealed_until_there_is_something_to_say(service: Service, contact: dict):
    answer = service.file(deletion(contact=contact))
    assert answer.status_code == 202
    [kept] = contacts(service, answer.json()["request_id"])
    assert (kept.channel, kept.language, kept.state) == (contact["channel"], contact["language"], "waiting")
    content = (service.settings.home / "control.db").read_bytes()
    assert contact["address"].encode() not in content
    assert b"+819012345678" not in content


def test_the_same_request_again_keeps_one_contact(service: Service):
    first = service.file(deletion(contact=SMS), key="a-contact")
    assert service.file(deletion(contact=SMS), key="a-contact").json() == first.json()
    assert len(contacts(service, first.json()["request_id"])) == 1


def test_a_contact_that_a_crash_lost_comes_with_the_same_key_again(service: Service, monkeypatch):
    def fail(*_, **__):
        raise OSError("the machine is gone")

    monkeypatch.setattr(intake, "keep_contact", fail)
    assert service.file(deletion(contact=EMAIL), key="lost-contact").status_code == 503
    monkeypatch.undo()
    answer = service.file(deletion(contact=EMAIL), key="lost-contact")
    assert answer.status_code == 202
    assert len(contacts(service, answer.json()["request_id"])) == 1
