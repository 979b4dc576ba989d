"""Every way to write one address is one address, and its network is a /24 or a /48."""

import polars as pl
import pytest

from anonymization.ip_address import canonicalise_addresses

V4, V6 = "c0000201", "20010db8000000000000000000000001"
SPELLINGS = [
    ("192.0.2.1", V4),
    (" 192.0.2.1\n", V4),
    ("192.0.2.1:50123", V4),
    ("::ffff:192.0.2.1", V4),
    ("::FFFF:192.0.2.1", V4),
    ("::ffff:c000:0201", V4),
    ("0:0:0:0:0:ffff:192.0.2.1", V4),
    ("[::ffff:192.0.2.1]", V4),
    ("[::ffff:192.0.2.1]:443", V4),
    ("2001:db8::1", V6),
    ("2001:DB8::1", V6),
    ("2001:0db8:0000:0000:0000:0000:0000:0001", V6),
    ("2001:db8:0:0::0:1", V6),
    ("2001:db8::0.0.0.1", V6),
    ("[2001:db8::1]", V6),
    ("[2001:db8::1]:443", V6),
    ("2001:db8::1%eth0", V6),
    ("[2001:db8::1%25eth0]", V6),
]
NO_ADDRESSES = [
    "",
    " ",
    "-",
    "unix:",
    "localhost",
    "192.0.2",
    "192.0.2.256",
    "192.0.2.01",
    "192.0.2.1, 198.51.100.7",
    "192.0.2.1:",
    "192.0.2.1:port",
    "3221225985",
    "0xc0000201",
    "2001:db8:::1",
    "2001:db8::1::2",
    "[2001:db8::1",
    "2001:db8::g",
    "１９２.0.2.1",
    "192.0.2.1\x00",
    "192.0.2.1%" + "z" * 100,
]


@pytest.mark.parametrize(("spelling", "address"), SPELLINGS)
def test_spelling_is_read_as_its_address(spelling: str, address: str):
    assert canonicalise_addresses(pl.Series([spelling]))["address"].to_list() == [address]


@pytest.mark.parametrize("text", NO_ADDRESSES, ids=ascii)
def test_what_is_no_address_is_null_twice(text: str):
    assert canonicalise_addresses(pl.Series([text])).row(0) == (None, None)


def test_networks_are_a_24_of_ipv4_and_a_48_of_ipv6():
    addresses = pl.Series(["192.0.2.1", "::ffff:192.0.2.99", "2001:db8:aaaa:1::1", "2001:db8:aaaa:2::1"])

    assert canonicalise_addresses(addresses)["network"].to_list() == [
        "c00002",
        "c00002",
        "20010db8aaaa",
        "20010db8aaaa",
    ]


def test_null_stays_null_and_rows_stay_in_order():
    found = canonicalise_addresses(pl.Series(["2001:db8::1", None, "192.0.2.1"]))

    assert found["address"].to_list() == [V6, None, V4]
    assert found.schema == {"address": pl.String, "network": pl.String}


def test_no_addresses_give_no_rows():
    assert canonicalise_addresses(pl.Series([], dtype=pl.String)).shape == (0, 2)
