"""Encrypted addresses are those of the draft's appendix, decrypt to what they were, and keep prefixes where asked.

Vectors: draft-denis-ipcrypt, appendix "Test Vectors".
"""

import ipaddress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization import ipcrypt
from anonymization.errors import AnonymizationError

LONG = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301"
OTHER_LONG = "2b7e151628aed2a6abf7158809cf4f3ca9f5ba40db214c3798f2e1c23456789a"
DETERMINISTIC = [
    ("0123456789abcdeffedcba9876543210", "0.0.0.0", "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb"),
    ("1032547698badcfeefcdab8967452301", "255.255.255.255", "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8"),
    ("2b7e151628aed2a6abf7158809cf4f3c", "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777"),
]
PREFIX = [
    (LONG, "0.0.0.0", "151.82.155.134"),
    (LONG, "255.255.255.255", "94.185.169.89"),
    (LONG, "192.0.2.1", "100.115.72.131"),
    (LONG, "2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"),
    (OTHER_LONG, "10.0.0.47", "19.214.210.244"),
    (OTHER_LONG, "10.0.0.129", "19.214.210.80"),
    (OTHER_LONG, "10.0.0.234", "19.214.210.30"),
    (OTHER_LONG, "172.16.5.193", "210.78.229.136"),
    (OTHER_LONG, "172.16.97.42", "210.78.179.241"),
    (OTHER_LONG, "172.16.248.177", "210.78.121.215"),
    (OTHER_LONG, "2001:db8::a5c9:4e2f:bb91:5a7d", "7cec:702c:1243:f70:1956:125:b9bd:1aba"),
    (OTHER_LONG, "2001:db8::7234:d8f1:3c6e:9a52", "7cec:702c:1243:f70:a3ef:c8e:95c1:cd0d"),
    (OTHER_LONG, "2001:db8::f1e0:937b:26d4:8c1a", "7cec:702c:1243:f70:443c:c8e:6a62:b64d"),
    (OTHER_LONG, "2001:db8:3a5c::e7d1:4b9f:2c8a:f673", "7cec:702c:3503:bef:e616:96bd:be33:a9b9"),
    (OTHER_LONG, "2001:db8:9f27::b4e2:7a3d:5f91:c8e6", "7cec:702c:a504:b74e:194a:3d90:b047:2d1a"),
    (OTHER_LONG, "2001:db8:d8b4::193c:a5e7:8b2f:46d1", "7cec:702c:f840:aa67:1b8:e84f:ac9d:77fb"),
]
EXTENDED = [
    (LONG, "0.0.0.0", "21bd1834bc088cd2b4ecbe30b70898d7", "82db0d4125fdace61db35b8339f20ee5"),
    (
        "1032547698badcfeefcdab89674523010123456789abcdeffedcba9876543210",
        "192.0.2.1",
        "08e0c289bff23b7cb4ecbe30b70898d7",
        "766a533392a69edf1ad0d3ce362ba98a",
    ),
    (
        "2b7e151628aed2a6abf7158809cf4f3c3c4fcf098815f7aba6d2ae2816157e2b",
        "2001:db8::1",
        "21bd1834bc088cd2b4ecbe30b70898d7",
        "6089c7e05ae30c2d10ca149870a263e4",
    ),
]
KEY = bytes.fromhex(OTHER_LONG)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
addresses = st.lists(st.ip_addresses().filter(lambda address: not getattr(address, "ipv4_mapped", None)), max_size=8)


def pack(*texts: object) -> np.ndarray:
    found = [ipaddress.ip_address(str(text)).packed for text in texts]
    mapped = [packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed for packed in found]
    return np.frombuffer(b"".join(mapped), np.uint8).reshape(-1, 16)


def read(rows: np.ndarray) -> list[Address]:
    found = [ipaddress.IPv6Address(row.tobytes()) for row in rows]
    return [address.ipv4_mapped or address for address in found]


def shared_bits(first: Address, second: Address) -> int:
    width = first.max_prefixlen
    return width - (int(first) ^ int(second)).bit_length()


@pytest.mark.parametrize(("key", "address", "encrypted"), DETERMINISTIC)
def test_deterministic_encryption_gives_the_published_vectors(key: str, address: str, encrypted: str):
    made = ipcrypt.encrypt_deterministic(pack(address), bytes.fromhex(key))

    assert read(made) == [ipaddress.ip_address(encrypted)]
    assert read(ipcrypt.decrypt_deterministic(made, bytes.fromhex(key))) == [ipaddress.ip_address(address)]


@pytest.mark.parametrize(("key", "address", "encrypted"), PREFIX)
def test_prefix_preserving_encryption_gives_the_published_vectors(key: str, address: str, encrypted: str):
    made = ipcrypt.encrypt_prefixes(pack(address), bytes.fromhex(key))

    assert read(made) == [ipaddress.ip_address(encrypted)]
    assert read(ipcrypt.decrypt_prefixes(made, bytes.fromhex(key))) == [ipaddress.ip_address(address)]


def test_a_batch_of_both_families_gives_what_each_address_gives_alone():
    rows = [row for row in PREFIX if row[0] == OTHER_LONG] * 2
    made = ipcrypt.encrypt_prefixes(pack(*(address for _, address, _ in rows)), KEY)

    assert read(made) == [ipaddress.ip_address(encrypted) for _, _, encrypted in rows]


@pytest.mark.parametrize(("key", "address", "tweak", "encrypted"), EXTENDED)
def test_extended_encryption_gives_the_published_vectors(key: str, address: str, tweak: str, encrypted: str):
    tweaks = np.frombuffer(bytes.fromhex(tweak), np.uint8).reshape(1, 16)
    made = ipcrypt.encrypt_extended(pack(address), tweaks, bytes.fromhex(key))

    assert made.tobytes().hex() == encrypted
    assert read(ipcrypt.decrypt_extended(made, tweaks, bytes.fromhex(key))) == [ipaddress.ip_address(address)]


@settings(deadline=None)
@given(addresses)
def test_every_batch_decrypts_to_what_it_was(batch: list[Address]):
    rows = pack(*batch)

    assert read(ipcrypt.decrypt_prefixes(ipcrypt.encrypt_prefixes(rows, KEY), KEY)) == batch
    assert read(ipcrypt.decrypt_deterministic(ipcrypt.encrypt_deterministic(rows, KEY[:16]), KEY[:16])) == batch


@settings(deadline=None)
@given(st.ip_addresses(), st.integers(0, 128), st.integers(0, 2**128 - 1))
def test_two_addresses_share_as_many_bits_encrypted_as_plain(address: Address, length: int, noise: int):
    width = address.max_prefixlen
    kept = min(length, width)
    near = type(address)(int(address) ^ (noise & ((1 << (width - kept)) - 1)))
    if getattr(address, "ipv4_mapped", None) or getattr(near, "ipv4_mapped", None):
        return
    first, second = read(ipcrypt.encrypt_prefixes(pack(address, near), KEY))

    assert shared_bits(first, second) == shared_bits(address, near)


@pytest.mark.parametrize("key", [b"", b"k" * 16, b"k" * 32, bytes(range(31)), bytes(range(33))])
def test_a_key_that_the_draft_forbids_is_refused(key: bytes):
    for encrypt in (ipcrypt.encrypt_prefixes, lambda rows, key: ipcrypt.encrypt_extended(rows, rows, key)):
        with pytest.raises(AnonymizationError, match="32 bytes of two different halves"):
            encrypt(pack("192.0.2.1"), key)
    with pytest.raises(AnonymizationError, match="is not 16 bytes"):
        ipcrypt.encrypt_deterministic(pack("192.0.2.1"), key + b"k")
