"""Every form in which an identifier may lie in bytes is looked for."""

import base64
import hashlib
import json
import urllib.parse
import uuid

import duckdb
import pytest

from pipelines.errors import ConfigurationError
from pipelines.proof.needles import build_needles, list_forms

MAIL = "hanako+山田@example.jp"
PSEUDONYM = bytes([0, 1, 255, *range(3, 16)])


def found_forms(identifier: str | bytes, data: bytes) -> set[str]:
    needles = build_needles([identifier])
    return {needles.describe(pattern)[1] for pattern, _, _ in needles.find(data)}


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("utf-8", MAIL.encode()),
        ("utf-16", MAIL.encode("utf-16-le")),
        ("percent", urllib.parse.quote(MAIL).encode()),
        ("percent", urllib.parse.quote(MAIL, safe="").lower().encode()),
        ("percent", urllib.parse.quote_plus(MAIL).encode()),
        ("json", json.dumps({"mail": MAIL}).encode()),
        ("json", rb"hanako+\u5C71\u7530@example.jp"),
        ("hex", MAIL.encode().hex().encode()),
        ("hex", MAIL.encode().hex().upper().encode()),
        ("base64", base64.b64encode(b"a" + MAIL.encode() + b"b")),
        ("md5", hashlib.md5(MAIL.encode()).hexdigest().encode()),
        ("sha1", hashlib.sha1(MAIL.encode()).hexdigest().encode()),
        ("sha256", hashlib.sha256(MAIL.encode()).hexdigest().encode()),
        ("sort key", bytes(byte + 1 for byte in MAIL.encode())),
    ],
)
def test_text_is_found_in_each_form(form: str, data: bytes):
    assert form in found_forms(MAIL, data)


def test_text_is_found_in_the_url_safe_alphabet_of_base64():
    assert found_forms("???>>>???>>>", base64.urlsafe_b64encode(b"???>>>???>>>")) == {"base64url"}


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("raw bytes", PSEUDONYM),
        ("hex", PSEUDONYM.hex().encode()),
        ("hex", PSEUDONYM.hex().upper().encode()),
        ("base64", base64.b64encode(b"xx" + PSEUDONYM)),
        ("uuid", str(uuid.UUID(bytes=PSEUDONYM)).encode()),
        ("sort key", bytes((byte + 1) % 256 for byte in PSEUDONYM)),
    ],
)
def test_pseudonym_is_found_in_each_form(form: str, data: bytes):
    assert form in found_forms(PSEUDONYM, data)


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("identifier", [MAIL, PSEUDONYM])
def test_sort_keys_are_those_that_duckdb_spills(identifier: str | bytes, order: str):
    with duckdb.connect() as database:
        [(key,)] = database.execute(f"SELECT create_sort_key(?, '{order} NULLS LAST')", [identifier]).fetchall()
    assert "sort key" in found_forms(identifier, key)


def test_device_id_stored_as_sixteen_bytes_is_found():
    device = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert found_forms(device, uuid.UUID(device).bytes) == {"uuid bytes"}


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
def test_base64_is_found_in_every_alignment(before: int, after: int):
    data = base64.b64encode(b"?" * before + b"u123456789" + b"?" * after)
    assert found_forms("u123456789", data) == {"base64"}


def test_short_derived_forms_are_left_out_but_the_identifier_itself_never_is():
    forms = dict(list_forms("ab"))
    assert forms["utf-8"] == b"ab"
    assert not {"hex", "utf-16", "base64", "sort key"} & forms.keys()


def test_text_that_cannot_be_encoded_is_searched_without_an_error_that_quotes_it():
    assert "utf-8" in found_forms("lone \ud800 surrogate", "lone \ud800 surrogate".encode("utf-8", "surrogatepass"))


def test_overlapping_identifiers_are_both_found():
    needles = build_needles(["090-1234-5678", "1234-5678-90"])
    found = needles.find(b"090-1234-5678-90")
    assert {needles.describe(pattern)[0] for pattern, _, _ in found} == {1, 2}


@pytest.mark.parametrize("identifiers", [[], ["u123456789", ""]])
def test_search_for_nothing_is_refused(identifiers: list[str]):
    with pytest.raises(ConfigurationError, match="identifier"):
        build_needles(identifiers)
