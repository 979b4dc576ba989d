"""Signatures hold for what was signed and for nothing else."""

import base64
import inspect
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymization.keyring import Secret
from pipelines.intake import signing
from pipelines.intake.signing import (
    CLIENT,
    NONCE,
    PATTERNS,
    SIGNATURE,
    TIMESTAMP,
    Sent,
    SignatureRefusedError,
    read_facebook_request,
    require_signed,
)
from tests.intake.calls import APP_SECRET, SHOP, facebook_payload, sign_for_facebook, sign_headers

SECRET, OTHER = Secret("correct horse battery staple"), Secret("correct horse battery stapler")
CLIENTS = {SHOP: SECRET, "other": OTHER}
BODY = b'{"kind": "deletion"}'
NOW = datetime.now(UTC)
FACEBOOK = Secret(APP_SECRET)


def check(headers, *, body=BODY, method="POST", path="/requests", clients=CLIENTS, now=NOW):
    return require_signed(Sent(method, path, headers, body), clients, now)


def refuse(headers, **changes) -> str:
    with pytest.raises(SignatureRefusedError) as refused:
        check(headers, **changes)
    return refused.value.cause


def flip(text: str, position: int, bit: int) -> str:
    """The same text with one bit of one character changed."""
    position %= len(text)
    return f"{text[:position]}{chr(ord(text[position]) ^ (1 << bit))}{text[position + 1 :]}"


@given(st.binary(max_size=300), st.from_regex(PATTERNS[NONCE], fullmatch=True))
def test_what_was_signed_is_believed(body: bytes, nonce: str):
    signed = check(sign_headers(SECRET, body, nonce=nonce.strip(), key="a-key"), body=body)
    assert (signed.client_id, signed.nonce, signed.idempotency_key) == (SHOP, nonce.strip(), "a-key")


@given(
    st.sampled_from([CLIENT, TIMESTAMP, NONCE, SIGNATURE]),
    st.integers(min_value=0),
    st.integers(min_value=0, max_value=6),
)
def test_any_flipped_bit_of_a_signed_header_is_refused(header: str, position: int, bit: int):
    headers = sign_headers(SECRET, BODY)
    assert refuse(headers | {header: flip(headers[header], position, bit)}) == "signature"


@given(st.binary(min_size=1, max_size=200), st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_any_flipped_bit_of_the_body_is_refused(body: bytes, position: int, bit: int):
    flipped = bytearray(body)
    flipped[position % len(body)] ^= 1 << bit
    assert refuse(sign_headers(SECRET, body), body=bytes(flipped)) == "signature"


@given(st.sampled_from(sorted(PATTERNS)), st.text(max_size=200))
def test_headers_of_any_text_are_refused_and_never_fail_otherwise(header: str, text: str):
    headers = sign_headers(SECRET, BODY)
    if text != headers[header] and header in {CLIENT, TIMESTAMP, NONCE, SIGNATURE}:
        assert refuse(headers | {header: text}) == "signature"


def test_another_path_method_or_client_is_refused():
    headers = sign_headers(SECRET, BODY)
    assert refuse(headers, path="/facebook/data-deletion") == "signature"
    assert refuse(headers, method="PUT") == "signature"
    assert refuse(headers | {CLIENT: "other"}) == "signature"
    assert refuse(headers, clients={}) == "signature"
    assert refuse(sign_headers(OTHER, BODY)) == "signature"


@pytest.mark.parametrize("header", sorted(PATTERNS))
def test_each_header_is_needed(header: str):
    headers = sign_headers(SECRET, BODY)
    del headers[header]
    assert refuse(headers) == "signature"


@pytest.mark.parametrize("seconds", [-302, 302, 10**6])
def test_a_signed_time_too_far_from_now_is_refused(seconds: int):
    headers = sign_headers(SECRET, BODY, timestamp=str(int(NOW.timestamp()) + seconds))
    assert refuse(headers) == "timestamp"


@pytest.mark.parametrize("seconds", [-298, 298])
def test_clocks_may_be_five_minutes_off(seconds: int):
    check(sign_headers(SECRET, BODY, timestamp=str(int(NOW.timestamp()) + seconds)))


def test_what_nobody_signed_is_compared_in_constant_time():
    for function in (require_signed, read_facebook_request):
        source = inspect.getsource(function)
        assert "hmac.compare_digest" in source
    assert "NOBODYS_SECRET" in inspect.getsource(require_signed)  # a client that is not known takes as long
    assert "==" not in inspect.getsource(signing.sign)


def read(signed_request: str, *, secret: Secret = FACEBOOK, now: datetime | None = None) -> str:
    return read_facebook_request(signed_request, secret, now or datetime.now(UTC))


def refuse_facebook(signed_request: str, **changes) -> str:
    with pytest.raises(SignatureRefusedError) as refused:
        read(signed_request, **changes)
    return refused.value.cause


def test_facebooks_signed_request_names_its_user():
    assert read(sign_for_facebook(facebook_payload("123"))) == "123"
    assert read(sign_for_facebook({"algorithm": "HMAC-SHA256", "user_id": 123})) == "123"


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=6))
def test_any_flipped_bit_of_facebooks_signed_request_is_refused(position: int, bit: int):
    signed_request = sign_for_facebook(facebook_payload())
    flipped = flip(signed_request, position, bit)
    if flipped.partition(".")[0].rstrip("=") != signed_request.partition(".")[0] or "." not in flipped:
        assert refuse_facebook(flipped) == "signature"
    else:
        assert refuse_facebook(flipped) in {"signature", "payload"}


@given(st.text(max_size=300))
def test_any_other_text_is_refused(text: str):
    refuse_facebook(text)


@given(st.binary(max_size=300))
def test_any_signed_payload_but_a_users_is_refused_and_never_fails_otherwise(payload: bytes):
    refuse_facebook(sign_for_facebook(payload))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"algorithm": "HMAC-SHA1"}, "signature"),
        ({"algorithm": "none"}, "signature"),
        ({"algorithm": None}, "signature"),
        ({"issued_at": int(time.time()) - 3700}, "timestamp"),
        ({"issued_at": int(time.time()) + 3700}, "timestamp"),
        ({"issued_at": 10**400}, "timestamp"),
        ({"issued_at": "now"}, "payload"),
        ({"issued_at": True}, "payload"),
        ({"user_id": ""}, "payload"),
        ({"user_id": None}, "payload"),
        ({"user_id": True}, "payload"),
        ({"user_id": ["1"]}, "payload"),
        ({"user_id": "../../etc/passwd"}, "payload"),
        ({"user_id": "1" * 65}, "payload"),
    ],
)
def test_signed_payloads_that_are_not_facebooks_are_refused(changes: dict, cause: str):
    assert refuse_facebook(sign_for_facebook(facebook_payload() | changes)) == cause


def test_another_secret_is_refused_and_so_is_a_signature_of_what_is_not_the_payload():
    signed_request = sign_for_facebook(facebook_payload())
    assert refuse_facebook(signed_request, secret=Secret("another secret, as long as it")) == "signature"
    other = sign_for_facebook(facebook_payload("999")).partition(".")[2]
    assert refuse_facebook(f"{signed_request.partition('.')[0]}.{other}") == "signature"


def test_a_signed_request_expires_after_an_hour():
    signed_request = sign_for_facebook(facebook_payload())
    read(signed_request, now=datetime.now(UTC) + timedelta(minutes=59))
    assert refuse_facebook(signed_request, now=datetime.now(UTC) + timedelta(minutes=62)) == "timestamp"


def test_padding_that_some_libraries_add_is_allowed():
    signature, _, payload = sign_for_facebook(facebook_payload("42")).partition(".")
    assert base64.urlsafe_b64decode(f"{signature}=")
    assert read(f"{signature}=.{payload}") == "42"
