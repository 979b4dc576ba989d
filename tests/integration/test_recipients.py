"""A deletion tells whoever has what it touches, the certificate says who was told, and no sender keeps it waiting."""

import json
import logging
import shutil
from datetime import date, timedelta
from pathlib import Path

import jwt
import pytest

from pipelines.control.holds import list_holds, release_hold
from pipelines.control.outbox import list_notices, list_outbox
from pipelines.control.recipients import close_recipient, list_exports
from pipelines.control.requests import list_requests
from pipelines.deletion.request import unseal_subject
from pipelines.errors import DeliveryFailedError, DeliveryRefusedError
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.delete import accept_landed, find_open_plans, run_plan
from pipelines.journeys.notify import flush_outbox, forget_contacts
from pipelines.journeys.recipients import Content, add_recipient, hand_over, register_export
from pipelines.journeys.retain import place_hold, retain
from pipelines.proof.certificate import RecipientOutcome, verify_all
from pipelines.proof.scan import scan
from tests.integration.conftest import DAYS
from tests.integration.senders import Failing, Sending, move_clock

FIRST, LAST = map(date.fromisoformat, DAYS)
ENDPOINT = "https://agency.example/deletions-4711"
FIELDS = ("event_date", "user_pseudonym", "browser_family")
DATE = ("event_date",)
WHOLE = ("page_views", FIRST)
QUERY = "SELECT event_date FROM marts.usage_daily SEMI JOIN marts.usage_by_page_daily USING (event_date)"


@pytest.fixture(scope="module")
def carried(open_town) -> Path:
    """The home of a town whose rows were handed over to some, of which two members' were then deleted."""
    town = open_town()
    house = town.house
    for name, endpoint in (("agency", ENDPOINT), ("former", ENDPOINT), ("public", None), ("team", ENDPOINT)):
        add_recipient(house, name, kind="contractor", purpose="research", endpoint=endpoint, added_by="officer")
    hand_over_touched(house)
    close_recipient(house.ledger, "former", closed_at=house.now())
    hand_over_untouched(house)
    accept_landed(house)
    run_plan(house, town.approve())
    house.ledger.dispose()
    return town.home


def hand_over_touched(house) -> None:
    export_to(house, "agency", "lake.page_views")
    export_to(house, "agency", "lake.device_events", FIRST - timedelta(days=9), FIRST, fields=DATE)
    export_to(house, "former", "marts.usage_daily", kind="release", fields=("event_date",))
    export_to(house, "public", "marts.traffic_sources_daily", kind="release", fields=("event_date",))
    hand_over(house, "team", QUERY, format="csv", exported_by="analyst")
    # Its figures look back on touched days.
    export_to(house, "agency", "marts.active_users_daily", *[LAST + timedelta(days=20)] * 2, fields=("mau",))


TOUCHED = {
    ("agency", "page_views"),
    ("agency", "device_events"),
    ("former", "usage_daily"),
    ("public", "traffic_sources_daily"),
    ("team", "usage_daily"),
    ("team", "usage_by_page_daily"),
    ("agency", "active_users_daily"),
}


def hand_over_untouched(house) -> None:
    export_to(house, "agency", "lake.page_views", LAST + timedelta(days=1), LAST + timedelta(days=9), fields=DATE)
    export_to(house, "agency", "lake.device_events", FIRST - timedelta(days=9), FIRST - timedelta(days=1), fields=DATE)
    export_to(house, "agency", "lake.searches", fields=DATE)
    export_to(house, "agency", "marts.data_quality_daily", kind="release", fields=("received_date",))


@pytest.fixture
def done(open_town, carried: Path, tmp_path: Path):
    """That town, where nobody was told yet and nothing is certified."""
    return open_town(shutil.copytree(carried, tmp_path / "home"))


def export_to(
    house, recipient_id: str, dataset: str = "lake.page_views", first: date = FIRST, last: date = LAST, **more
):
    kind, fields = more.get("kind", "hand_over"), more.get("fields", FIELDS)
    content = Content(dataset, fields, first, last, 10, "ab" * 32)
    return register_export(house, recipient_id, content, kind=kind, purpose=None, exported_by="officer")


def certify(town, sender, channel: str = "webhook") -> dict[tuple[str, str], RecipientOutcome]:
    """What the certificates of both members say of recipients, which is the same here."""
    [digest] = find_open_plans(town.house)
    first, second = certify_deletions(town.house, digest, {channel: sender})
    assert first.certificate.recipients == second.certificate.recipients
    assert verify_all(town.house.settings.certificates)
    exports = {export.export_id: export for export in list_exports(town.house.ledger)}
    told = first.certificate.recipients
    return {(outcome.recipient_id, exports[outcome.export_id].dataset): outcome for outcome in told}


def test_signed_notice_says_which_rows_are_to_be_deleted_and_anybody_can_verify_it(done):
    requests, sender = list_requests(done.house.ledger), Sending()
    subjects = [unseal_subject(request, done.house.keyring) for request in requests]
    certify(done, sender)
    [export] = [each for each in list_exports(done.house.ledger) if (each.dataset, each.first_date) == WHOLE]
    notices = [json.loads(verify_signature(done.house.settings.certificates, each.content)) for each in sender.sent]
    [notice] = [each for each in notices if "pseudonyms" in each]
    assert {(each.channel, each.address) for each in sender.sent} == {("webhook", ENDPOINT)}
    assert {each["notice_id"] for each in notices} == {each.message_id for each in sender.sent}
    assert set(notice.pop("pseudonyms")["user_pseudonym"]) == {
        value.hex() for subject in subjects for value in subject.users["usage"]
    }
    assert notice.pop("notice_id")
    assert notice == {
        "export_id": export.export_id,
        "dataset": "lake.page_views",
        "fields": list(FIELDS),
        "first_date": DAYS[0],
        "last_date": DAYS[1],
        "requested": "delete",
    }


def verify_signature(certificates: Path, signed: bytes) -> bytes:
    keys = jwt.PyJWKSet.from_dict(json.loads((certificates / "signing_keys.jwks").read_text()))
    key = keys[jwt.get_unverified_header(signed)["kid"]]
    return jwt.PyJWS().decode(signed, key.key, algorithms=["EdDSA"])


def test_told_are_those_whose_days_and_datasets_are_touched_and_nobody_else(done):
    outcomes = certify(done, Sending())
    assert outcomes.keys() == TOUCHED
    assert {key for key, outcome in outcomes.items() if outcome.told_at is None} == {
        ("public", "traffic_sources_daily")
    }
    assert list_outbox(done.house.ledger) == ()


@pytest.mark.parametrize("confirms", [True, False, None, "yes"])
def test_certificate_says_who_confirmed(done, confirms: object):
    outcomes = certify(done, Sending(confirms))
    reached = [outcome for (recipient, _), outcome in outcomes.items() if recipient != "public"]
    assert all(outcome.told_at for outcome in reached)
    assert all(outcome.confirmed_at == (outcome.told_at if confirms is True else None) for outcome in reached)


@pytest.mark.parametrize("failure", [RuntimeError, KeyError, DeliveryFailedError, DeliveryRefusedError, TimeoutError])
def test_failing_sender_keeps_no_deletion_waiting_and_says_no_address(done, failure, caplog):
    sender = Failing(failure)
    with caplog.at_level(logging.DEBUG):
        outcomes = certify(done, sender)
    assert outcomes.keys() == TOUCHED
    assert not any(outcome.told_at for outcome in outcomes.values())
    assert {request.state for request in list_requests(done.house.ledger)} == {"completed"}
    messages = list_outbox(done.house.ledger)
    assert len(sender.sent) == len(messages) == len(TOUCHED) - 1
    assert {message.failure for message in messages} == {failure.__name__}
    assert {message.state == "dead" for message in messages} == {failure is DeliveryRefusedError}
    assert "4711" not in caplog.text


def test_installation_without_the_channel_deletes_all_the_same(done):
    certify(done, Sending(), channel="sms")
    assert {message.state for message in list_outbox(done.house.ledger)} == {"pending"}


def test_one_who_fails_keeps_no_other_from_being_told(done):
    class Moody(Sending):
        def send(self, message):
            super().send(message)
            if len(self.sent) == 1:
                raise RuntimeError

    outcomes = certify(done, Moody())
    assert sum(outcome.told_at is None for outcome in outcomes.values()) == 2  # who failed, and the public


def test_recipient_who_failed_is_told_later_and_once(done):
    certify(done, Failing(DeliveryFailedError))
    sender = Sending(confirms=True)
    assert sum(flush_outbox(done.house, {"webhook": sender}).values()) == 0
    later = move_clock(done.house, timedelta(minutes=2))
    for _ in range(2):
        flush_outbox(later, {"webhook": sender})
    told = [notice for notice in list_notices(done.house.ledger) if notice.told_at]
    assert len(sender.sent) == len(told) == len(TOUCHED) - 1
    assert {(notice.attempt_count, notice.confirmed_at == notice.told_at) for notice in told} == {(2, True)}


@pytest.mark.slow
def test_run_that_is_repeated_tells_nobody_again(done):
    [digest] = find_open_plans(done.house)
    before = list_outbox(done.house.ledger)
    run_plan(done.house, digest)
    assert list_outbox(done.house.ledger) == before
    certify(done, Sending())


def test_export_made_after_the_rows_were_gone_is_no_matter_of_the_certificate(done):
    export_to(done.house, "agency", "lake.identity_links", fields=DATE)
    assert certify(done, Sending()).keys() == TOUCHED


@pytest.mark.slow
def test_held_rows_are_told_of_once_they_are_deleted_and_the_certificate_lists_both_runs(town):
    add_recipient(town.house, "agency", kind="contractor", purpose="x", endpoint=ENDPOINT, added_by="officer")
    for dataset in ("lake.page_views", "lake.device_events"):
        export_to(town.house, "agency", dataset, fields=DATE)
    ends_on = town.house.now().date() + timedelta(days=9)
    place_hold(town.house, "page_views", legal_basis="case 7", ends_on=ends_on, placed_by="officer")
    accept_landed(town.house)
    digest, sender = town.approve(), Sending()
    run_plan(town.house, digest)
    assert certify_deletions(town.house, digest, {"webhook": sender}) == ()
    assert len(sender.sent) == 1
    [hold] = list_holds(town.house.ledger)
    release_hold(town.house.ledger, hold.hold_id, released_at=town.house.now(), released_by="officer")
    run_plan(town.house, town.approve())
    outcomes = certify(town, sender)
    assert outcomes.keys() == {("agency", "page_views"), ("agency", "device_events")}
    assert all(outcome.told_at for outcome in outcomes.values())
    assert len(sender.sent) == 2


def test_endpoint_and_pseudonyms_lie_sealed_in_the_outbox_and_go_with_their_delivery(done):
    members = [value for user in (done.leaver, done.follower) for value in done.subject(user).users["usage"]]
    messages = list_outbox(done.house.ledger)
    sealed = [part for message in messages for part in (message.sealed_address, message.sealed_content)]
    assert scan([done.home / "control.db"], members).clean
    assert scan([done.home / "control.db"], sealed).finding_count
    certify(done, Sending())
    assert scan([done.home], [*sealed, *members], excluded=[done.home / "keys"]).clean


def test_retention_takes_dead_messages_away_after_thirty_days(done):
    certify(done, Failing(DeliveryRefusedError))
    forget_contacts(done.house)
    assert {message.state for message in list_outbox(done.house.ledger)} == {"dead"}
    retain(move_clock(done.house, timedelta(days=31)))
    assert list_outbox(done.house.ledger) == ()
    assert not any(notice.told_at for notice in list_notices(done.house.ledger))
