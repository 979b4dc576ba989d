"""Accounts at a login provider: linked by the newest facts, kept as pseudonyms, gone with their member."""

import pytest

from anonymization.operators import pseudonym_of
from pipelines.control.external_accounts import list_accounts
from pipelines.control.subjects import forget_account_facts
from pipelines.deletion.request import identify_subject
from pipelines.journeys.external_accounts import FACEBOOK, find_member
from tests.intake.calls import found_settings
from tests.intake.landed import LINKED, MEMBER, land_accounts

OTHER = "u000456"


@pytest.fixture
def settings(tmp_path):
    return found_settings(tmp_path / "home", TOKUMEI_QUIET_SECONDS=0)


def found(house, account=LINKED):
    member = find_member(house, account)
    return None if member is None else member[0].users["membership"]


def member(house, user_id):
    return identify_subject(user_id, house.keyring).users["membership"]


def test_whoever_logs_in_by_an_account_is_found_by_it_and_nobody_else(settings):
    house = land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, {"user_id": OTHER})
    assert found(house) == member(house, MEMBER)
    assert found(house, "1") is None


def test_only_pseudonyms_are_kept(settings):
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED})
    content = (settings.home / "control.db").read_bytes()
    assert LINKED.encode() not in content
    assert MEMBER.encode() not in content


def test_an_account_goes_over_to_who_has_it_now_and_an_older_file_changes_nothing(settings):
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, day="2026-11-20")
    house = land_accounts(settings, {"user_id": OTHER, "facebook_user_id": LINKED}, day="2026-11-21")
    assert found(house) == member(house, OTHER)
    house = land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, day="2026-11-19")
    assert found(house) == member(house, OTHER)


def test_a_file_without_the_field_leaves_links_as_they_are(settings):
    land_accounts(settings, {"user_id": MEMBER, "facebook_user_id": LINKED})
    house = land_accounts(settings, {"user_id": MEMBER}, day="2026-11-21")
    assert found(house) == member(house, MEMBER)


def test_the_link_goes_with_the_facts_of_its_member(settings):
    house = land_accounts(
        settings, {"user_id": MEMBER, "facebook_user_id": LINKED}, {"user_id": OTHER, "facebook_user_id": "77"}
    )
    forget_account_facts(house.ledger, member(house, MEMBER))
    assert found(house) is None
    assert found(house, "77") == member(house, OTHER)
    external = pseudonym_of(LINKED, FACEBOOK, house.keyring.current("membership"))
    assert external not in (settings.home / "control.db").read_bytes()
    assert not list_accounts(house.ledger, FACEBOOK, [external])
