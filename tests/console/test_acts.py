"""What officers do at the console is done by the journeys, in their name, once; and a member's id is kept nowhere."""

import re
import shutil
from collections.abc import Iterator

import httpx
import pytest

from pipelines.control.holds import list_holds
from pipelines.control.requests import list_requests
from pipelines.journeys.house import House
from pipelines.proof.scan import scan
from tests.console.conftest import Town, open_client, plan, read_token, serve
from tests.console.landed import EVERYBODY, GONE, HOSTILE, MEMBERS, OPEN, WAITING
from tests.integration.houses import found_house

STRANGER = "u999999999"


@pytest.fixture(scope="module")
def own(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The same town in a copy that may be changed."""
    home = tmp_path_factory.mktemp("acts") / "home"
    shutil.copytree(town.house.settings.home, home)
    house = found_house(home, TOKUMEI_GUARD_SHARE=1)
    yield Town(house, town.ids)
    house.ledger.dispose()


@pytest.fixture(scope="module")
def address(own: Town) -> Iterator[str]:
    with serve(own.application()) as address:
        yield address


@pytest.fixture
def officer(address: str) -> Iterator[httpx.Client]:
    with open_client(address, "officer") as client:
        yield client


@pytest.fixture
def admin(address: str) -> Iterator[httpx.Client]:
    with open_client(address, "admin") as client:
        yield client


def send(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    token = read_token(client.get("/find").text)
    return client.post(path, data={"token": token, **fields}, follow_redirects=True)


def list_filed(house: House) -> dict[str, str]:
    return {request.request_id: request.state for request in list_requests(house.ledger)}


@pytest.mark.parametrize("name", [GONE, WAITING, OPEN])
def test_a_members_requests_are_found_by_their_id(officer: httpx.Client, own: Town, name: str):
    answer = send(officer, "/find", user_id=f" {name} ")
    assert answer.status_code == 200
    assert re.findall(r"/requests/([0-9a-f-]{36})", answer.text) == [own.ids[name]]


def test_a_right_that_is_open_is_found_by_its_members_id(officer: httpx.Client, own: Town):
    assert own.ids["access"] in send(officer, "/find", user_id=MEMBERS[0]).text


def test_who_never_asked_is_not_found(officer: httpx.Client):
    for user in (STRANGER, MEMBERS[1], HOSTILE, "%", "' or 1=1 --"):
        answer = send(officer, "/find", user_id=user)
        assert "No request of this member is known." in answer.text


def test_a_members_id_that_was_typed_is_in_no_answer_and_in_no_byte(
    officer: httpx.Client, own: Town, caplog: pytest.LogCaptureFixture
):
    key = re.search(r'name="request_key" value="([^"]+)"', officer.get("/file").text)[1]
    filing = {"kind": "deletion", "request_key": key, "user_id": STRANGER}
    answers = [send(officer, "/find", user_id=STRANGER), send(officer, "/find", user_id=f"{STRANGER}{'x' * 300}")]
    answers += [send(officer, "/file", **filing, requested_on="no day"), send(officer, "/file", **filing)]
    assert [answer.status_code for answer in answers] == [200, 400, 400, 200]
    assert not [answer for answer in answers if STRANGER in f"{answer.text}{answer.url}{answer.headers}"]
    own.house.ledger.dispose()
    home = own.house.settings.home
    assert scan([home], [STRANGER, *EVERYBODY], excluded=[home / "keys", home / "landing"]).clean
    assert STRANGER not in caplog.text


def test_filing_a_form_twice_files_it_once(officer: httpx.Client, own: Town):
    key = re.search(r'name="request_key" value="([^"]+)"', officer.get("/file").text)[1]
    before = len(list_filed(own.house))
    filing = {"kind": "deletion", "request_key": key, "user_id": MEMBERS[2], "open_trades": "0", "open_listings": ""}
    for _ in range(2):
        answer = send(officer, "/file", **filing)
        assert "The request is filed." in answer.text
    assert len(list_filed(own.house)) == before + 1


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "anything"}, {"user_id": ""}, {"request_key": "made up"}, {"open_trades": "-1"}, {"open_trades": "many"}],
)
def test_what_cannot_be_read_in_a_form_is_told_without_repeating_it(officer: httpx.Client, own: Town, wrong):
    key = re.search(r'name="request_key" value="([^"]+)"', officer.get("/file").text)[1]
    before = list_filed(own.house)
    answer = send(officer, "/file", **{"kind": "deletion", "request_key": key, "user_id": STRANGER, **wrong})
    assert answer.status_code == 400
    assert "Something in this form cannot be read" in answer.text
    assert list_filed(own.house) == before


def test_a_hold_is_placed_by_an_officer_and_released_by_an_administrator(
    officer: httpx.Client, admin: httpx.Client, own: Town
):
    answer = send(officer, "/holds", dataset="page_views", basis=HOSTILE, until="2099-12-31")
    assert "The hold is placed." in answer.text
    assert "<script>document" not in answer.text
    hold = next(hold for hold in list_holds(own.house.ledger) if hold.dataset == "page_views")
    assert (hold.placed_by, hold.legal_basis) == ("officer-of-test", HOSTILE)
    assert send(officer, f"/holds/{hold.hold_id}/release").status_code == 403
    assert "The hold is released." in send(admin, f"/holds/{hold.hold_id}/release").text
    again = send(admin, f"/holds/{hold.hold_id}/release")
    assert (again.status_code, "This was not done" in again.text) == (400, True)


@pytest.mark.parametrize(
    "wrong", [{"dataset": "../keys"}, {"until": "2001-01-01"}, {"until": "soon"}, {"basis": ""}, {"basis": "x" * 501}]
)
def test_a_hold_that_would_protect_nothing_is_not_placed(officer: httpx.Client, own: Town, wrong: dict[str, str]):
    before = list_holds(own.house.ledger)
    answer = send(officer, "/holds", **{"dataset": "page_views", "basis": "a case", "until": "2099-12-31", **wrong})
    assert answer.status_code == 400
    assert list_holds(own.house.ledger) == before


def test_approval_is_given_to_airflow_alone_and_only_for_the_plan_that_was_read(officer: httpx.Client, own: Town):
    place = f"/requests/{own.ids[OPEN]}"
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', officer.get(place).text)[1]
    stale = send(officer, f"{place}/approve", digest="0" * 64)
    assert (stale.status_code, "The plan has changed" in stale.text) == (409, True)
    unasked = send(officer, f"{place}/approve", digest=digest, note=HOSTILE)
    assert unasked.status_code >= 400
    assert "This was not done" in unasked.text
    assert list_filed(own.house)[own.ids[OPEN]] == "planned"


def test_two_officers_refuse_one_request_and_the_second_is_told(officer: httpx.Client, admin: httpx.Client, own: Town):
    place = f"/requests/{own.ids[OPEN]}"
    assert send(officer, f"{place}/refuse", reason="").status_code == 400
    done = send(officer, f"{place}/refuse", reason=HOSTILE)
    assert "The request is refused." in done.text
    assert "<script>document" not in done.text
    late = send(admin, f"{place}/refuse", reason="the account is in use")
    assert (late.status_code, "This was not done" in late.text) == (409, True)
    assert list_filed(own.house)[own.ids[OPEN]] == "refused"


def test_a_request_that_is_done_with_offers_nothing_to_do(officer: httpx.Client, own: Town):
    assert 'method="post"' not in officer.get(f"/requests/{own.ids[GONE]}").text
    assert send(officer, f"/requests/{own.ids[GONE]}/refuse", reason="too late").status_code == 409


def test_a_message_that_was_given_up_is_sent_again(admin: httpx.Client):
    assert "The message will be sent again." in send(admin, "/notices/message-0/retry").text
    assert send(admin, "/notices/nothing/retry").status_code in (400, 404, 409)


def test_every_act_is_noted_with_who_did_it(officer: httpx.Client):
    text = officer.get("/audits").text
    for words in ("looked for a member", "filed a deletion", "placed a hold", "released a hold", "refused a request"):
        assert words in text
    assert "admin-of-test" in text


def test_progress_is_told_as_the_plan_is_carried_out(officer: httpx.Client, own: Town):
    digest = plan(own.house)
    filed = next(each for each in list_requests(own.house.ledger, ("planned",)) if each.plan_digest == digest)
    told = officer.get(f"/requests/{filed.request_id}/progress", params={"lang": "ja"}).json()
    lake = [each for each in own.house.catalogue.layer("lake") if each.name != "survey_responses"]  # which is held
    total = sum(each.deletion_strategy in ("delete", "empty") for each in lake)
    assert told | {"words": ""} == {
        "state": "planned",
        "done": 0,
        "total": total,
        "state_name": "承認待ち",
        "words": "",
    }
    assert f"{total}表のうち0表" in told["words"]


@pytest.mark.parametrize(
    ("kind", "fields"), [("restrict", {}), ("access", {}), ("correct", {"attribute": "csat", "value": "5"})]
)
def test_every_other_right_is_filed_here_too(officer: httpx.Client, own: Town, kind: str, fields: dict[str, str]):
    key = re.search(r'name="request_key" value="([^"]+)"', officer.get("/file", params={"kind": kind}).text)[1]
    answer = send(officer, "/file", kind=kind, request_key=key, user_id=MEMBERS[1], **fields)
    assert "The request is filed." in answer.text
    assert MEMBERS[1] not in answer.text
    assert ("Satisfaction (CSAT) → 5" in answer.text) is (kind == "correct")


def test_where_a_member_is_told_is_sealed_and_shown_nowhere(officer: httpx.Client, own: Town):
    key = re.search(r'name="request_key" value="([^"]+)"', officer.get("/file").text)[1]
    contact = {"contact_channel": "sms", "contact_address": "+819012345678", "contact_language": "ja"}
    filing = {"kind": "deletion", "request_key": key, "user_id": MEMBERS[1], **contact}
    answer = send(officer, "/file", **filing)
    assert "The request is filed." in answer.text
    assert "waits for the outcome" in answer.text
    assert "9012345678" not in answer.text + officer.get("/notices").text
    own.house.ledger.dispose()
    assert scan([own.house.settings.home / "control.db"], ["+819012345678"]).clean
