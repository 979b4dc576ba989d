"""The other sources: devices, searches, surveys, accounts and deletion requests, each in its format."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Landing

START, LAST = date(2026, 11, 16), date(2026, 11, 19)
KEYS = {
    "devices": "time event device_id user_id advertising_id remote_addr platform os_version model app_version locale",
    "searches": "time user_id device_id remote_addr query category result_count page clicked",
    "surveys": "time user_id survey_id channel segment csat nps ces comment language",
    "accounts": "as_of user_id email phone display_name registered_date open_listings open_trades"
    " last_transaction_date consent facebook_user_id",
    "requests": "requested_at request_key user_id channel",
}


def read(landing: Landing, source: str, day: date | None = None) -> list[dict[str, Any]]:
    return landing.read_records(f"{source}/*{f'{day:%Y%m%d}' if day else ''}.jsonl")


@pytest.mark.parametrize("source", KEYS)
def test_lines_have_the_keys_of_their_format_in_order(landing: Landing, source: str):
    assert {tuple(record) for record in read(landing, source)} == {tuple(KEYS[source].split())}


@pytest.mark.parametrize("source", ["devices", "searches", "surveys", "requests"])
def test_times_carry_milliseconds_and_the_offset_of_japan(landing: Landing, source: str):
    times = [record["requested_at" if source == "requests" else "time"] for record in read(landing, source)]

    assert all(len(time) == 29 and time.endswith("+09:00") and time[19] == "." for time in times)


def test_the_app_is_opened_by_hand_and_by_push_and_sometimes_installed(landing: Landing):
    events = Counter(record["event"] for record in read(landing, "devices"))

    assert events["app_open"] > events["push_open"] > events["install"] > 0
    assert {record["platform"] for record in read(landing, "devices")} == {"ios", "android"}


def test_device_ids_lead_from_device_logs_to_access_logs(landing: Landing):
    devices = {record["device_id"] for record in read(landing, "devices", START)}
    requests = {record["device_id"] for record in landing.read_records("access/app-*.jsonl")}

    assert devices <= requests


def test_popular_terms_pass_ten_people_on_each_day(landing: Landing):
    for day in range(4):
        people = defaultdict(set)
        for record in read(landing, "searches", START + timedelta(day)):
            people[record["query"]].add(record["user_id"] or record["device_id"])
        assert sum(len(who) >= 10 for who in people.values()) >= 3


def test_some_terms_are_asked_for_by_one_person_only(landing: Landing):
    people = defaultdict(set)
    for record in read(landing, "searches"):
        people[record["query"]].add(record["user_id"] or record["device_id"])

    assert sum(len(who) == 1 for who in people.values()) > 30


def test_some_searches_hold_an_email_a_phone_number_or_a_name(landing: Landing):
    queries = {record["query"] for record in read(landing, "searches")}
    members = landing.world.population.members
    typed = {field: {q for q in queries for text in members[field] if text in q} for field in ("email", "full_name")}

    assert typed["email"]
    assert typed["full_name"]
    assert {q for q in queries if q.replace("-", "").isdigit() and len(q.replace("-", "")) == 11}


def test_searches_say_what_came_of_them(landing: Landing):
    searches = read(landing, "searches")

    assert 0.3 < mean(record["clicked"] for record in searches) < 0.8
    assert 0 < sum(record["result_count"] == 0 for record in searches) < 0.1 * len(searches)
    assert {record["page"] for record in searches} == {1, 2, 3}
    assert any(record["category"] for record in searches)


def test_every_search_has_its_line_in_the_access_logs(landing: Landing):
    visits = [
        record
        for path in landing.list_files("access/*")
        if "resent" not in path.name
        for record in landing.parse_file(path)
        if "/search?" in str(record["request_uri"]) and "bot" not in str(record["http_user_agent"]).lower()
    ]
    assert len(read(landing, "searches")) <= len(visits)


def test_scores_stay_on_their_scales_and_buyers_are_happier_than_sellers(landing: Landing):
    surveys = read(landing, "surveys")
    scores = {name: [record[name] for record in surveys if record[name] is not None] for name in ("csat", "nps", "ces")}
    csat = {
        segment: mean(r["csat"] for r in surveys if r["csat"] and r["segment"] == segment)
        for segment in ("buyer", "seller", "both")
    }

    assert {min(scores["csat"]), max(scores["csat"])} == {1, 5}
    assert {min(scores["nps"]), max(scores["nps"])} == {0, 10}
    assert set(scores["ces"]) <= set(range(1, 8))
    assert csat["buyer"] > csat["seller"]
    assert all(any(record[name] is None for record in surveys) for name in scores)


def test_comments_come_in_both_languages_and_some_confide(landing: Landing):
    surveys = read(landing, "surveys")
    comments = [record["comment"] for record in surveys if record["comment"]]

    assert {record["language"] for record in surveys if record["comment"]} == {"ja", "en"}
    assert 0 < sum(any(text in comment for text in landing.planted) for comment in comments) < 0.4 * len(comments)


def test_each_day_tells_the_account_of_every_member(landing: Landing):
    members = set(landing.world.population.members["user_id"])

    for day in range(4):
        accounts = read(landing, "accounts", START + timedelta(day))
        assert {record["user_id"] for record in accounts} == members
        assert {record["as_of"] for record in accounts} == {(START + timedelta(day)).isoformat()}


def test_accounts_never_go_back_in_time(landing: Landing):
    days = [{r["user_id"]: r for r in read(landing, "accounts", START + timedelta(day))} for day in range(4)]

    for before, after in pairwise(days):
        for user_id, record in after.items():
            last = record["last_transaction_date"]
            assert (before[user_id]["last_transaction_date"] or "") <= (last or "") <= record["as_of"]
            assert record["registered_date"] <= (last or record["as_of"])
            assert min(record["open_listings"], record["open_trades"]) >= 0
    assert any(days[0][u]["last_transaction_date"] != days[-1][u]["last_transaction_date"] for u in days[0])


def is_eligible(account: dict[str, Any]) -> bool:
    """Nothing open, and two months since the last transaction, which is more than anyone asks for."""
    last = account["last_transaction_date"]
    idle = last is None or date.fromisoformat(last) < START - timedelta(62)
    return idle and account["open_trades"] == account["open_listings"] == 0


def test_many_members_could_leave_at_once_and_many_could_not(landing: Landing):
    eligible = [is_eligible(account) for account in read(landing, "accounts", LAST)]

    assert 0.25 < mean(eligible) < 0.6


def test_a_few_members_have_not_consented(landing: Landing):
    assert 0 < sum(not record["consent"] for record in read(landing, "accounts", LAST)) < 0.1 * 300


def test_requests_come_on_the_last_day_from_members_who_may_leave_and_others_who_must_wait(landing: Landing):
    (path,) = landing.list_files("requests/*")
    accounts = {account["user_id"]: account for account in read(landing, "accounts", LAST)}
    requests = read(landing, "requests")
    fates = Counter(is_eligible(accounts[request["user_id"]]) for request in requests)

    assert path.name == "requests-20261119.jsonl"
    assert fates[True] >= 3
    assert fates[False] >= 2
    assert all(request["requested_at"].startswith("2026-11-19T") for request in requests)
    assert {request["channel"] for request in requests} <= {"web", "phone", "facebook"}
    assert len({request["request_key"] for request in requests}) == len(requests)


def test_everyone_who_asks_to_be_forgotten_left_traffic_and_a_device_of_their_own(landing: Landing):
    access = landing.read_records("access/*")
    owners = defaultdict(set)
    for record in read(landing, "devices") + access:
        if record["user_id"] and record.get("device_id"):
            owners[record["device_id"]].add(record["user_id"])

    for request in read(landing, "requests"):
        user_id = request["user_id"]
        assert any(record["user_id"] == user_id for record in access)
        assert any(who == {user_id} for who in owners.values())
