"""A crash at any step of telling: every message is sent at least once, none is lost, none twice under one claim."""

import shutil
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.control.outbox import LEASE, keep_contact, list_notices, list_outbox, name_contact
from pipelines.control.requests import list_requests
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.delete import accept_landed, find_open_plans, run_plan
from pipelines.journeys.notify import flush_outbox
from pipelines.journeys.recipients import Content, add_recipient, register_export
from pipelines.proof.certificate import verify_all
from tests.integration.conftest import DAYS
from tests.integration.senders import Sending, move_clock

FIRST, LAST = map(date.fromisoformat, DAYS)
EXPORTS = ("lake.page_views", "lake.device_events", "marts.usage_daily")
RUNNING = ("enter_messages", "purge_table")
QUICK = [("send", 1), ("complete", 1)]
TELLING = [
    *QUICK,
    *[("claim_due", 1), ("settle", 1), ("issue", 1)],
    *[(step, 2) for step in ("claim_due", "send", "settle", "complete")],
    ("claim_due", 4),
]
POINTS = [pytest.param(*point, marks=[] if point in QUICK else [pytest.mark.slow]) for point in TELLING]


@pytest.fixture(scope="module")
def approved(open_town) -> Path:
    """The home of a town with an approved plan for two members, one of whom left a contact, and three exports."""
    town = open_town()
    house = town.house
    endpoint = "https://agency.example/deletions"
    add_recipient(house, "agency", kind="contractor", purpose="research", endpoint=endpoint, added_by="officer")
    for dataset in EXPORTS:
        content = Content(dataset, ("event_date",), FIRST, LAST, 10, "ab" * 32)
        register_export(house, "agency", content, kind="release", purpose=None, exported_by="officer")
    accept_landed(house)
    contact = {"channel": "sms", "address": "+819012345678", "language": "ja"}
    for request in list_requests(house.ledger)[:1]:
        keep_contact(house.ledger, house.keyring, request_id=request.request_id, now=house.now(), **contact)
    town.approve()
    house.ledger.dispose()
    return town.home


@pytest.fixture(scope="module")
def carried(open_town, approved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same home when the plan was carried out."""
    town = open_town(shutil.copytree(approved, tmp_path_factory.mktemp("carried") / "home"))
    run_plan(town.house, *find_open_plans(town.house))
    town.house.ledger.dispose()
    return town.home


@pytest.mark.parametrize(("step", "count"), POINTS)
def test_nobody_is_left_untold_after_a_crash_of_telling(
    open_town, carried: Path, crash_in, tmp_path: Path, *, step: str, count: int
):
    home, log = shutil.copytree(carried, tmp_path / "home"), tmp_path / "sent.txt"
    log.touch()
    crash_in("notify_until.py", home, step, count, log=str(log))
    require_told(open_town(home), log.read_text().split())


@pytest.mark.slow
@pytest.mark.parametrize("step", RUNNING)
def test_nobody_is_left_untold_after_a_crash_of_the_run(
    open_town, approved: Path, crash_in, tmp_path: Path, *, step: str
):
    home, log = shutil.copytree(approved, tmp_path / "home"), tmp_path / "sent.txt"
    log.touch()
    crash_in("notify_until.py", home, step, 1, log=str(log))
    town = open_town(home)
    run_plan(town.house, *find_open_plans(town.house))
    require_told(town, log.read_text().split())


def require_told(town, sent_before: list[str]) -> None:
    """The rest of the deletion, in which nobody is told who may have been, and the time when the claims are over."""
    sender = Sending(confirms=True)
    for digest in find_open_plans(town.house):
        certify_deletions(town.house, digest, {"webhook": sender})
    meanwhile = [message.message_id for message in sender.sent]
    assert not Counter(meanwhile) & Counter(sent_before)  # whoever died after sending still has the claim
    flush_outbox(move_clock(town.house, LEASE + timedelta(seconds=1)), {"webhook": sender})
    told = [notice.message_id for notice in list_notices(town.house.ledger) if notice.told_at]
    sent = Counter([*sent_before, *(message.message_id for message in sender.sent)])
    assert len(told) == len(EXPORTS)
    assert sent.keys() == set(told)
    assert sent.total() <= len(EXPORTS) + 1  # one that was sent when the process died
    assert len(verify_all(town.house.settings.certificates)) == 2
    require_contact_told(town)


def require_contact_told(town) -> None:
    """The member's last word waits in the outbox, for there is no sender of its channel here."""
    request = list_requests(town.house.ledger)[0]
    [message] = [message for message in list_outbox(town.house.ledger) if message.kind == "user"]
    assert (message.message_id, message.template) == (name_contact(request.request_id), "completed")
    assert message.state == "pending"
