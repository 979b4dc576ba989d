"""Messages to a real gateway and a real endpoint: taken, refused, slow, pointing elsewhere, and talking too much."""

import gzip
import json
import socket
import time
from dataclasses import replace

import pytest

from anonymization.keyring import Secret
from pipelines.errors import DeliveryFailedError, DeliveryRefusedError
from pipelines.notices import posting
from pipelines.notices.sender import Outgoing
from pipelines.notices.sms import SmsGateway
from pipelines.notices.webhook import LONGEST_ANSWER, Webhook
from tests.unit.notices.conftest import MESSAGE_ID, PHONE, TEXT, answer, show_nothing_personal, tell_all_of

JWS = b"eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"


@pytest.fixture
def gateway(server) -> SmsGateway:
    return SmsGateway(server.url, Secret("top-secret"))


@pytest.fixture
def notice(server) -> Outgoing:
    return Outgoing(MESSAGE_ID, "webhook", server.url, "", "", JWS)


def confirm(message_id: object, status: int = 200):
    return lambda handler: answer(handler, status, json.dumps({"confirmed": message_id}).encode())


def test_gateway_gets_id_number_and_text_under_our_token(server, gateway, text_message):
    gateway.send(text_message)

    [arrival] = server.arrivals
    assert json.loads(arrival.content) == {"id": MESSAGE_ID, "to": PHONE, "text": TEXT}
    assert arrival.headers["Authorization"] == "Bearer top-secret"
    assert arrival.headers["Idempotency-Key"] == MESSAGE_ID
    assert arrival.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_means_that_it_was_taken(server, gateway, text_message, status: int):
    server.reply = lambda handler: answer(handler, status)

    assert gateway.send(text_message) is None


@pytest.mark.parametrize("status", [401, 407, 408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(server, gateway, text_message, status: int):
    server.reply = lambda handler: answer(handler, status, f"no {PHONE}".encode())

    with pytest.raises(DeliveryFailedError, match=f"status {status}") as caught:
        gateway.send(text_message)

    show_nothing_personal(tell_all_of(caught.value))


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 415, 422])
def test_what_the_gateway_refuses_is_not_tried_again(server, gateway, text_message, status: int):
    server.reply = lambda handler: answer(handler, status, f"no {PHONE}".encode())

    with pytest.raises(DeliveryRefusedError, match=f"status {status}") as caught:
        gateway.send(text_message)

    show_nothing_personal(tell_all_of(caught.value))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(server, gateway, text_message, status: int):
    server.reply = lambda handler: answer(handler, status, Location=f"{server.url}/elsewhere")

    with pytest.raises(DeliveryFailedError, match="points elsewhere"):
        gateway.send(text_message)

    assert [arrival.path for arrival in server.arrivals] == ["/messages"]


def test_nobody_listening_is_tried_again(text_message):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/messages"
        with pytest.raises(DeliveryFailedError, match="did not answer") as caught:
            SmsGateway(url, Secret("top-secret")).send(text_message)

    show_nothing_personal(tell_all_of(caught.value))


def test_server_that_says_nothing_is_left_in_time(server, gateway, text_message, monkeypatch):
    monkeypatch.setattr(posting, "SECONDS", 0.3)
    server.reply = lambda _: time.sleep(2)
    started = time.monotonic()

    with pytest.raises(DeliveryFailedError, match="did not answer") as caught:
        gateway.send(text_message)

    assert time.monotonic() - started < 1.8
    show_nothing_personal(tell_all_of(caught.value))


def test_server_that_says_a_little_now_and_then_is_left_in_time(server, notice, monkeypatch):
    def drip(handler) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.05)

    monkeypatch.setattr(posting, "SECONDS", 0.5)
    server.reply = drip
    started = time.monotonic()

    with pytest.raises(DeliveryFailedError, match="did not answer"):
        Webhook().send(notice)

    assert time.monotonic() - started < 3


def test_ten_seconds_are_the_time_for_all_of_it():
    assert posting.SECONDS == 10


@pytest.mark.parametrize("status", [200, 422])
def test_gateway_that_talks_without_end_is_not_listened_to(server, gateway, text_message, status: int):
    def talk(handler) -> None:
        handler.send_response(status)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)

    server.reply = talk
    if status == 200:
        gateway.send(text_message)
    else:
        with pytest.raises(DeliveryRefusedError):
            gateway.send(text_message)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "09012345678",
        "+81",
        "+8190123456789012",
        "+819012345678\n",
        "+819012345678\r\nX: y",
        "+81 90 1234 5678",
        "＋819012345678",
    ],
)
def test_only_a_telephone_number_is_given_to_the_gateway(server, gateway, text_message, address: str):
    with pytest.raises(DeliveryRefusedError, match="no telephone number") as caught:
        gateway.send(replace(text_message, address=address))

    assert server.arrivals == []
    assert not address.strip() or address not in tell_all_of(caught.value)


def test_recipient_gets_the_signed_notice_as_it_is(server, notice):
    Webhook().send(notice)

    [arrival] = server.arrivals
    assert arrival.content == JWS
    assert arrival.headers["Content-Type"] == "application/jose"
    assert arrival.headers["Idempotency-Key"] == MESSAGE_ID
    assert "Authorization" not in arrival.headers


def test_recipient_confirms_by_naming_the_notice(server, notice):
    server.reply = confirm(MESSAGE_ID)

    assert Webhook().send(notice) is True


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ok",
        b"[]",
        b'"confirmed"',
        b"[" * LONGEST_ANSWER,
        b"\xff\xfe",
        json.dumps({"confirmed": "another"}).encode(),
        json.dumps({"confirmed": [MESSAGE_ID]}).encode(),
        json.dumps({"confirmed": True}).encode(),
        gzip.compress(json.dumps({"confirmed": MESSAGE_ID}).encode()),
        json.dumps({"confirmed": MESSAGE_ID, "more": "x" * LONGEST_ANSWER}).encode(),
    ],
)
def test_any_other_answer_took_the_notice_and_confirms_nothing(server, notice, content: bytes):
    server.reply = lambda handler: answer(handler, 200, content)

    assert Webhook().send(notice) is False


@pytest.mark.parametrize("status", [201, 202])
def test_only_200_confirms(server, notice, status: int):
    server.reply = confirm(MESSAGE_ID, status)

    assert Webhook().send(notice) is False


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://",
        "http://recipient.example/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "https://user:pass@recipient.example/x",
        "https://recipient.example/x\r\nX: y",
        "https://recipient.example:notaport/x",
        "https://" + "a" * 500,
    ],
)
def test_notice_goes_to_no_endpoint_that_others_could_read(notice, endpoint: str):
    with pytest.raises(DeliveryRefusedError, match="no https URL") as caught:
        Webhook().send(replace(notice, address=endpoint))

    assert not endpoint or endpoint not in tell_all_of(caught.value)


def test_notice_without_content_is_refused(server, notice):
    with pytest.raises(DeliveryRefusedError, match="no content"):
        Webhook().send(replace(notice, content=None))

    assert server.arrivals == []


def test_gateway_and_message_show_neither_token_nor_address(gateway, text_message):
    show_nothing_personal(f"{gateway!r} {text_message!r}")
