"""For any input: spellings do not matter, columns and single values agree, and nothing identifying comes out."""

import hmac
import ipaddress
from datetime import date

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anonymization.columns import treat_columns
from anonymization.free_text import build_scrubber, normalise
from anonymization.ip_address import canonicalise_addresses
from anonymization.keyring import Key
from anonymization.language import LANGUAGES, reduce_languages
from anonymization.operators import pseudonym_of, pseudonymise
from anonymization.treatment import Context, Treatment, Vocabulary
from anonymization.url import Referrer, Route, reduce_referrers, template_urls
from anonymization.user_agent import BROWSER_FAMILIES, OS_FAMILIES, reduce_user_agents

KEY = Key("usage-1", "usage", "1a" * 32, "2026-11-01T00:00:00+00:00")
MEMBER_IDS = (("MEMBER_ID", "u[0-9]{9}"),)
ROUTES = (
    Route(r"^/item/[0-9]+$", "/item/{id}", "item", is_page=True),
    Route(r"^/user/[^/]+$", "/user/{id}", "user", is_page=True),
)
REFERRERS = (Referrer(r"(?:^|\.)google\.[a-z.]+$", "search_engine", "google"),)
VOCABULARY = Vocabulary(ROUTES, (("(?i)bot", "robot"),), REFERRERS, ("www.auction.example.jp",), MEMBER_IDS)
ENTITIES = ("EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS", "UUID", "MEMBER_ID")
SCRUBBER = build_scrubber(MEMBER_IDS)

unhurried = settings(deadline=None)  # other work may hold the machine
texts = st.text(st.characters(exclude_categories=["Cs"]))
spaces = st.text(" \t\n\r\u3000\u00a0", max_size=3)
addresses = st.ip_addresses()
user_ids = st.integers(0, 10**9 - 1).map("u{:09}".format)
device_ids = st.uuids(version=4).map(str)
emails = st.from_regex(r"[a-z][a-z0-9._+-]{2,12}x@[a-z]{3,8}\.(?:jp|com|co\.jp|con)", fullmatch=True)
phones = st.integers(10**7, 10**8 - 1).map(lambda number: f"090-{str(number)[:4]}-{str(number)[4:]}")
identifiers = st.one_of(user_ids, device_ids, emails, phones, st.ip_addresses(v=4).map(str))
AGENT_TOKENS = """
Mozilla/5.0 (Linux; Android 14; iPhone CPU OS 18_6 Windows NT 10.0 Mac OS X Mobile Safari/604 Chrome/152.0 Line/15.1
YJApp-IOS jp.co.yahoo/4. DoCoMo/2.0 UP.Browser/6.2 compatible; bot crawler/1 Version/18.6 Firefox/12 ; ) / [FBAN/
"""
tokens = st.sampled_from(AGENT_TOKENS.split())
agents = st.lists(st.one_of(tokens, texts, identifiers), max_size=12).map(" ".join)


def spell_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> st.SearchStrategy[str]:
    """Ways to write one address."""
    if isinstance(address, ipaddress.IPv4Address):
        high, low = divmod(int(address), 0x10000)
        ways = [str(address), f"{address}:443", f"::ffff:{address}", f"[::FFFF:{high:x}:{low:04X}]:8080"]
    else:
        ways = [address.compressed, address.exploded, address.exploded.upper(), f"[{address}]:443", f"{address}%eth0"]
    return st.tuples(spaces, st.sampled_from(ways), spaces).map("".join)


def pseudonymise_column(values: list[str], domain: str) -> list[bytes | None]:
    return pl.DataFrame({"value": values}).select(pseudonymise(pl.col("value"), domain, KEY)).to_series().to_list()


def is_plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is None


@unhurried
@given(addresses.filter(is_plain).flatmap(lambda address: st.tuples(st.just(address), spell_address(address))))
def test_every_spelling_of_an_address_gives_its_one_pseudonym(spelled: tuple[ipaddress.IPv4Address, str]):
    address, spelling = spelled
    expected = hmac.digest(KEY.secret.encode(), b"address\x1f" + address.packed.hex().encode(), "sha256")[:16]

    assert pseudonymise_column([spelling], "address") == [expected]
    assert pseudonym_of(spelling, "address", KEY) == expected


@unhurried
@given(addresses, addresses)
def test_two_addresses_are_of_one_network_only_when_their_prefix_is_one(
    first: ipaddress.IPv4Address, second: ipaddress.IPv4Address
):
    unwrapped = [getattr(address, "ipv4_mapped", None) or address for address in (first, second)]
    networks = {ipaddress.ip_network((item, 24 if item.version == 4 else 48), strict=False) for item in unwrapped}
    found = canonicalise_addresses(pl.Series([str(first), str(second)]))

    assert found["network"].n_unique() == len(networks)
    assert all(address.startswith(network) for address, network in found.rows())


@unhurried
@given(texts)
@example("192.0.2.1\x00")
@example("[]")
@example("%")
def test_any_text_is_an_address_or_null(text: str):
    ((address, network),) = canonicalise_addresses(pl.Series([text])).rows()

    assert (address is None) == (network is None)
    assert address is None or len(address) in {8, 32}


@unhurried
@given(
    st.lists(st.tuples(spaces, texts, spaces).map("".join), max_size=5), st.sampled_from(["user", "device", "visitor"])
)
def test_columns_and_single_values_agree_on_any_text(values: list[str], domain: str):
    column = pseudonymise_column(values, domain) if values else []
    present = [(value, pseudonym) for value, pseudonym in zip(values, column, strict=True) if pseudonym is not None]

    assert all(pseudonym_of(value, domain, KEY) == pseudonym for value, pseudonym in present)
    assert all(not value.strip() for value, pseudonym in zip(values, column, strict=True) if pseudonym is None)


@unhurried
@given(device_ids, spaces, spaces)
def test_pseudonym_of_a_device_is_that_of_its_lower_case(device_id: str, before: str, after: str):
    expected = hmac.digest(KEY.secret.encode(), b"device\x1f" + device_id.encode(), "sha256")[:16]

    assert pseudonymise_column([f"{before}{device_id.upper()}{after}"], "device") == [expected]


@unhurried
@given(texts)
def test_normalising_twice_is_normalising_once(text: str):
    assert normalise(normalise(text)) == normalise(text)


@unhurried
@given(st.lists(agents, min_size=1, max_size=5))
def test_families_come_from_closed_lists_whatever_an_agent_claims(hostile: list[str]):
    for row in reduce_user_agents(pl.Series(hostile), VOCABULARY.bots).to_dicts():
        assert row["browser_family"] in {*BROWSER_FAMILIES, "(other)", "unknown"}
        assert row["os_family"] in {*OS_FAMILIES, "(other)", "unknown"}
        assert row["device_class"] in {"desktop", "mobile", "tablet", "feature_phone", "bot", "unknown"}
        assert row["bot_family"] in {"robot", "other", None}
        assert all(row[name] is None or 0 <= row[name] <= 9999 for name in ("browser_major", "os_major"))


@unhurried
@given(texts, identifiers)
def test_languages_routes_and_referrers_come_from_closed_lists(text: str, identifier: str):
    hostile = pl.Series(
        [text, f"https://{identifier}/{text}", f"/user/{identifier}?q={text}", f"{text},{identifier};q=1"]
    )

    assert set(reduce_languages(hostile)["language"]) <= {*LANGUAGES, "(other)", None}
    assert set(template_urls(hostile, ROUTES)["route"]) <= {"/item/{id}", "/user/{id}", "(other)"}
    reduced = reduce_referrers(hostile, REFERRERS, ("www.auction.example.jp",))
    assert set(reduced.rows()) <= {
        ("direct", "direct"),
        ("internal", "internal"),
        ("search_engine", "google"),
        ("other", "(other)"),
    }


@unhurried
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "は", " ", "、", "Re: ", "_", "(", "ID"]), identifiers), min_size=1, max_size=4
    )
)
def test_no_planted_identifier_survives_in_free_text(pieces: list[tuple[str, str]]):
    text = "です。".join(before + identifier for before, identifier in pieces)
    scrubbed = SCRUBBER.scrub(pl.Series([text]), ENTITIES)[0]

    assert not any(identifier in scrubbed for _, identifier in pieces)


@unhurried
@given(user_ids, device_ids, st.ip_addresses(v=4).map(str), emails, phones)
def test_no_planted_identifier_survives_in_any_treated_column(
    user_id: str, device_id: str, address: str, email: str, phone: str
):
    planted = (user_id, device_id, address, email, phone)
    raw = {
        "user_id": user_id,
        "device_id": device_id.upper(),
        "client_ip": f"::ffff:{address}",
        "user_agent": f"Mozilla/5.0 ({email}; {device_id}) {phone}/1.0 Chrome/152.0",
        "url": f"/user/{user_id}?mail={email}&tel={phone}",
        "referrer": f"https://{user_id}.example.com/{email}?ip={address}",
        "accept_language": f"{email},{user_id};q=0.9",
        "category": phone,
        "method": user_id,
        "version": f"{device_id}.0",
        "comment": f"{user_id}です。{email} か {phone} へ。端末{device_id}、{address}",
        "undeclared": " ".join(planted),
    }
    frame = pl.DataFrame({name: [value, None] for name, value in raw.items()}).with_columns(
        event_date=pl.lit(date(2026, 11, 22))
    )
    treated = treat_columns(frame, TREATMENTS, Context(KEY, VOCABULARY))
    shown = repr(treated.rows()).lower()

    assert treated.columns == [treatment.output for treatment in TREATMENTS]
    assert not any(identifier in shown for identifier in planted)


TREATMENTS = (
    Treatment("user", "pseudonymise", ("user_id",), {"domain": "user"}),
    Treatment("device", "pseudonymise", ("device_id",), {"domain": "device"}),
    Treatment("address", "pseudonymise", ("client_ip",), {"domain": "address"}),
    Treatment("network", "pseudonymise_network", ("client_ip",)),
    Treatment("visitor", "pseudonymise_visitor", ("device_id", "user_id", "client_ip", "user_agent")),
    Treatment("browser", "reduce_user_agent", ("user_agent",), {"part": "browser_family"}),
    Treatment("major", "reduce_user_agent", ("user_agent",), {"part": "browser_major"}),
    Treatment("bot", "reduce_user_agent", ("user_agent",), {"part": "bot_family"}),
    Treatment("route", "template_url", ("url",), {"part": "route"}),
    Treatment("channel", "reduce_referrer", ("referrer",), {"part": "channel"}),
    Treatment("source", "reduce_referrer", ("referrer",), {"part": "source"}),
    Treatment("language", "reduce_language", ("accept_language",)),
    Treatment("category", "keep_pattern", ("category",), {"pattern": "^[a-z-]{1,40}$"}),
    Treatment("method", "keep_listed", ("method",), {"values": ["GET"], "otherwise": "OTHER"}),
    Treatment("version", "keep_major", ("version",)),
    Treatment("comment", "scrub", ("comment",), {"entities": ENTITIES}),
    Treatment("people", "sketch_people", ("comment", "user_id", "device_id", "client_ip"), {"buckets": 64}),
)
