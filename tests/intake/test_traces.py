"""Who asked is in no byte below home, whatever field or header their identifier was put into."""

import json
import logging
import os

import pytest

from pipelines.journeys.decide import decide_requests
from pipelines.proof.scan import scan
from tests.intake.calls import Service, deletion, facebook_payload, found_settings, sign_for_facebook
from tests.intake.landed import land_accounts

MEMBER, STRANGER, LINKED, UNLINKED = "u000918273", "somebody-else-4711", "90817263544536271", "10029384756655443"
PLANTED = [MEMBER, STRANGER, LINKED, UNLINKED]


@pytest.fixture
def used(tmp_path, portal, caplog) -> Service:
    """A service that every kind of request, good and bad, has come to."""
    caplog.set_level(logging.DEBUG)
    settings = found_settings(tmp_path / "home", TOKUMEI_QUIET_SECONDS=0)
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED})
    service = Service(settings, portal)
    for user in (MEMBER, STRANGER):
        service.file(deletion(user), key=f"delete-{user}", nonce=f"nonce-{user}-0123456789")
        service.file(deletion(user, channel="phone"), key=f"delete-{user}")
        service.file(deletion(user, unknown=user))
        service.file(json.dumps({"user_id": user}).encode() + b"{")
        service.request("POST", "/requests", json=deletion(user), headers={"x-tokumei-client": user})
        service.request("GET", f"/status/{user}?lang={user}", headers={"accept-language": user})
        service.request("GET", f"/{user}")
    for account in (LINKED, UNLINKED):
        service.call_back(sign_for_facebook(facebook_payload(account)))
        service.call_back(sign_for_facebook(facebook_payload(account, issued_at=1)))
    decide_requests(service.house)
    return service


def test_a_planted_identifier_is_nowhere_below_home_and_in_no_log(used: Service, caplog):
    excluded = [used.settings.home / name for name in ("landing", "keys")]
    report = scan([used.settings.home], PLANTED, excluded=excluded)
    assert report.clean
    assert report.file_count > 0
    assert not any(planted in caplog.text for planted in PLANTED)
    used.house.ledger.dispose()


def test_the_scan_would_have_found_it(used: Service):
    (used.settings.home / "trace").write_text(MEMBER)
    excluded = [used.settings.home / name for name in ("landing", "keys")]
    assert scan([used.settings.home], PLANTED, excluded=excluded).findings


def test_nothing_is_left_in_the_open_but_for_the_owner(used: Service):
    assert used.settings.desk_secrets_file.stat().st_mode & 0o077 == 0
    assert used.settings.home.stat().st_mode & 0o077 == 0
    assert os.access(used.settings.desk_secrets_file, os.R_OK)
