"""A request waits, is refused, held to its due date or found to be about nobody, and every decision is told."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.control.moves import list_moves
from pipelines.control.requests import get_request, list_requests
from pipelines.control.subjects import AccountFacts, read_suppression
from pipelines.deletion.request import unseal_subject
from pipelines.errors import ConfigurationError, DeadlineMissedError, DeletionError, PlanChangedError
from pipelines.journeys import decide
from pipelines.journeys.decide import decide_requests, find_due_requests, refuse_request, require_in_time
from pipelines.journeys.delete import accept_landed, approve_plan, plan_deletions, request_deletion
from pipelines.proof.scan import scan

OPEN, DONE = AccountFacts(0, 1, None), AccountFacts(0, 0, None)
REASON = "article 7: the account is part of a dispute"


NEWCOMER = "u300000001"  # of whom the accounts source has not spoken yet


@pytest.fixture
def town(town):
    """Without the two requests that wait in the town's landing."""
    for path in (town.house.settings.landing / "requests").iterdir():
        path.unlink()
    return town


def request(town, user: str, key: str, facts: AccountFacts | None = None, days_ago: int = 0) -> str:
    asked_at = town.house.now() - timedelta(days=days_ago)
    return request_deletion(town.house, user, request_key=key, facts=facts, requested_at=asked_at)


def land_account(town, user: str, as_of: date, **changes: object) -> None:
    facts = {"open_listings": 0, "open_trades": 0, "last_transaction_date": None, "consent": True, **changes}
    town.land("accounts", f"{as_of}.jsonl", [{"as_of": as_of.isoformat(), "user_id": user, **facts}])
    town.take_in()


def tell(town, request_id: str) -> list[tuple[str, str | None]]:
    return [(state, reason) for state, _, _, reason in list_moves(town.house.ledger, request_id)]


def left(town) -> set[bytes]:
    return set(read_suppression(town.house.ledger).left.to_list())


def member(town, user: str) -> bytes:
    [pseudonym] = town.subject(user).users["membership"]
    return pseudonym


def invoke(town, *words: str):
    return CliRunner().invoke(app, list(words), env={"TOKUMEI_HOME": str(town.home)})


def test_given_facts_stand_in_until_newer_ones_arrive_and_each_decision_is_told(town):
    today = town.house.now().date()
    request_id = request(town, NEWCOMER, "early", OPEN, days_ago=3)
    decide_requests(town.house)
    decide_requests(town.house)
    land_account(town, NEWCOMER, today - timedelta(days=1), open_listings=2)
    decide_requests(town.house)
    land_account(town, NEWCOMER, today)
    assert [ready.request_id for ready in decide_requests(town.house)] == [request_id]
    assert tell(town, request_id) == [
        ("received", None),
        ("waiting", "there are open trades, by the facts given with the request"),
        ("waiting", f"there are open listings, by account facts of {today - timedelta(days=1)}"),
        ("ready", f"by account facts of {today}"),
    ]
    assert left(town) == {member(town, NEWCOMER)}


def test_request_for_somebody_never_seen_is_done_as_absent_once_the_accounts_source_was_heard(town):
    request_id = request(town, town.stranger, "never seen", days_ago=2)
    decide_requests(town.house)
    assert get_request(town.house.ledger, request_id).reason == "no account facts are known yet"
    today = town.house.now().date()
    land_account(town, town.neighbour, today)
    [verified] = town.finish(town.approve())
    assert tell(town, request_id)[2] == ("ready", f"the accounts source does not know the member on {today}")
    assert get_request(town.house.ledger, request_id).state == "completed"
    assert {part.outcome for part in verified.certificate.datasets} == {"absent", "recomputed", "exempt"}
    assert verified.certificate.final


def test_two_requests_of_one_member_are_both_completed_even_when_the_second_comes_in_between(town):
    first = request(town, town.leaver, "first", DONE)
    digest = town.approve()
    second = request(town, town.leaver, "second")
    third = request(town, town.leaver, "third", OPEN)
    assert len(town.finish(digest)) == 1
    assert [get_request(town.house.ledger, each).state for each in (first, second, third)] == [
        "completed",
        "received",
        "received",
    ]
    assert len(town.finish(town.approve())) == 2
    assert {each.state for each in list_requests(town.house.ledger)} == {"completed"}
    assert tell(town, third)[1] == ("ready", "another request of the member goes on")


def test_refused_member_is_forgotten_by_the_request_and_stored_again(town):
    request_id = request(town, town.leaver, "dispute", DONE)
    decide_requests(town.house)
    planned = plan_deletions(town.house)
    sealed = get_request(town.house.ledger, request_id)
    devices = unseal_subject(sealed, town.house.keyring).devices["membership"]
    assert member(town, town.leaver) in left(town)
    before = town.rows("page_views").height
    refuse_request(town.house, request_id, reason=REASON, refused_by="officer")
    suppression = read_suppression(town.house.ledger)
    assert (left(town), suppression.devices.height) == (set(), 0)
    refused = get_request(town.house.ledger, request_id)
    assert (refused.state, refused.reason, refused.sealed_subject) == ("refused", REASON, None)
    assert list_moves(town.house.ledger, request_id)[-1][2:] == ("officer", REASON)
    assert scan([town.home / "control.db"], devices).clean
    with pytest.raises(PlanChangedError, match="covers no request"):
        approve_plan(town.house, planned.digest, approved_by="officer")
    town.land("access", "later.jsonl", [town.visit(town.leaver, town.phone(town.leaver), town.days[0], 7)])
    town.take_in()
    assert town.rows("page_views").height == before + 1


def test_refusal_of_one_request_leaves_the_members_other_one_its_tombstone_and_plans_it_anew(town):
    first, second = (request(town, town.leaver, key, DONE) for key in ("first", "second"))
    decide_requests(town.house)
    planned = plan_deletions(town.house)
    refuse_request(town.house, first, reason=REASON, refused_by="officer")
    assert left(town) == {member(town, town.leaver)}
    assert read_suppression(town.house.ledger).devices.height > 0
    kept = get_request(town.house.ledger, second)
    assert (kept.state, kept.plan_digest) == ("ready", None)
    digest = town.approve()
    assert digest != planned.digest
    [verified] = town.finish(digest)
    assert verified.certificate.request_id == second


def test_waiting_request_is_refused_before_it_has_a_tombstone(town):
    request_id = request(town, town.neighbour, "waits", OPEN)
    decide_requests(town.house)
    refuse_request(town.house, request_id, reason=REASON, refused_by="officer")
    assert decide_requests(town.house) == ()
    assert [state for state, _ in tell(town, request_id)] == ["received", "waiting", "refused"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_refusal_needs_a_reason_that_can_be_kept(town, reason: str):
    request_id = request(town, town.neighbour, "waits", OPEN)
    with pytest.raises(ConfigurationError, match="needs a reason"):
        refuse_request(town.house, request_id, reason=reason, refused_by="officer")
    assert get_request(town.house.ledger, request_id).state == "received"


def test_approved_request_cannot_be_refused(town):
    town.approve_stranger()
    [approved] = list_requests(town.house.ledger)
    with pytest.raises(DeletionError, match="is approved and cannot become refused"):
        refuse_request(town.house, approved.request_id, reason=REASON, refused_by="officer")
    assert get_request(town.house.ledger, approved.request_id) == approved
    assert member(town, town.stranger) in left(town)


def test_commands_refuse_and_tell_state_due_date_and_days_left(town):
    late, fresh = (request(town, NEWCOMER, f"{days} days", OPEN, days_ago=days) for days in (31, 1))
    assert invoke(town, "delete", "plan").exit_code == 0
    shown = {
        each["request_id"]: each for each in json.loads(invoke(town, "delete", "status", "--json").output)["requests"]
    }
    assert (shown[late]["state"], shown[late]["days_left"]) == ("waiting", -1)
    assert shown[late]["due_on"] == str(town.house.now().date() - timedelta(days=1))
    assert shown[fresh]["days_left"] == 29
    assert "(1 days overdue) there are open trades" in invoke(town, "delete", "status", late).output
    refused = invoke(town, "delete", "refuse", late, "--reason", REASON)
    assert (refused.exit_code, refused.output.startswith("refused by ")) == (0, True)
    [told] = json.loads(invoke(town, "delete", "status", late, "--json").output)["requests"]
    assert (told["state"], told["reason"], told["days_left"]) == ("refused", REASON, None)
    assert told["history"][-1]["actor"] == told["history"][-1]["actor"].strip() != ""
    again = invoke(town, "delete", "refuse", late, "--reason", REASON)
    assert again.exit_code != 0


def test_request_is_due_in_thirty_days_and_fails_loudly_after_by_its_id_alone(town, caplog):
    near, late, fresh = (
        request(town, NEWCOMER, key, OPEN, days_ago=days) for key, days in (("near", 25), ("late", 31), ("fresh", 1))
    )
    decide_requests(town.house)
    caplog.set_level("INFO", logger="tokumei")
    due = find_due_requests(town.house)
    assert [each.request_id for each in due.near] == [near]
    assert [each.request_id for each in due.overdue] == [late]
    [event] = [record.event for record in caplog.records if hasattr(record, "event")]
    assert (event.dataset, event.figures) == ("deletions", {"due": 1, "overdue": 1})
    with pytest.raises(DeadlineMissedError, match=rf"1 deletion requests .*: {late} \(waiting\)") as raised:
        require_in_time(due)
    assert not any(text in str(raised.value) for text in (near, fresh, NEWCOMER))
    require_in_time(replace(due, overdue=()))


def test_time_to_answer_is_a_setting(open_town):
    hurried = open_town(TOKUMEI_DEADLINE_DAYS="3", TOKUMEI_DEADLINE_WARNING_DAYS="1")
    request(hurried, hurried.neighbour, "early", OPEN, days_ago=2)
    decide_requests(hurried.house)
    [waiting] = list_requests(hurried.house.ledger)
    assert waiting.due_on == hurried.house.now().date() + timedelta(days=1)
    assert find_due_requests(hurried.house).near == (waiting,)


def test_thousands_of_requests_are_accepted_and_decided_in_a_few_transactions(town, monkeypatch: pytest.MonkeyPatch):
    """Ten thousand in one batch are a matter of seconds; here it is the number of commits that is counted."""
    moves, move_requests = [], decide.move_requests

    def count(engine, requests, move):
        moves.append(len(requests))
        return move_requests(engine, requests, move)

    monkeypatch.setattr(decide, "move_requests", count)
    who = [f"u3{number:08}" for number in range(300)]
    at = f"{town.days[1]}T12:00:00+09:00"
    lines = [{"requested_at": at, "request_key": user, "user_id": user, "channel": "web"} for user in who]
    town.land("requests", "many.jsonl", lines)
    accept_landed(town.house)
    land_account(town, town.neighbour, town.house.now().date())
    assert len(decide_requests(town.house)) == len(who)
    assert [count for count in moves if count] == [len(who)]
