"""Raw rows to lake rows: who is left out, what is kept, and what order may tell."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from anonymization.keyring import new_keyring
from anonymization.operators import pseudonym_of
from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.enrich import (
    Batch,
    build_rows,
    pseudonymise_accounts,
    read_vocabulary,
    suppress_lines,
    unite_links,
    withhold_rare_terms,
)
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
NOON = datetime(2026, 11, 22, 3, tzinfo=UTC)
KEYRING = new_keyring(NOON)
NOBODY = pl.Series("user", [], dtype=pl.Binary)
NO_DEVICE = pl.DataFrame(schema={"device": pl.Binary(), "until": pl.Datetime("us", "UTC")})
REQUEST = {
    "event_at": NOON,
    "event_date": date(2026, 11, 22),
    "client_ip": "203.0.113.7",
    "user_id": None,
    "device_id": None,
    "method": "GET",
    "url": "/help",
    "status_code": 200,
    "response_bytes": 10,
    "referrer": None,
    "user_agent": None,
    "accept_language": None,
}


def requests(*changes):
    schema = {**polars_schema(CATALOGUE.get("sources", "access")), "event_date": pl.Date(), "line_number": pl.Int64()}
    rows = [{**REQUEST, "line_number": number, **change} for number, change in enumerate(changes, start=1)]
    return pl.DataFrame(rows, schema=schema)


def build(table, raw, keyring=KEYRING):
    vocabulary = read_vocabulary(CATALOGUE.get("sources", "access"))
    return build_rows(raw, CATALOGUE.get("lake", table), Batch("access", "0123456789abcdef", keyring, vocabulary))


def membership(user, kind="user", keyring=KEYRING):
    return pseudonym_of(user, kind, keyring.current("membership"))


@pytest.mark.parametrize("table", ["page_views", "security_events", "identity_links"])
def test_no_rows_still_have_the_schema_of_their_table(table):
    assert build(table, requests()).schema == polars_schema(CATALOGUE.get("lake", table))


def test_only_what_fraud_prevention_needs_becomes_a_security_event():
    raw = requests({"url": "/help"}, {"url": "/login"}, {"status_code": 404}, {"url": "/bid/1"}, {"url": "/item/1"})
    rows = build("security_events", raw)
    assert rows["line_number"].to_list() == [2, 3, 4]
    assert rows["page_group"].to_list() == ["login", "help", "bid"]


def test_refused_login_is_marked_and_a_granted_one_is_not():
    login = {"url": "/login", "method": "POST"}
    raw = requests({**login, "status_code": 401}, {**login, "status_code": 303}, {"url": "/login", "status_code": 403})
    assert build("security_events", raw)["is_login_failure"].to_list() == [True, False, False]


def test_page_view_is_a_page_shown_to_a_person():
    bot = {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    raw = requests({}, {"url": "/static/a.css"}, {"method": "POST"}, {"status_code": 404}, bot)
    assert build("page_views", raw)["is_page_view"].to_list() == [True, False, False, False, False]


def test_pair_is_linked_once_a_file_on_its_first_day():
    pair = {"user_id": "u000000001", "device_id": "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a11"}
    later = {**pair, "event_date": date(2026, 11, 23)}
    chunks = [
        build("identity_links", requests(later, {"user_id": "u000000002"})),
        build("identity_links", requests(pair)),
    ]
    links = unite_links(pl.concat(chunks))
    assert links["purpose"].to_list() == ["membership", "security", "usage"]
    assert links["event_date"].unique().to_list() == [date(2026, 11, 22)]
    assert links["user_pseudonym"].n_unique() == 3


def test_line_of_a_member_who_left_is_left_out_and_of_a_stranger_kept():
    raw = requests({"user_id": "u000000001"}, {"user_id": None}, {"user_id": "u000000002"})
    left = pl.Series("user", [membership("u000000001")], dtype=pl.Binary)
    kept, suppressed = suppress_lines(raw, left, NO_DEVICE, KEYRING)
    assert (kept["line_number"].to_list(), suppressed) == ([2, 3], 1)
    assert kept.schema == raw.schema


def test_line_of_a_device_is_left_out_up_to_the_moment_its_owner_left():
    raw = requests({"device_id": "d1"}, {"device_id": "d1", "event_at": NOON + timedelta(hours=2)}, {"device_id": "d2"})
    rows = [(membership("d1", "device"), NOON + timedelta(hours=1))]
    gone = pl.DataFrame(rows, schema=NO_DEVICE.schema, orient="row")
    kept, suppressed = suppress_lines(raw, NOBODY, gone, KEYRING)
    assert (kept["line_number"].to_list(), suppressed) == ([2, 3], 1)
    assert kept.schema == raw.schema


def test_tombstone_under_an_older_key_still_holds():
    rotated = KEYRING.rotated("membership", NOON)
    left = pl.Series("user", [membership("u000000001")], dtype=pl.Binary)
    assert suppress_lines(requests({"user_id": "u000000001"}), left, NO_DEVICE, rotated)[1] == 1


def test_rare_term_is_withheld_and_order_tells_nothing():
    rows = pl.DataFrame(
        {
            "event_date": [date(2026, 11, 22)] * 5,
            "term": ["vase", "rare", "vase", "vase", None],
            "people_sketch": [7, 9, 3, 3, 1],
            "page_number": [1, 2, 3, 1, 1],
        },
    )
    shown = withhold_rare_terms(rows, minimum_people=2)
    assert sorted(shown["term"].drop_nulls()) == ["vase"] * 3
    assert shown.equals(withhold_rare_terms(rows.reverse(), minimum_people=2))


def test_account_facts_hold_no_identifier():
    raw = pl.DataFrame(
        {
            "event_date": [date(2026, 11, 22)],
            "user_id": ["u000000001"],
            "email": ["taro@example.jp"],
            "phone": ["090-1234-5678"],
            "display_name": ["太郎"],
            "open_listings": [0],
            "open_trades": [1],
            "last_transaction_date": [None],
            "consent": [True],
        },
    )
    (facts,) = pseudonymise_accounts(raw, KEYRING).to_dicts()
    assert facts["user_pseudonym"] == membership("u000000001")
    assert not {"u000000001", "taro@example.jp", "090-1234-5678", "太郎"} & set(facts.values())
