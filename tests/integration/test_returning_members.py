"""A member who was deleted, comes back and consents anew: what is new is stored, and what is older never is again."""

import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipelines.control.deliveries import LineCounts
from pipelines.control.subjects import read_departed, read_suppression
from pipelines.errors import ConfigurationError
from pipelines.journeys.audit import audit
from pipelines.journeys.delete import accept_landed, request_deletion
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.readmit import readmit_member
from pipelines.journeys.reapply import reapply_deletions

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture(scope="module")
def home(open_town):
    """The home of a town that the leaver and the follower have left."""
    town = open_town()
    accept_landed(town.house)
    town.finish(town.approve())
    town.house.ledger.dispose()
    return town.home


@pytest.fixture
def town(open_town, home, tmp_path):
    return open_town(shutil.copytree(home, tmp_path / "home"))


def account(user: str, as_of: str, **changes: object) -> dict[str, object]:
    facts = {"open_listings": 0, "open_trades": 0, "last_transaction_date": None, "consent": True}
    return {"as_of": as_of, "user_id": user, **facts, **changes}


def consent_now(town) -> datetime:
    """A moment between the deletion and now."""
    left_at = read_suppression(town.house.ledger).departed["left_at"].max()
    return left_at + (datetime.now(UTC) - left_at) / 2


def land_return(town, moment: datetime, **changes: object) -> LineCounts:
    as_of = moment.astimezone(TOKYO).date().isoformat()
    said = {"consented_at": moment.isoformat(), **changes}
    town.land("accounts", "back.jsonl", [account(town.leaver, as_of, **said)])
    [delivery] = ingest(town.house, find_files(town.house, ("accounts",)))
    return delivery.counts


def visit_at(town, moment: datetime, user: str) -> dict[str, object]:
    return town.visit(user, None, town.days[0], 1, time=moment.isoformat(timespec="microseconds"))


def take_visits(town, name: str, user: str, *moments: datetime) -> LineCounts:
    town.land("access", name, [visit_at(town, moment, user) for moment in moments])
    [delivery] = ingest(town.house, find_files(town.house))
    return delivery.counts


def test_lines_after_the_new_consent_are_stored_and_older_ones_never(town):
    back = consent_now(town)
    assert land_return(town, back) == LineCounts(read=1, accepted=1)
    second = timedelta(seconds=1)
    counts = take_visits(town, "mixed.jsonl", town.leaver, back - second, back, back + second, back + 60 * second)
    assert counts == LineCounts(read=4, accepted=2, suppressed=2)
    assert town.rows("page_views")["event_at"].to_list().count(back + second) == 1
    assert take_visits(town, "late.jsonl", town.leaver, back - timedelta(days=1)).suppressed == 1
    assert take_visits(town, "other.jsonl", town.follower, back + second).suppressed == 1, "nobody else came back"


@pytest.mark.parametrize(
    "line",
    [
        {"consent": False},
        {"consented_at": None},
        {"consented_at": "2026-01-01T00:00:00+00:00"},
        {"consented_at": "2099-01-01T00:00:00+00:00"},
    ],
    ids=["refused", "unsaid", "older than the deletion", "not given yet"],
)
def test_line_that_tells_of_no_new_consent_lets_nobody_in(town, line):
    back = consent_now(town)
    assert land_return(town, back, **line) == LineCounts(read=1, suppressed=1)
    assert take_visits(town, "after.jsonl", town.leaver, back + timedelta(hours=1)).accepted == 0


def test_facts_from_before_the_return_stay_out_and_those_since_decide(town):
    back = consent_now(town)
    land_return(town, back)
    day = back.astimezone(TOKYO).date()
    lines = [
        account(town.leaver, (day - timedelta(days=1)).isoformat()),
        account(town.leaver, (day + timedelta(days=1)).isoformat(), consent=False),
    ]
    town.land("accounts", "later.jsonl", lines)
    [delivery] = ingest(town.house, find_files(town.house))
    assert delivery.counts == LineCounts(read=2, accepted=1, suppressed=1)
    assert take_visits(town, "refused.jsonl", town.leaver, back + timedelta(hours=1)).suppressed == 1


def test_who_returned_is_no_residue_and_who_did_not_still_is(town):
    back = consent_now(town)
    land_return(town, back)
    take_visits(town, "new.jsonl", town.leaver, back + timedelta(hours=1))
    later = {"time": (back + timedelta(hours=2)).isoformat(timespec="microseconds")}
    town.land("access", "phone.jsonl", [town.visit(town.leaver, town.phone(town.leaver), town.days[0], 1, **later)])
    town.take_in()
    assert len(read_departed(town.house.ledger)) == 1
    assert audit(town.house).tombstone_count == 1


def test_member_who_returned_can_leave_again(town):
    back = consent_now(town)
    land_return(town, back)
    take_visits(town, "new.jsonl", town.leaver, back + timedelta(hours=1))
    before = town.rows("page_views").height
    request_deletion(town.house, town.leaver, request_key="once more", facts=None)
    [verified] = town.finish(town.approve())
    assert town.rows("page_views").height == before - 1
    assert verified.certificate.final
    assert take_visits(town, "late.jsonl", town.leaver, back + timedelta(hours=2)).suppressed == 1
    assert audit(town.house).tombstone_count == 2


def test_what_is_stored_since_a_return_is_nothing_to_delete_again(town):
    back = consent_now(town)
    land_return(town, back)
    take_visits(town, "new.jsonl", town.leaver, back + timedelta(seconds=1), back + timedelta(hours=30))
    assert reapply_deletions(town.house).request_ids == ()


def test_restored_rows_of_an_earlier_epoch_are_deleted_again_and_the_return_stands(open_town, founded, town):
    back = consent_now(town)
    land_return(town, back)
    shutil.rmtree(town.home / "lake" / "survey_responses")
    shutil.copytree(founded / "lake" / "survey_responses", town.home / "lake" / "survey_responses")
    assert len(reapply_deletions(town.house).request_ids) == 2
    town.finish(town.approve())
    assert town.rows("survey_responses")["user_pseudonym"].is_in(town.pseudonyms(town.leaver)).sum() == 0
    assert take_visits(town, "closed.jsonl", town.leaver, back + timedelta(hours=1)).suppressed == 1
    as_of = (back.astimezone(TOKYO).date() + timedelta(days=1)).isoformat()
    town.land("accounts", "next day.jsonl", [account(town.leaver, as_of, consented_at=back.isoformat())])
    town.take_in()
    assert take_visits(town, "open.jsonl", town.leaver, back, back + timedelta(hours=2)).accepted == 1


def test_member_is_readmitted_by_hand(town):
    back = consent_now(town)
    readmit_member(town.house, town.leaver, back.astimezone(TOKYO))
    assert take_visits(town, "new.jsonl", town.leaver, back, back + timedelta(hours=1)).accepted == 1
    for user in (town.leaver, town.neighbour):
        with pytest.raises(ConfigurationError, match="no deletion of this member is completed") as raised:
            readmit_member(town.house, user, back)
        assert user not in str(raised.value)


def test_member_whose_deletion_is_not_done_does_not_return(open_town):
    town = open_town()
    accept_landed(town.house)
    town.approve()
    assert land_return(town, datetime.now(UTC)).suppressed == 1
    assert read_suppression(town.house.ledger).returned.height == 0


def test_line_of_a_return_is_taken_again_after_a_crash_between_its_two_effects(town, monkeypatch):
    from pipelines.errors import StorageBusyError
    from pipelines.journeys import chunk

    def stop(*_):
        raise StorageBusyError("stopped", hint="again")

    back = consent_now(town)
    with monkeypatch.context() as patch:
        patch.setattr(chunk, "store_account_facts", stop)
        with pytest.raises(StorageBusyError):
            land_return(town, back)
    [delivery] = ingest(town.house, find_files(town.house))
    assert delivery.counts == LineCounts(read=1, accepted=1)
    assert read_suppression(town.house.ledger).returned["until"].to_list() == [back]
