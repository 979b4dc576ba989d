"""The status page: what its holder may know, in two languages, and one answer for whoever guesses."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.control.desk_tables import rights_requests, status_codes
from pipelines.control.intake import forget_receipts
from pipelines.control.ledger import deletion_requests, transaction
from pipelines.intake.pages import choose_language, prefers_json
from pipelines.intake.standing import IN_PROGRESS, REASONS, STATES, read_texts
from pipelines.journeys.decide import refuse_request
from pipelines.journeys.intake import CODE_LIFE
from pipelines.journeys.retain import retain
from tests.intake.calls import Service, deletion

JSON = {"accept": "application/json"}
SCRIPT = "<script>alert('1')</script>"


@pytest.fixture(scope="module")
def code(service: Service) -> str:
    return service.file(deletion()).json()["confirmation_code"]


def file(service: Service) -> tuple[str, str]:
    answer = service.file(deletion()).json()
    return answer["request_id"], answer["confirmation_code"]


def change(service: Service, request_id: str, **values) -> None:
    with transaction(service.house.ledger) as connection:
        own = deletion_requests.c.request_id == request_id
        connection.execute(sa.update(deletion_requests).where(own).values(**values))


def test_only_the_digest_of_a_code_is_stored(service: Service, code: str):
    assert re.fullmatch("[A-Z2-7]{24}", code)
    assert code.encode() not in (service.settings.home / "control.db").read_bytes()


def test_every_wrong_code_gets_the_same_page_byte_for_byte(service: Service, code: str):
    wrong = [
        code[::-1],
        f"{code}A",
        code[:-1],
        code.lower(),
        "A" * 24,
        "a",
        "0",
        "x" * 3000,
        "..%2f..%2fetc%2fpasswd",
        "a/b/c",
        "%00",
        "%ff%fe",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "%0d%0aSet-Cookie:%20a=b",
        "",
    ]
    for headers in ({}, JSON, {"accept-language": "en"}):
        answers = [service.look_up(each, headers) for each in wrong]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
        assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_an_expired_code_is_like_any_wrong_one(service: Service):
    request_id, code = file(service)
    refuse_request(service.house, request_id, reason="unverified", refused_by="officer")
    assert service.look_up(code).status_code == 200
    with transaction(service.house.ledger) as connection:
        own = status_codes.c.request_id == request_id
        long_ago = datetime.now(UTC) - CODE_LIFE - timedelta(days=1)
        connection.execute(sa.update(status_codes).where(own).values(issued_at=long_ago))
    assert service.look_up(code).content == service.look_up("A" * 24).content


def test_an_open_request_keeps_its_page_however_long_it_takes(service: Service):
    request_id, code = file(service)
    with transaction(service.house.ledger) as connection:
        own = status_codes.c.request_id == request_id
        connection.execute(sa.update(status_codes).where(own).values(issued_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert service.look_up(code).status_code == 200


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("received", "received"),
        ("waiting", "waiting"),
        *((state, IN_PROGRESS) for state in ("ready", "planned", "approved", "running", "verifying")),
        ("held", "held"),
        ("completed", "completed"),
        ("refused", "refused"),
    ],
)
def test_each_state_is_told_in_words_that_its_holder_needs(service: Service, state: str, shown: str):
    request_id, code = file(service)
    change(service, request_id, state=state, reason="plan 0123456789ab")
    for language, texts in read_texts().items():
        page = service.look_up(code, {"accept-language": language}).text
        assert texts[f"says.{shown}"] in page
    assert service.standing(code)["state"] == shown
    assert ("plan" in str(service.standing(code)["reason"])) == (shown in {"waiting", "refused"})


@pytest.mark.parametrize(("reason", "key"), REASONS.items())
def test_reasons_are_told_in_both_languages(service: Service, reason: str, key: str):
    request_id, code = file(service)
    change(service, request_id, state="waiting", reason=f"{reason}, by account facts of 2026-11-20")
    for language, texts in read_texts().items():
        page = service.look_up(code, {"accept-language": language}).text
        assert texts[f"reason.{key}"] in page
        assert "account facts of" not in page


def test_an_officers_own_words_are_told_and_escaped(service: Service):
    request_id, code = file(service)
    refuse_request(service.house, request_id, reason=f"harm: {SCRIPT}", refused_by="officer")
    page = service.look_up(code, {"accept-language": "en"}).text
    assert "It could harm the life" in page
    assert "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;" in page
    assert "<script" not in page


def test_words_that_begin_like_a_ground_are_not_taken_for_it(service: Service):
    request_id, code = file(service)
    refuse_request(service.house, request_id, reason="harmless request", refused_by="officer")
    assert service.standing(code)["reason"] == "harmless request"


def test_dates_say_what_comes_next_and_nothing_else(service: Service):
    request_id, code = file(service)
    change(service, request_id, state="waiting", eligible_on=datetime(2026, 12, 5, tzinfo=UTC).date())
    assert service.standing(code) == {
        "kind": "deletion",
        "state": "waiting",
        "reason": None,
        "asked_on": "2026-11-22",
        "due_on": "2026-12-22",
        "eligible_on": "2026-12-05",
        "completed_on": None,
    }
    change(service, request_id, state="completed", completed_at=datetime(2026, 12, 5, 16, tzinfo=UTC))
    assert service.standing(code)["completed_on"] == "2026-12-06"  # the service's day
    assert service.standing(code)["due_on"] is None


def test_other_rights_have_a_page_too(service: Service):
    request_id, code = file(service)
    row = {"request_id": request_id, "request_key": "a-right", "kind": "access", "channel": "web", "state": "planned"}
    row |= {"requested_at": datetime.now(UTC), "requested_by": "shop", "known_keys": "", "due_on": date(2027, 1, 2)}
    with transaction(service.house.ledger) as connection:
        connection.execute(sa.delete(deletion_requests).where(deletion_requests.c.request_id == request_id))
        connection.execute(sa.insert(rights_requests).values(row))
    assert service.standing(code)["kind"] == "access"
    assert service.standing(code)["due_on"] == "2027-01-02"
    assert "データの開示" in service.look_up(code, {"accept-language": "ja"}).text


def test_pages_are_nobodys_to_keep_index_frame_or_script(service: Service, code: str):
    for answer in (service.look_up(code), service.look_up("wrong")):
        assert answer.headers["cache-control"] == "no-store"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", answer.text)
        assert code not in answer.text
        assert "server" not in answer.headers


def test_the_language_is_the_readers_and_lang_decides(service: Service, code: str):
    assert 'lang="ja"' in service.look_up(code).text
    assert 'lang="en"' in service.look_up(code, {"accept-language": "en-GB,en;q=0.9,ja;q=0.8"}).text
    assert '<html lang="ja">' in service.look_up(f"{code}?lang=ja", {"accept-language": "en"}).text
    assert '<html lang="en">' in service.look_up(f"{code}?lang=en").text
    assert '<html lang="ja">' in service.look_up(f"{code}?lang=<script>").text


def test_both_languages_say_the_same_things():
    texts = read_texts()
    assert texts["en"].keys() == texts["ja"].keys()
    assert {f"says.{state}" for state in (*STATES.values(), IN_PROGRESS)} <= texts["en"].keys()
    assert {f"reason.{key}" for key in REASONS.values()} <= texts["en"].keys()


@given(st.text(max_size=100))
def test_any_header_chooses_something(header: str):
    assert choose_language(None, header) in {"en", "ja"}
    assert prefers_json(header) in {True, False}


@given(st.text(max_size=60))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_the_place_of_a_code_is_no_more_than_wrong(service: Service, text: str):
    from urllib.parse import quote

    answer = service.look_up(quote(text.encode(errors="surrogatepass"), safe=""), JSON)
    assert answer.status_code == 404
    assert json.loads(answer.content)["type"] == "urn:tokumei:problem:not-found"


def test_codes_that_are_not_valid_any_more_are_forgotten_with_their_answers(found_service):
    service = found_service()
    request_id, _ = file(service)
    now = service.house.now()
    assert forget_receipts(service.house.ledger, now + timedelta(seconds=1)) == 0  # it is still open
    change(service, request_id, state="refused")
    assert forget_receipts(service.house.ledger, now - CODE_LIFE) == 0
    assert forget_receipts(service.house.ledger, now + timedelta(seconds=1)) == 1
    with service.house.ledger.connect() as connection:
        assert connection.execute(sa.select(status_codes)).all() == []
    assert retain(service.house).tables
