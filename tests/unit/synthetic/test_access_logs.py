"""The access logs read like those of a real site: people, robots, several front ends, and what slips into addresses."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest

from pipelines.synthetic.user_agents import load_user_agents

if TYPE_CHECKING:
    from conftest import Landing

Records = list[dict[str, Any]]
JSON_KEYS = [
    "time", "remote_addr", "user_id", "device_id", "request_method", "request_uri", "status", "body_bytes_sent",
    "http_referer", "http_user_agent", "accept_language",
]  # fmt: skip


@pytest.fixture(scope="module")
def records(landing: Landing) -> Records:
    return [
        record | {"file": path.name}
        for path in landing.list_files("access/*")
        for record in landing.parse_file(path)
        if "resent" not in path.name
    ]


@pytest.fixture(scope="module")
def app_records(landing: Landing) -> Records:
    return landing.read_records("access/*.jsonl")


def test_json_lines_have_the_keys_of_the_format_in_their_order(app_records: Records):
    assert {tuple(record) for record in app_records} == {tuple(JSON_KEYS)}
    assert all(re.fullmatch(r"2026-11-1\dT\d\d:\d\d:\d\d\.\d{3}\+09:00", record["time"]) for record in app_records)
    assert all(type(record["status"]) is type(record["body_bytes_sent"]) is int for record in app_records)


def test_files_hold_their_own_day_in_order_of_time(landing: Landing):
    for path in landing.list_files("access/*-20261118.*"):
        times = [str(record["time"]) for record in landing.parse_file(path)]
        assert times == sorted(times)
        assert {re.match(r"2026-11-18|18/Nov/2026", time) is not None for time in times} == {True}


def test_each_front_end_serves_a_good_part(records: Records):
    served = Counter(record["file"].partition("-")[0] for record in records)

    assert set(served) == {"edge", "legacy", "app"}
    assert min(served.values()) > 0.15 * len(records)


def test_evenings_are_busy_and_the_small_hours_quiet(records: Records):
    people = [record for record in records if record["user_id"]]
    hours = Counter(re.search(r"[T:](\d\d):\d\d:\d\d", record["time"])[1] for record in people)

    assert hours["21"] > 2 * hours["10"] > 2 * hours["04"]


def test_servers_answer_with_all_usual_statuses(records: Records):
    assert {200, 301, 302, 304, 401, 403, 404, 429, 500, 503} <= {record["status"] for record in records}
    assert sum(record["status"] == 200 for record in records) > 0.7 * len(records)


def test_some_logins_fail_and_more_succeed(records: Records):
    members = [r for r in records if r["request_method"] == "POST" and r["request_uri"].startswith("/login")]
    answers = Counter(record["status"] for record in members)

    assert answers[302] > answers[401] > 0


def test_every_route_of_the_site_is_visited(records: Records):
    routes = {re.sub(r"\d{4,}", "N", urlsplit(record["request_uri"]).path) for record in records}

    assert {
        "/", "/item/N", "/search", "/category/cameras", "/mypage", "/mypage/watchlist", "/login", "/signup", "/bid/N",
        "/sell", "/user/uN", "/help", "/payment", "/favicon.ico", "/api/v1/search", "/api/v1/items/N",
    } <= routes  # fmt: skip
    assert any(route.startswith("/static/") for route in routes)


def test_bids_follow_the_item_that_was_looked_at(records: Records):
    bids = [record for record in records if record["request_uri"].startswith("/bid/") and record["http_referer"]]
    from_item = [r for r in bids if "/item/" in r["http_referer"]]

    assert from_item
    assert all(re.findall(r"\d{10}", r["request_uri"])[0] in r["http_referer"] for r in from_item)


def test_visitors_come_from_everywhere_and_mostly_go_on_inside(records: Records):
    hosts = Counter(urlsplit(record["http_referer"] or "").netloc for record in records)

    assert hosts.most_common(1)[0][0] == "rakuichi.example.jp"
    assert {"", "www.google.com", "search.yahoo.co.jp", "t.co", "liff.line.me", "mail.example.com"} <= set(hosts)


def test_campaigns_tag_landing_pages(records: Records):
    tags = {tag for record in records for tag in parse_qs(urlsplit(record["request_uri"]).query).get("utm_source", ())}

    assert {"newsletter", "line", "x"} <= tags


def test_most_browsers_speak_japanese_and_some_do_not(app_records: Records):
    languages = Counter((record["accept_language"] or "-")[:2] for record in app_records)

    assert languages.most_common(1)[0][0] == "ja"
    assert {"ja", "en", "zh", "ko", "-"} <= set(languages)


def test_search_addresses_hold_terms_in_both_languages_and_whole_titles(records: Records):
    asked = {unquote_plus(record["request_uri"]) for record in records if "/search?" in record["request_uri"]}

    assert any("MacBook Air" in uri for uri in asked)
    assert any("骨董" in uri for uri in asked)
    assert any(len(uri) > 35 and "&" not in uri for uri in asked)
    assert any("&category=" in uri for uri in asked)
    assert any("&page=2" in uri for uri in asked)


@pytest.mark.parametrize("pattern", [r"[?&]email=[^&]+%40example\.", r"[?&]uid=u\d{9}", r"[?&]sid=[0-9a-f]{32}"])
def test_identifiers_hide_in_query_strings_and_in_the_referrers_after_them(records: Records, pattern: str):
    assert any(re.search(pattern, record["request_uri"]) for record in records)
    assert any(re.search(pattern, record["http_referer"] or "") for record in records)


def test_web_mail_names_its_reader(records: Records):
    assert any(re.search(r"mail\.example\.com/.*[?&]to=[^&]+%40", record["http_referer"] or "") for record in records)


def test_addresses_are_public_and_spelled_in_many_ways(records: Records):
    addresses = {record["remote_addr"] for record in records}
    ipv6 = {address for address in addresses if address.startswith("2")} & {a for a in addresses if ":" in a}

    assert all(ip_address(address) for address in addresses)
    assert any(address.startswith("::ffff:") for address in addresses)
    assert any(address != address.lower() for address in ipv6)
    assert any(len(address) == 39 and re.search(r"(^|:)0", address) for address in ipv6)
    assert any("::" in address for address in ipv6)
    assert sum(":" not in address for address in addresses) > 0.2 * len(addresses)


def test_households_share_addresses_and_members_roam(records: Records):
    people, places = defaultdict(set), defaultdict(set)
    for record in records:
        if record["user_id"]:
            people[record["remote_addr"]].add(record["user_id"])
            places[record["user_id"]].add(record["remote_addr"])

    assert max(map(len, people.values())) >= 2
    assert sum(len(seen) > 1 for seen in places.values()) > 0.3 * len(places)


def test_user_agents_of_every_kind_come(records: Records):
    agents = load_user_agents()
    seen = agents.filter(agents["user_agent"].is_in({record["http_user_agent"] for record in records}))

    assert set(seen["kind"]) == {"desktop", "mobile", "tablet", "feature_phone", "app", "robot"}
    assert {"windows", "macos", "ios", "android"} <= set(seen["platform"])
    assert {"googlebot", "bingbot", "applebot", "ahrefsbot", "curl", "requests", "uptime"} <= set(seen["platform"])
    assert seen["user_agent"].str.contains("Android 10; K", literal=True).any()


def test_robots_have_neither_referrer_nor_language_nor_devices(records: Records):
    robots = set(load_user_agents().filter(kind="robot")["user_agent"])
    visits = [record for record in records if record["http_user_agent"] in robots]

    assert 0.04 * len(records) < len(visits) < 0.2 * len(records)
    assert not any(r["http_referer"] or r["user_id"] or r.get("device_id") or r.get("accept_language") for r in visits)
    assert {"/robots.txt", "/healthz", "/.env"} <= {record["request_uri"] for record in visits}


def test_the_app_asks_the_api_only(app_records: Records):
    from_app = [record for record in app_records if record["http_user_agent"].startswith("RakuichiAuction/")]

    assert from_app
    assert all(record["request_uri"].startswith("/api/v1/") for record in from_app)
    assert all(record["device_id"] and not record["http_referer"] for record in from_app)
