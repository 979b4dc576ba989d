"""Facebook's callback: whoever logs in by an account is found by it, and whoever does not is told so."""

import time

import pytest

from pipelines.control.requests import list_requests
from pipelines.deletion.request import identify_subject, unseal_subject
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.house import open_house
from pipelines.journeys.intake import UNLINKED
from pipelines.journeys.keys import rotate_key
from tests.intake.calls import Service, facebook_payload, found_settings, sign_for_facebook
from tests.intake.landed import LINKED, MEMBER, land_accounts


@pytest.fixture(scope="module")
def linked(tmp_path_factory, portal) -> Service:
    """A service whose accounts source told of one member who logs in by Facebook."""
    settings = found_settings(tmp_path_factory.mktemp("linked") / "home", TOKUMEI_QUIET_SECONDS=0)
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED})
    return Service(settings, portal)


def find_requests(service: Service) -> list:
    return list(list_requests(service.house.ledger))


def test_a_member_is_found_by_the_account_that_they_log_in_by(linked: Service):
    answer = linked.call_back(sign_for_facebook(facebook_payload(LINKED)))

    assert answer.status_code == 200
    assert set(answer.json()) == {"url", "confirmation_code"}
    assert answer.json()["url"].endswith(answer.json()["confirmation_code"])
    assert answer.json()["confirmation_code"].isalnum()
    [request] = find_requests(linked)
    assert (request.state, request.channel) == ("received", "facebook")
    subject = unseal_subject(request, linked.house.keyring)
    assert subject.users == identify_subject(MEMBER, linked.house.keyring).users
    assert linked.standing(answer.json()["confirmation_code"])["state"] == "received"


def test_a_replay_gives_the_same_code_and_files_nothing(linked: Service):
    signed_request = sign_for_facebook(facebook_payload(LINKED, issued_at=int(time.time()) - 60))
    first = linked.call_back(signed_request)
    before = len(find_requests(linked))
    assert linked.call_back(signed_request).content == first.content
    assert len(find_requests(linked)) == before


def test_who_is_not_known_is_answered_and_told_why_nothing_is_deleted(linked: Service):
    answer = linked.call_back(sign_for_facebook(facebook_payload("999")))
    assert answer.status_code == 200
    [refused] = [request for request in find_requests(linked) if request.state == "refused"]
    assert (refused.reason, refused.sealed_subject) == (UNLINKED, None)
    standing = linked.standing(answer.json()["confirmation_code"])
    assert standing["state"] == "refused"
    assert standing["reason"].startswith("No member of our service logs in by this account")
    decide_requests(linked.house)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"", 400),
        (b"signed_request", 400),
        (b"other=1", 400),
        (b"signed_request=a.b&signed_request=c.d", 400),
        (b"&".join(b"a%d=1" % number for number in range(100)), 400),
        (b"signed_request=%ff%fe", 401),
        (b"signed_request=a", 401),
        (b"signed_request=..", 401),
        (b"signed_request=%3Cscript%3Ealert(1)%3C/script%3E", 401),
        (b"\xff\xfe", 400),
    ],
)
def test_malformed_forms_are_refused_without_a_word_of_them(linked: Service, form: bytes, status: int):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = linked.request("POST", "/facebook/data-deletion", content=form, headers=headers)
    assert answer.status_code == status
    assert "script" not in answer.text


def test_forged_and_expired_callbacks_are_refused_and_file_nothing(linked: Service):
    before = len(find_requests(linked))
    forged = linked.call_back(sign_for_facebook(facebook_payload(LINKED), secret="another secret entirely"))
    expired = linked.call_back(sign_for_facebook(facebook_payload(LINKED, issued_at=int(time.time()) - 4000)))
    unsigned = linked.call_back(sign_for_facebook(facebook_payload(LINKED), secret=""))
    assert [answer.status_code for answer in (forged, expired, unsigned)] == [401, 401, 401]
    assert len(find_requests(linked)) == before


def test_without_an_app_secret_nothing_is_believed(tmp_path, portal):
    from pipelines.journeys.keys import make_keys
    from pipelines.settings import load_settings, prepare_home

    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    make_keys(settings)
    service = Service(settings, portal)
    assert service.call_back(sign_for_facebook(facebook_payload(), secret="")).status_code == 503
    assert not find_requests(service)


def test_a_link_follows_a_rotated_key_at_the_next_accounts_file(tmp_path, portal):
    settings = found_settings(tmp_path / "home", TOKUMEI_QUIET_SECONDS=0)
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, day="2026-11-20")
    rotate_key(settings, "usage")
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, day="2026-11-21")
    service = Service(settings, portal)
    service.call_back(sign_for_facebook(facebook_payload(LINKED)))
    [request] = find_requests(service)
    assert (
        unseal_subject(request, service.house.keyring).users["usage"]
        == (identify_subject(MEMBER, service.house.keyring).users["usage"])
    )


def test_a_request_filed_right_after_a_rotation_learns_the_key_when_its_member_passes_by(tmp_path, portal):
    settings = found_settings(tmp_path / "home", TOKUMEI_QUIET_SECONDS=0)
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, day="2026-11-20")
    rotate_key(settings, "usage")
    service = Service(settings, portal)
    answer = service.call_back(sign_for_facebook(facebook_payload(LINKED)))
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, day="2026-11-21")
    house = open_house(settings)
    [request] = find_requests(service)
    assert answer.status_code == 200
    assert set(unseal_subject(request, house.keyring).users["usage"]) == set(
        identify_subject(MEMBER, house.keyring).users["usage"]
    )
