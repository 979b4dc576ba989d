"""A killed service has lost nothing that it answered, and finishes what it did not answer when it is asked again."""

import random
import socket
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from pipelines.control import intake
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.control.desk_tables import intake_nonces, intake_receipts, status_codes
from pipelines.control.ledger import open_ledger, transaction
from pipelines.control.requests import list_requests
from tests.intake.calls import SHOP, deletion, facebook_payload, found_settings, sign_for_facebook, sign_headers
from tests.intake.served import Served

ASKED = 50


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    served = Served(tmp_path / "home")
    yield served
    if served.process is not None:
        served.kill()


def count(ledger, table) -> int:
    with transaction(ledger) as connection:
        return len(connection.execute(table.select()).all())


@pytest.mark.slow
def test_a_service_killed_right_after_its_answer_has_lost_nothing(served: Served, tmp_path):
    settings = found_settings(served.home)
    secret = open_desk_secrets(settings).clients[SHOP]
    served.start(tmp_path / "log")
    body = b'{"kind":"deletion","user_id":"u000123","requested_at":"2026-11-22T09:00:00+09:00","channel":"web"}'
    headers = sign_headers(secret, body, key="a-key-that-survives")
    answer = httpx.post(f"{served.url}/requests", content=body, headers=headers, timeout=30)
    served.kill()

    ledger = open_ledger(settings.control_url)
    assert answer.status_code == 202
    assert [each.request_id for each in list_requests(ledger)] == [answer.json()["request_id"]]
    assert [count(ledger, table) for table in (intake_receipts, intake_nonces, status_codes)] == [1, 1, 1]
    ledger.dispose()

    served.start(tmp_path / "log")
    replayed = httpx.post(f"{served.url}/requests", content=body, headers=headers, timeout=30)
    assert replayed.status_code == 401
    headers = sign_headers(secret, body, key="a-key-that-survives")
    again = httpx.post(f"{served.url}/requests", content=body, headers=headers, timeout=30)
    assert (again.status_code, again.json()) == (202, answer.json())
    page = httpx.get(f"{served.url}/status/{answer.json()['confirmation_code']}", timeout=30)
    assert page.status_code == 200
    assert "server" not in page.headers

    form = {"signed_request": sign_for_facebook(facebook_payload())}
    called = httpx.post(f"{served.url}/facebook/data-deletion", data=form, timeout=30)
    served.kill()
    assert called.status_code == 200
    assert {each.channel for each in list_requests(open_ledger(settings.control_url))} == {"web", "facebook"}

    told = (tmp_path / "log").read_text()
    assert not any(word in told for word in ("u000123", "127.0.0.1", "/requests", answer.json()["confirmation_code"]))


@pytest.mark.slow
def test_ten_megabytes_are_cut_off_by_the_real_server(served: Served, tmp_path):
    found_settings(served.home)
    served.start(tmp_path / "log")
    sent, piece = 0, b"x" * 64 * 1024
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(b"POST /requests HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while sent < 10 * 2**20:
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                sent += len(piece)
        except OSError:
            pass
        connection.settimeout(20)
        try:
            answer = connection.recv(65536)
        except OSError:
            answer = b""
    assert sent < 10 * 2**20 or answer.startswith(b"HTTP/1.1 413")
    assert httpx.get(f"{served.url}/status/a", timeout=20).status_code == 404


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_fifty_requests_under_random_kills_none_that_was_answered_is_lost(served: Served, tmp_path):
    settings = found_settings(served.home)
    secret = open_desk_secrets(settings).clients[SHOP]
    served.start(tmp_path / "log")
    answers: dict[str, dict] = {}
    chance, is_over = random.Random(7), threading.Event()

    def kill_now_and_then() -> None:
        for _ in range(3):
            if is_over.wait(chance.uniform(0.3, 1.5)):
                return
            served.kill()
            served.start(tmp_path / "log")

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    for number in range(ASKED):
        answers |= file_until_answered(served, secret, number)
        is_over.wait(0.05)
    is_over.set()
    killer.join()
    served.kill()

    ledger = open_ledger(settings.control_url)
    assert {each.request_id for each in list_requests(ledger)} == {each["request_id"] for each in answers.values()}
    assert len(answers) == count(ledger, intake_receipts) == count(ledger, status_codes) == ASKED


def file_until_answered(served: Served, secret, number: int) -> dict[str, dict]:
    """As a client does: again, signed anew, under the same key."""
    key = f"request-{number}"
    while True:
        try:
            answer = served.file(secret, deletion(f"u{number:06}"), key=key)
        except httpx.TransportError:
            served.wait()
            continue
        if answer.status_code == 202:
            return {key: answer.json()}
        assert answer.status_code == 503


def break_off(monkeypatch, name: str) -> Callable[[], None]:
    """Ends a transaction as a crash would, right before or after one of its steps."""
    work = getattr(intake, name)

    def work_and_break_off(*arguments, **options):
        work(*arguments, **options)
        raise OSError("the machine is gone")

    monkeypatch.setattr(intake, name, work_and_break_off)
    return lambda: monkeypatch.setattr(intake, name, work)


@pytest.mark.parametrize("step", ["_spend_nonce", "_issue_code"])
def test_what_a_crash_interrupts_leaves_nothing_and_the_same_key_finishes_it(found_service, monkeypatch, step: str):
    service = found_service()
    service.file(deletion("u000999"), key="so-that-the-house-is-open")
    mend = break_off(monkeypatch, step)
    assert service.file(deletion(), key="interrupted").status_code == 503
    ledger = service.house.ledger
    assert [count(ledger, table) for table in (intake_receipts, intake_nonces, status_codes)] == [1, 1, 1]
    assert len(list_requests(ledger)) == 1
    mend()
    assert service.file(deletion(), key="interrupted").status_code == 202
    assert len(list_requests(ledger)) == 2
