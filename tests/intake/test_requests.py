"""What a client's signed request comes to: filed once, answered the same, and refused without a word of it."""

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from anonymization.keyring import Secret
from pipelines.control.requests import get_request, list_requests
from pipelines.deletion.request import identify_subject, unseal_subject
from pipelines.intake.signing import IDEMPOTENCY_KEY
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.house import open_house
from pipelines.journeys.intake_secrets import make_client_secret
from pipelines.journeys.keys import rotate_key
from tests.intake.calls import SHOP, Service, deletion, sign_headers

SCRIPT = "<script>alert(1)</script>"
TRICKS = ["../../etc/passwd", "%2e%2e%2f", "..\\..\\windows", "a\nb", "a\x00b", "'; DROP TABLE deletion_requests; --"]


def count_requests(service: Service) -> int:
    return len(list_requests(service.house.ledger))


def require_problem(response, status: int, name: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:tokumei:problem:{name}"


def test_a_deletion_is_filed_with_its_facts_and_answered_with_a_code(service: Service):
    facts = {"open_listings": 0, "open_trades": 2, "last_transaction_date": "2026-10-01"}
    answer = service.file(deletion("u000777", facts=facts, channel="phone"))

    assert answer.status_code == 202
    assert set(answer.json()) == {"request_id", "confirmation_code", "status_url"}
    assert answer.json()["status_url"].endswith(f"/status/{answer.json()['confirmation_code']}")
    request = get_request(service.house.ledger, answer.json()["request_id"])
    assert (request.state, request.channel) == ("received", "phone")
    assert request.requested_at == datetime(2026, 11, 22, tzinfo=UTC)
    subject = unseal_subject(request, service.house.keyring)
    assert subject.users == identify_subject("u000777", service.house.keyring).users
    assert subject.facts is not None
    assert subject.facts.open_trades == 2


def test_the_same_key_gets_the_same_answer_and_files_nothing_twice(service: Service):
    first = service.file(deletion(), key="the-same-key")
    before = count_requests(service)
    again = service.file(json.dumps(deletion(), indent=3).encode(), key="the-same-key")
    assert (again.status_code, again.content) == (202, first.content)
    assert count_requests(service) == before


def test_the_same_key_with_other_content_is_a_conflict(service: Service):
    service.file(deletion("u000001"), key="a-key-of-two-minds")
    before = count_requests(service)
    require_problem(service.file(deletion("u000002"), key="a-key-of-two-minds"), 409, "key-reused")
    assert count_requests(service) == before


def test_the_same_key_of_another_client_is_another_request(service: Service):
    first = service.file(deletion(), key="shared-key")
    make_client_secret(service.settings, "call-centre", renew=False)
    from pipelines.control.desk_secrets import open_desk_secrets

    body = json.dumps(deletion()).encode()
    secret = open_desk_secrets(service.settings).clients["call-centre"]
    headers = sign_headers(secret, body, key="shared-key", client="call-centre")
    other = service.request("POST", "/requests", content=body, headers=headers)
    assert other.status_code == 202
    assert other.json()["request_id"] != first.json()["request_id"]


def test_a_replayed_request_is_refused_byte_for_byte(service: Service):
    body = json.dumps(deletion()).encode()
    headers = sign_headers(service.secret, body)
    assert service.request("POST", "/requests", content=body, headers=headers).status_code == 202
    before = count_requests(service)
    require_problem(service.request("POST", "/requests", content=body, headers=headers), 401, "nonce")
    other_key = headers | {IDEMPOTENCY_KEY: "another-key"}
    require_problem(service.request("POST", "/requests", content=body, headers=other_key), 401, "nonce")
    assert count_requests(service) == before


def test_a_replay_at_the_same_moment_is_filed_once(service: Service):
    body = json.dumps(deletion("u000500")).encode()
    headers = sign_headers(service.secret, body)
    before = count_requests(service)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: service.request("POST", "/requests", content=body, headers=headers), range(8))
        )
    assert sorted(answer.status_code for answer in answers) == [202, *[401] * 7]
    assert count_requests(service) == before + 1


def test_forged_expired_and_wrongly_signed_requests_are_refused_and_file_nothing(service: Service):
    before, body = count_requests(service), json.dumps(deletion()).encode()
    forged = sign_headers(Secret(secrets.token_urlsafe(32)), body)
    require_problem(service.request("POST", "/requests", content=body, headers=forged), 401, "signature")
    require_problem(service.file(deletion(), client="nobody"), 401, "signature")
    require_problem(service.file(deletion(), timestamp=str(int(time.time()) - 400)), 401, "timestamp")
    require_problem(service.request("POST", "/requests", json=deletion()), 401, "signature")
    assert count_requests(service) == before


def test_a_stranger_is_told_the_same_whatever_is_wrong(service: Service):
    body = json.dumps(deletion()).encode()
    unknown = service.file(deletion(), client="nobody")
    wrong = service.request("POST", "/requests", content=body, headers=sign_headers(Secret("wrong"), body))
    bare = service.request("POST", "/requests", content=b"not even JSON")
    assert unknown.content == wrong.content == bare.content
    assert {name for name in unknown.headers if name != "date"} == {name for name in bare.headers if name != "date"}


def test_a_renewed_secret_voids_the_old_one(found_service):
    service = found_service()
    old, body = service.secret, json.dumps(deletion()).encode()
    make_client_secret(service.settings, SHOP, renew=True)
    require_problem(
        service.request("POST", "/requests", content=body, headers=sign_headers(old, body)), 401, "signature"
    )
    assert service.file(deletion()).status_code == 202


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"{",
        b"[]",
        b'"\xff"',
        b"[" * 60_000,
        deletion(user_id=""),
        deletion(user_id=" \u2003 "),
        deletion(user_id="x" * 129),
        deletion(user_id=12),
        deletion(user_id="\ud800"),
        deletion(kind="erase"),
        deletion(channel="facebook"),
        deletion(channel="restore"),
        deletion(requested_at="2026-11-22"),
        deletion(requested_at="2026-11-22T09:00:00"),
        deletion(requested_at="0001-01-01T00:00:00+14:00"),
        deletion(requested_at="2020-01-01T00:00:00+09:00"),
        deletion(unknown="field"),
        deletion(facts={"open_trades": -1}),
        deletion(facts={"open_trades": 10**30}),
        deletion(detail={"attribute": "csat", "value": "4"}),
        deletion(kind="access", facts={"open_trades": 1}),
        deletion(kind="correct"),
        deletion(kind="correct", detail={"attribute": "csat'; --", "value": "4"}),
        deletion(contact={"channel": "sms", "address": "javascript:alert(1)", "language": "en"}),
        deletion(contact={"channel": "email", "address": "a@b.example\r\nBcc: c@d.example", "language": "en"}),
        deletion(contact={"channel": "email", "address": "member@example.jp", "language": "fr"}),
        deletion(contact={"channel": "fax", "address": "0312345678", "language": "ja"}),
    ],
)
def test_a_body_that_does_not_fit_is_refused_and_nothing_of_it_is_told(service: Service, asked):
    before = count_requests(service)
    answer = service.file(asked)
    require_problem(answer, 422, "invalid")
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert count_requests(service) == before


@pytest.mark.parametrize("text", [SCRIPT, *TRICKS])
@pytest.mark.parametrize("field", ["user_id", "kind", "channel", "requested_at"])
def test_script_and_path_tricks_in_any_field_are_never_reflected(service: Service, field: str, text: str):
    answer = service.file(deletion(**{field: text}))
    assert answer.status_code in {202, 422}
    assert text not in answer.text
    if answer.status_code == 202:
        page = service.look_up(answer.json()["confirmation_code"])
        assert "<script" not in page.text
        assert text not in page.text


def test_a_moment_to_come_is_taken_as_now(service: Service):
    ahead = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    answer = service.file(deletion(requested_at=ahead))
    assert get_request(service.house.ledger, answer.json()["request_id"]).requested_at <= datetime.now(UTC)


def test_who_is_not_known_is_filed_like_anybody_else(service: Service):
    known, unknown = service.file(deletion("u000123")), service.file(deletion("nobody-of-ours"))
    assert known.status_code == unknown.status_code == 202
    assert known.json().keys() == unknown.json().keys()
    assert service.standing(known.json()["confirmation_code"]) == service.standing(unknown.json()["confirmation_code"])
    decide_requests(open_house(service.settings))


def test_a_key_rotated_meanwhile_is_known_to_the_next_request(found_service):
    service = found_service()
    service.file(deletion("u000123"))
    rotate_key(service.settings, "usage")
    answer = service.file(deletion("u000123"))
    house = open_house(service.settings)
    subject = unseal_subject(get_request(house.ledger, answer.json()["request_id"]), house.keyring)
    assert len(subject.users["usage"]) == 2


def test_only_json_is_taken(service: Service):
    body = json.dumps(deletion()).encode()
    headers = sign_headers(service.secret, body) | {"content-type": "text/plain"}
    require_problem(service.request("POST", "/requests", content=body, headers=headers), 415, "media-type")


@pytest.mark.parametrize(
    "path", ["/", "/requests/", "/requests/1", "//requests", "/docs", "/../keys/desk_secrets.json"]
)
def test_there_is_nothing_anywhere_else(service: Service, path: str):
    require_problem(service.request("GET", path), 404, "not-found")


def test_other_methods_are_refused(service: Service):
    require_problem(service.request("GET", "/requests"), 405, "method")
    require_problem(service.request("DELETE", "/status/abc"), 405, "method")
