"""What each kind of treatment makes of a column, and that nothing comes out which nobody asked for."""

import json
import pickle
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from anonymization.columns import TREATMENTS, treat_columns
from anonymization.encryption import decrypt_addresses
from anonymization.errors import AnonymizationError, UnknownTreatmentError
from anonymization.keyring import Key
from anonymization.operators import pseudonym_of
from anonymization.treatment import Context, Treatment, Vocabulary
from anonymization.url import Parameter

DAY, NEXT_DAY = date(2026, 11, 22), date(2026, 11, 23)
DAY_KEYS = {
    DAY: Key("visitor-20261122", "visitor", "3c" * 32, "2026-11-22T00:00:00+00:00"),
    NEXT_DAY: Key("visitor-20261123", "visitor", "4d" * 32, "2026-11-23T00:00:00+00:00"),
}
DEVICE_ID = "3f2b8c1e-0d4a-4b6f-9c1d-5e6f7a8b9c0d"
VISITOR_INPUTS = ("device_id", "user_id", "client_ip", "user_agent")


@pytest.fixture(scope="module")
def context(usage_key: Key, vocabulary: Vocabulary) -> Context:
    return Context(usage_key, replace(vocabulary, parameters=(Parameter("utm_source", "^[a-z_]{1,20}$"),)), DAY_KEYS)


def treat(raw: list[Any], kind: str, context: Context, **options: object) -> list[Any]:
    """One text column through one treatment."""
    frame = pl.DataFrame({"raw": raw}, schema={"raw": pl.String})
    return treat_columns(frame, [Treatment("made", kind, ("raw",), options)], context)["made"].to_list()


def visit(context: Context, **columns: Any) -> bytes | None:
    """The visitor of one row, whose columns are empty unless given."""
    given = {"event_date": DAY, **dict.fromkeys(VISITOR_INPUTS), **columns}
    schema = {name: pl.Date if name == "event_date" else pl.String for name in given}
    frame = pl.DataFrame({name: [value] for name, value in given.items()}, schema=schema)
    treatment = Treatment("visitor", "pseudonymise_visitor", VISITOR_INPUTS)
    return treat_columns(frame, [treatment], context)["visitor"][0]


def sketch(rows: list[tuple[str | None, str | None, str | None]], context: Context, *others: Treatment) -> list[int]:
    """Buckets of rows of term, user id and address."""
    schema = {"term": pl.String, "user_id": pl.String, "client_ip": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(event_date=pl.lit(DAY))
    treatment = Treatment("people", "sketch_people", tuple(schema), {"buckets": 256})
    return treat_columns(frame, [*others, treatment], context)["people"].to_list()


def test_only_the_asked_columns_come_out_in_the_asked_order(context: Context):
    frame = pl.DataFrame({"user_id": ["u000000001"], "kept": [1], "undeclared": ["secret"]})
    treatments = [
        Treatment("member", "pseudonymise", ("user_id",), {"domain": "user"}),
        Treatment("amount", "keep", ("kept",)),
    ]

    assert treat_columns(frame, treatments, context).columns == ["member", "amount"]
    assert treat_columns(frame, [], context).columns == []


def test_unknown_treatment_stops_everything_and_names_the_column(context: Context):
    treatments = [Treatment("fine", "keep", ("raw",)), Treatment("odd", "encrypt", ("raw",))]

    with pytest.raises(UnknownTreatmentError, match="no such treatment for odd"):
        treat_columns(pl.DataFrame({"raw": ["planted"]}), treatments, context)


def test_every_kind_gives_no_rows_for_no_rows(context: Context):
    text = dict.fromkeys(["raw", "user_id", "client_ip", "user_agent"], pl.String)
    frame = pl.DataFrame(schema={"event_date": pl.Date, **text})
    options = {
        "values": ["a"],
        "otherwise": "b",
        "pattern": "^a$",
        "domain": "user",
        "entities": ["UUID"],
        "buckets": 4,
        "name": "utm_source",
    }
    parts = {"reduce_referrer": "channel", "reduce_user_agent": "os_major", "template_url": "route"}
    inputs = {"pseudonymise_visitor": ("user_id", "client_ip", "user_agent"), "sketch_people": ("raw", "user_id")}
    treatments = [
        Treatment(kind, kind, inputs.get(kind, ("raw",)), {**options, "part": parts.get(kind)}) for kind in TREATMENTS
    ]

    assert treat_columns(frame, treatments, context).shape == (0, len(TREATMENTS))


def test_keep_keeps_values_and_type(context: Context):
    frame = pl.DataFrame({"raw": [200, None]}, schema={"raw": pl.Int32})
    kept = treat_columns(frame, [Treatment("status", "keep", ("raw",))], context)

    assert kept.schema == {"status": pl.Int32}
    assert kept["status"].to_list() == [200, None]


def test_keep_listed_keeps_listed_values_and_replaces_all_others(context: Context):
    values = ["GET", "get", "u000000001", "", None]

    assert treat(values, "keep_listed", context, values=["GET"], otherwise="OTHER") == ["GET", *["OTHER"] * 4]


def test_keep_pattern_keeps_what_matches_from_end_to_end(context: Context):
    values = ["cameras", "Cameras", "cameras u000000001", "cameras\n", "", None]

    assert treat(values, "keep_pattern", context, pattern="^[a-z-]{1,40}$") == ["cameras", *[None] * 5]


def test_keep_major_keeps_the_first_number_of_a_version(context: Context):
    values = ["18.6.2", "7", "12-beta", "2026.1", "09012345678", "v12", "١٢.3", "", None]

    assert treat(values, "keep_major", context) == [18, 7, 12, 2026, None, None, None, None, None]


@pytest.mark.parametrize(("domain", "value"), [("user", "u000000001"), ("device", DEVICE_ID), ("address", "192.0.2.1")])
def test_pseudonymise_gives_the_pseudonym_of_each_value(domain: str, value: str, context: Context):
    expected = pseudonym_of(value, domain, context.key)

    assert treat([value, f" {value} ", "", None], "pseudonymise", context, domain=domain) == [expected] * 2 + [None] * 2


def test_pseudonymise_network_gives_neighbours_one_pseudonym(context: Context):
    values = ["192.0.2.1", "192.0.2.99", "::ffff:192.0.2.7", "192.0.3.1", "unix:", None]
    near, nearer, mapped, far, *no_addresses = treat(values, "pseudonymise_network", context)

    assert near == nearer == mapped
    assert far not in {near, None}
    assert no_addresses == [None, None]


def test_visitor_is_the_device_before_the_member_before_address_and_agent(context: Context):
    device, member = pseudonym_of(DEVICE_ID, "device", context.key), pseudonym_of("u000000001", "user", context.key)
    passing = visit(context, client_ip="192.0.2.1")

    assert visit(context, device_id=DEVICE_ID, user_id="u000000001", client_ip="192.0.2.1") == device
    assert visit(context, device_id=" ", user_id="u000000001", client_ip="192.0.2.1") == member
    assert visit(context, device_id="", user_id="", client_ip="192.0.2.1") == passing
    assert len({device, member, passing}) == 3


def test_spellings_of_one_address_are_one_visitor(context: Context):
    spellings = ["2001:db8::1", "2001:DB8:0::1", "[2001:db8::1]:443", "2001:0db8::0001%eth0"]

    assert len({visit(context, client_ip=spelling, user_agent="a") for spelling in spellings}) == 1


def test_passing_visitor_changes_with_date_address_and_agent(context: Context):
    visits = [
        visit(context, client_ip="192.0.2.1", user_agent="a"),
        visit(context, client_ip="192.0.2.1", user_agent="a", event_date=NEXT_DAY),
        visit(context, client_ip="192.0.2.2", user_agent="a"),
        visit(context, client_ip="192.0.2.1", user_agent="b"),
        visit(context, client_ip="192.0.2.1"),
    ]

    assert len(set(visits)) == 5
    assert visits[0] != pseudonym_of("192.0.2.1", "address", context.key)


def test_visitors_whom_nothing_tells_apart_are_one_visitor_a_day(context: Context):
    assert visit(context) == visit(context, client_ip="unix:") is not None
    assert visit(context) != visit(context, event_date=NEXT_DAY)


def test_passing_visitor_of_a_day_without_a_key_is_nobody(context: Context):
    late = replace(context, visitor_keys={NEXT_DAY: DAY_KEYS[NEXT_DAY]})

    assert visit(late, client_ip="192.0.2.1", user_agent="a") is None
    assert visit(late, client_ip="192.0.2.1", user_agent="a", event_date=NEXT_DAY) is not None
    assert visit(late, device_id=DEVICE_ID) == visit(context, device_id=DEVICE_ID) is not None
    assert visit(late, user_id="u000000001") == visit(context, user_id="u000000001") is not None


def test_passing_visitor_of_two_days_in_one_frame_is_told_under_each_day_s_key(context: Context):
    rows = {"event_date": [DAY, NEXT_DAY, DAY], "client_ip": ["192.0.2.1"] * 3, "user_agent": ["a"] * 3}
    treatment = Treatment("visitor", "pseudonymise_visitor", ("client_ip", "user_agent"))
    first, second, third = treat_columns(pl.DataFrame(rows), [treatment], context)["visitor"]

    assert first == third == visit(context, client_ip="192.0.2.1", user_agent="a")
    assert second == visit(context, client_ip="192.0.2.1", user_agent="a", event_date=NEXT_DAY) != first


def test_visitor_of_an_application_needs_no_address(context: Context):
    frame = pl.DataFrame({"device_id": [DEVICE_ID.upper(), None]})
    visitors = treat_columns(frame, [Treatment("visitor", "pseudonymise_visitor", ("device_id",))], context)["visitor"]

    assert visitors.to_list() == [pseudonym_of(DEVICE_ID, "device", context.key), None]


def test_reduce_kinds_take_the_part_that_is_asked_for(context: Context):
    agent = "Mozilla/5.0 (Windows NT 6.1) Gecko/20100101 Firefox/115.0"

    assert treat([agent, None], "reduce_user_agent", context, part="browser_major") == [115, None]
    assert treat([agent, None], "reduce_user_agent", context, part="device_class") == ["desktop", "unknown"]
    assert treat(["https://google.com/"], "reduce_referrer", context, part="source") == ["google"]
    assert treat(["/item/1", None], "template_url", context, part="group") == ["item", "(other)"]
    assert treat(["en;q=0.5,ja", None], "reduce_language", context) == ["ja", None]


def test_referrer_keeps_a_route_of_the_service_s_own_pages_only(context: Context):
    referrers = ["https://www.auction.example.jp/item/1?q=x", "https://google.com/item/1", "/item/1", None]

    assert treat(referrers, "reduce_referrer", context, part="route") == ["/item/{id}", None, None, None]


def test_keep_parameter_keeps_a_listed_parameter_and_no_other(context: Context):
    urls = ["/?utm_source=mail&q=taro", "/?utm_source=u000000001", "/", None]

    assert treat(urls, "keep_parameter", context, name="utm_source") == ["mail", None, None, None]
    assert treat(urls, "keep_parameter", context, name="q") == [None] * 4


@pytest.mark.parametrize("kind", ["encrypt_address", "encrypt_address_prefix"])
def test_encrypted_address_is_read_again_under_its_key_alone(kind: str, context: Context, security_key: Key):
    keep_prefix = kind.endswith("prefix")
    encrypted = pl.Series(treat(["192.0.2.1", "::ffff:192.0.2.1", "unix:", None], kind, context), dtype=pl.Binary)

    assert encrypted[0] == encrypted[1]
    assert decrypt_addresses(encrypted, context.key, keep_prefix=keep_prefix).to_list() == ["c0000201"] * 2 + [None] * 2
    assert "c0000201" not in decrypt_addresses(encrypted, security_key, keep_prefix=keep_prefix).to_list()


def test_scrub_knows_the_service_s_own_identifiers(context: Context):
    assert treat(["u000000001 へ", None], "scrub", context, entities=["MEMBER_ID"]) == ["<MEMBER_ID> へ", None]
    assert treat(["u000000001 へ"], "scrub", context, entities=["MEDICAL_LICENSE"]) == ["<REDACTED>"]


def test_sketch_draws_bands_of_people_apart_but_a_person_s_spellings_together(context: Context):
    rows = [("カメラ", f"u{number:09}", None) for number in range(2000)]

    assert len(set(sketch(rows, context))) == 256
    assert len(set(sketch([("カメラ", "u1", None), ("カメラ", " u1 ", "192.0.2.1")], context))) == 1


def test_sketch_counts_one_home_of_many_ipv6_addresses_once(context: Context):
    home = [("カメラ", None, f"2001:db8:aaaa:{number:x}::{number:x}") for number in range(1, 200)]
    neighbours = [("カメラ", "", f"192.0.2.{number}") for number in range(1, 200)]

    assert len(set(sketch(home, context))) == 1
    assert len(set(sketch(neighbours, context))) > 1


def test_sketch_counts_one_person_once_for_a_term_as_it_is_stored(context: Context):
    scrub = Treatment("term", "scrub", ("term",), {"entities": ["EMAIL_ADDRESS"]})
    rows = [(f"{number}@example.jp", "u1", None) for number in range(20)]
    spellings = [("ｶﾒﾗ", "u1", None), ("カメラ", "u1", None), (" カメラ\u200b", "u1", None)]

    assert len(set(sketch(rows, context, scrub))) == 1
    assert len(set(sketch(spellings, context, scrub))) == 1
    assert len(set(sketch(spellings, context))) > 1


def test_sketch_has_a_bucket_where_person_and_term_are_missing(context: Context):
    assert all(bucket is not None for bucket in sketch([(None, None, None), ("", "", "unix:")], context))


def test_purposes_share_no_pseudonym(context: Context, security_key: Key):
    other = replace(context, key=security_key)

    assert visit(context, client_ip="192.0.2.1") != visit(other, client_ip="192.0.2.1")
    assert treat(["u1"], "pseudonymise", context, domain="user") != treat(["u1"], "pseudonymise", other, domain="user")


def test_context_shows_the_key_s_id_and_never_its_secret(context: Context):
    assert "usage-1" in repr(context)
    assert context.key.secret not in repr(context)


def test_what_is_treated_holds_no_key_and_no_plan(context: Context):
    frame = pl.DataFrame({"user_id": ["u000000001"], "client_ip": ["192.0.2.1"], "event_date": [DAY]})
    treatments = [
        Treatment("user", "pseudonymise", ("user_id",), {"domain": "user"}),
        Treatment("visitor", "pseudonymise_visitor", ("client_ip",)),
        Treatment("address", "encrypt_address", ("client_ip",)),
        Treatment("people", "sketch_people", ("user_id", "user_id"), {"buckets": 4}),
    ]
    treated = treat_columns(frame, treatments, context)
    kept = treated.lazy().serialize() + pickle.dumps(treated)

    assert type(treated) is pl.DataFrame
    assert not any(key.secret.encode() in kept for key in (context.key, *DAY_KEYS.values()))


@pytest.mark.parametrize("carry", [asdict, pickle.dumps, lambda context: json.dumps(asdict(context))])
def test_context_cannot_be_carried_out_of_the_process(carry, context: Context):
    with pytest.raises((AnonymizationError, TypeError)) as caught:
        carry(context)

    assert context.key.secret not in str(caught.value)
