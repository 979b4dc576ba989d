"""Too much, too often, too slow, or while the ledger is away: refused early, in words that tell nothing."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.intake.guard import Guard
from pipelines.intake.rates import MOST_ASKERS, Buckets, Limits, Rate, name_asker
from tests.intake.calls import PLENTY, Service, deletion, facebook_payload, sign_for_facebook

MANY = 10**6
TEN_MEGABYTES = 10 * 2**20


def limited(**rates: Rate) -> Limits:
    return Limits(**({"address": Rate(MANY, MANY), "pages": Rate(MANY, MANY), "client": Rate(MANY, MANY)} | rates))


def require_too_many(answer) -> None:
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"


def test_one_address_may_ask_so_often_and_others_are_not_kept_waiting(found_service):
    service: Service = found_service(limits=limited(address=Rate(3, 0)))
    assert [service.request("GET", "/nothing").status_code for _ in range(3)] == [404] * 3
    require_too_many(service.request("GET", "/nothing"))
    service.address = "203.0.113.8"
    assert service.request("GET", "/nothing").status_code == 404


def test_status_pages_are_asked_for_less_often(found_service):
    service: Service = found_service(limits=limited(pages=Rate(2, 0)))
    assert [service.look_up("a").status_code for _ in range(3)] == [404, 404, 429]
    assert service.file(deletion()).status_code == 202


def test_one_client_may_file_so_often_wherever_it_calls_from_and_forgers_do_not_use_it_up(found_service):
    service: Service = found_service(limits=limited(client=Rate(2, 0)))
    assert service.request("POST", "/requests", json=deletion()).status_code == 401
    assert [service.file(deletion()).status_code for _ in range(2)] == [202, 202]
    service.address = "203.0.113.9"
    require_too_many(service.file(deletion()))
    assert service.call_back(sign_for_facebook(facebook_payload())).status_code == 200


def test_buckets_refill_and_forget_who_asked_longest_ago():
    now = [0.0]
    buckets = Buckets(Rate(2, 0.5), lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    now[0] = 2.1
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    for number in range(MOST_ASKERS):
        buckets.take(str(number))
    assert len(buckets._levels) == MOST_ASKERS
    assert "a" not in buckets._levels


def test_a_home_with_many_addresses_is_one_asker():
    assert name_asker("2001:db8:1:2::1") == name_asker("2001:db8:1:2:ffff::9") != name_asker("2001:db8:1:3::1")
    assert name_asker("203.0.113.7") == "203.0.113.7"
    assert name_asker("no address") == name_asker("") == ""


def test_a_body_that_says_it_is_too_large_is_not_read(found_service):
    service: Service = found_service()
    answer = service.request("POST", "/requests", content=b"x" * (64 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert service.request("POST", "/requests", content=b"x" * 64 * 1024).status_code == 401
    odd = service.request("POST", "/requests", content=b"x", headers={"content-length": "-1"})
    assert odd.status_code == 413


def call_guard(receive, limits: Limits = PLENTY) -> list[dict]:
    async def never(scope, receive, send):
        raise AssertionError("this body goes nowhere")

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/requests", "headers": [], "client": ("203.0.113.7", 1)}
    asyncio.run(Guard(never, limits)(scope, receive, send))
    return sent


def test_a_body_without_a_length_is_cut_off_after_its_limit():
    given = [0]

    async def receive():
        given[0] += 1
        return {"type": "http.request", "body": b"x" * 16 * 1024, "more_body": True}

    assert call_guard(receive)[0]["status"] == 413
    assert given[0] == 5


def test_a_body_that_drips_is_not_waited_for():
    async def receive():
        await asyncio.sleep(60)

    assert call_guard(receive, Limits(body_seconds=0.05))[0]["status"] == 408


def test_what_nobody_foresaw_is_a_defect_and_its_words_go_nowhere(caplog):
    async def fail(scope, receive, send):
        raise RuntimeError("u000123 in the words of some library")

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/status/ABC", "headers": [], "client": None}
    asyncio.run(Guard(fail, PLENTY)(scope, receive, send))
    assert sent[0]["status"] == 500
    assert "u000123" not in caplog.text + str(sent)
    assert "RuntimeError" in caplog.text


MEASURE = """
import asyncio, resource, sys
from pipelines.intake.guard import Guard
from pipelines.intake.rates import Limits

async def application(scope, receive, send):
    raise AssertionError

async def main():
    guard = Guard(application, Limits())
    async def send(message): pass
    async def receive(): return {"type": "http.request", "body": b"x" * 2**20, "more_body": True}
    scope = {"type": "http", "method": "POST", "path": "/requests", "headers": [], "client": None}
    await guard(scope, receive, send)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(150):
        await guard(scope, receive, send)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_memory_is_flat_however_much_is_sent():
    measured = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True)
    assert int(measured.stdout) < 8 * 1024  # KiB


def require_unavailable(answer) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert "ledger" not in answer.text


def test_while_the_ledger_is_busy_nothing_is_lost_and_then_all_goes_on(found_service):
    service: Service = found_service(wait_seconds=1)
    code = service.file(deletion(), key="the-first-one").json()["confirmation_code"]
    other = sqlite3.connect(service.settings.home / "control.db")
    other.execute("BEGIN EXCLUSIVE")
    require_unavailable(service.file(deletion(), key="a-busy-day"))
    require_unavailable(service.call_back(sign_for_facebook(facebook_payload())))
    page = service.look_up(code, {"accept-language": "en"})
    assert page.status_code == 503
    assert "not available now" in page.text
    require_unavailable(service.look_up(code, {"accept": "application/json"}))
    other.rollback()
    other.close()
    assert service.file(deletion(), key="a-busy-day").status_code == 202
    assert service.look_up(code).status_code == 200


def test_a_service_that_starts_before_its_ledger_serves_once_that_is_there(found_service):
    service: Service = found_service(wait_seconds=1)
    ledger: Path = service.settings.home / "control.db"
    service.house.ledger.dispose()
    ledger.rename(ledger.with_suffix(".away"))
    ledger.write_bytes(b"this is no ledger" * 100)
    require_unavailable(service.file(deletion()))
    ledger.unlink()
    ledger.with_suffix(".away").rename(ledger)
    assert service.file(deletion()).status_code == 202


def test_without_keys_nothing_is_filed(found_service):
    service: Service = found_service()
    secret = service.secret
    keys = service.settings.home / "keys"
    shutil.move(keys / "keyring.json", keys / "keyring.away")
    from tests.intake.calls import sign_headers

    body = json.dumps(deletion()).encode()
    answer = service.request("POST", "/requests", content=body, headers=sign_headers(secret, body))
    require_unavailable(answer)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff"])
def test_without_secrets_nobody_is_believed(found_service, content: bytes):
    service: Service = found_service()
    service.settings.desk_secrets_file.write_bytes(content)
    require_unavailable(service.request("POST", "/requests", json=deletion()))
