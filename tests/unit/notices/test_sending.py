"""From a late request to the gateway: said once at each stage, with why, and kept while nothing can carry it."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from anonymization.keyring import Secret
from pipelines.cli import app
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.control.desk_tables import rights_requests
from pipelines.control.ledger import deletion_requests, transaction
from pipelines.control.outbox import FINAL_TEMPLATES, INTERIM_TEMPLATES, keep_contact, list_notices, list_outbox
from pipelines.control.subjects import AccountFacts
from pipelines.journeys.decide import decide_requests, refuse_request
from pipelines.journeys.delays import find_delay_reason, tell_delays
from pipelines.journeys.delete import request_deletion
from pipelines.journeys.doctor import examine
from pipelines.journeys.house import House, open_house
from pipelines.journeys.keys import make_keys
from pipelines.journeys.senders import flush_notices, keep_sms_token
from pipelines.notices.render import TEMPLATES
from pipelines.settings import load_settings, prepare_home
from tests.unit.notices.conftest import PHONE, answer

MEMBER = "u873659021"
TRADING = AccountFacts(open_listings=0, open_trades=2, last_transaction_date=None)


def open_at(home: Path, **variables: str) -> House:
    settings = load_settings({"TOKUMEI_HOME": str(home), **variables})
    prepare_home(settings)
    make_keys(settings)
    return open_house(settings)


@pytest.fixture
def house(tmp_path: Path, server) -> House:
    opened = open_at(tmp_path / "home", TOKUMEI_SMS_GATEWAY=server.url)
    keep_sms_token(opened.settings, "top-secret")
    return opened


def file(house: House, days_ago: int, facts: AccountFacts | None = TRADING, language: str = "ja") -> str:
    filed_at = house.now() - timedelta(days=days_ago)
    request_id = request_deletion(house, MEMBER, request_key="k", facts=facts, requested_at=filed_at)
    decide_requests(house)
    leave_contact(house, request_id, language)
    return request_id


def leave_contact(house: House, request_id: str, language: str = "ja") -> None:
    contact = {"channel": "sms", "address": PHONE, "language": language}
    keep_contact(house.ledger, house.keyring, request_id=request_id, now=house.now(), **contact)


def let_days_pass(house: House, days: int) -> None:
    columns = deletion_requests.c
    with transaction(house.ledger) as connection:
        for row in connection.execute(sa.select(deletion_requests)).all():
            earlier = {"requested_at": row.requested_at - timedelta(days=days), "due_on": None}
            connection.execute(sa.update(deletion_requests).where(columns.request_id == row.request_id).values(earlier))


def list_texts(server) -> list[str]:
    return [json.loads(arrival.content)["text"] for arrival in server.arrivals]


def test_late_request_is_told_once_at_each_stage_and_says_why(house, server):
    request_id = file(house, days_ago=20)

    for _ in range(2):
        assert tell_delays(house) == 1
        flush_notices(house)
    let_days_pass(house, 20)
    for _ in range(2):
        assert tell_delays(house) == 1
        flush_notices(house)

    number = f"受付番号{request_id}"
    assert list_texts(server) == [f"未完了：お取引の終了待ちです {number}", f"期限超過：お取引の終了待ちです {number}"]
    assert [notice.template for notice in list_notices(house.ledger)] == ["delayed", "overdue"]
    assert [message.state for message in list_outbox(house.ledger)] == ["waiting"], "for the last word"


def test_who_is_first_heard_of_past_the_due_date_hears_that_alone(house, server):
    file(house, days_ago=40, facts=None, language="en")

    tell_delays(house)
    flush_notices(house)

    [text] = list_texts(server)
    assert text.startswith("Your privacy request is late: we are checking your membership. Request ")


def test_request_in_good_time_or_without_a_contact_is_told_nothing(house, server):
    file(house, days_ago=3)
    request_deletion(house, "u111111111", request_key="l", facts=None, requested_at=house.now() - timedelta(days=20))

    assert tell_delays(house) == 1
    assert flush_notices(house) == {"sent": 0, "failed": 0, "dead": 0}
    assert server.arrivals == []


def test_request_that_was_closed_is_late_no_more_and_its_last_word_takes_the_place_of_what_was_not_sent(house, server):
    request_id = file(house, days_ago=20)
    tell_delays(house)
    refuse_request(house, request_id, reason="the asker is not the member", refused_by="officer")

    assert tell_delays(house) == 0
    assert flush_notices(house) == {"sent": 1, "failed": 0, "dead": 0}
    assert list_texts(server) == [f"ご請求に応じられません 受付番号{request_id}"]
    assert find_delay_reason(house, request_id) == "unknown"
    assert list_outbox(house.ledger) == ()


def test_request_for_another_right_is_told_of_as_well(house, server):
    filed_at = house.now() - timedelta(days=20)
    row = {"request_id": "r-9", "request_key": "9", "kind": "access", "channel": "web", "requested_at": filed_at}
    rest = {"requested_by": "service", "state": "planned", "known_keys": "", "due_on": date(2099, 1, 1)}
    with transaction(house.ledger) as connection:
        connection.execute(sa.insert(rights_requests).values(row | rest))
    leave_contact(house, "r-9")
    assert tell_delays(house) == 0
    with transaction(house.ledger) as connection:
        due_on = filed_at.date() + timedelta(days=30)
        connection.execute(sa.update(rights_requests).values(due_on=due_on))

    assert tell_delays(house) == 1
    flush_notices(house)

    assert list_texts(server) == ["未完了：承認手続き中です 受付番号r-9"]


def test_message_stays_while_its_channel_is_not_set_up_and_the_doctor_says_what_is_missing(tmp_path, server):
    house = open_at(tmp_path / "home")
    file(house, days_ago=20)
    tell_delays(house)

    assert flush_notices(house) == {"sent": 0, "failed": 1, "dead": 0}

    [message] = [each for each in list_outbox(house.ledger) if each.state == "pending"]
    assert (message.attempt_count, message.failure) == (0, "SenderMissingError")
    finding = find_notices(house)
    assert not finding.is_well
    assert "messages wait for a sender: no SMS gateway is set up; set TOKUMEI_SMS_GATEWAY" in finding.detail


def test_channel_that_nobody_needs_is_well_though_it_is_not_set_up(house):
    finding = find_notices(house)

    assert finding.is_well
    assert finding.detail == "sms, webhook can be sent; no mail server is set up"


def find_notices(house: House):
    return next(finding for finding in examine(house.settings) if finding.subject == "notices")


@pytest.mark.parametrize(
    ("status", "counts", "state"),
    [(503, {"sent": 0, "failed": 1, "dead": 0}, "pending"), (422, {"sent": 0, "failed": 1, "dead": 1}, "dead")],
)
def test_what_is_put_off_stays_and_what_is_refused_is_dead(house, server, status: int, counts, state: str):
    server.reply = lambda handler: answer(handler, status)
    file(house, days_ago=20)
    tell_delays(house)

    assert flush_notices(house) == counts
    assert {message.state for message in list_outbox(house.ledger)} == {"waiting", state}
    assert flush_notices(house)["failed"] == 0, "its time has not come"


def test_everything_that_the_outbox_may_say_has_a_text():
    assert {*FINAL_TEMPLATES, *INTERIM_TEMPLATES} == set(TEMPLATES)


def test_token_of_the_gateway_is_read_and_kept_and_not_shown(tmp_path: Path):
    environment = {"TOKUMEI_HOME": str(tmp_path / "home")}
    done = CliRunner().invoke(app, ["sms-token"], input="top-secret\n", env=environment)

    assert (done.exit_code, done.output) == (0, "the token is kept\n")
    assert open_desk_secrets(load_settings(environment)).sms_gateway == Secret("top-secret")


@pytest.mark.parametrize("line", ["", "\n", "with blank\n", "x" * 5000 + "\n", "日本\n"])
def test_token_that_no_header_could_hold_is_refused(tmp_path: Path, line: str):
    environment = {"TOKUMEI_HOME": str(tmp_path / "home")}
    done = CliRunner().invoke(app, ["sms-token"], input=line, env=environment)

    assert done.exit_code == 1
    assert "that is no token of a gateway" in str(done.exception)
