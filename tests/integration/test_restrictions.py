"""Suspension of use: a restricted member's rows stay in the lake and leave every metric, until it is lifted."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.control.restrictions import list_restrictions
from pipelines.errors import ConfigurationError
from pipelines.journeys.build_marts import build_marts, rebuild_marts
from pipelines.journeys.certify import find_ledger
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.house import open_house
from pipelines.journeys.keys import rotate_key
from pipelines.journeys.restrict import digest_restricted, list_restricted, restrict_member, unrestrict_member
from pipelines.journeys.retain import place_hold
from pipelines.proof.certificate import verify_all
from pipelines.proof.scan import scan
from pipelines.warehouse.extract import read_mart
from tests.integration.conftest import BYSTANDERS, DAYS, LEAVER, NEIGHBOUR, PHONES, TABLET, list_accounts, list_visits

USAGE = ["event_date", "page_views", "visitors", "members", "request_count", "response_bytes"]


def read_usage(town) -> pl.DataFrame:
    return read_mart(town.house.settings.warehouse_file, "usage_daily").select(USAGE)


def count_usage(visits, restricted, devices) -> list[tuple[object, ...]]:
    """The same figures counted line by line: who is restricted is left out, and nobody known on their own devices."""
    rows = []
    for day in DAYS:
        left = [
            each
            for each in visits
            if each["time"].startswith(day)
            and each["user_id"] not in restricted
            and (each["user_id"] or each["device_id"] not in devices)
        ]
        seen = [each for each in left if each["request_method"] == "GET"]
        members = {each["user_id"] for each in seen} - {None}
        visitors = {each["device_id"] for each in seen}
        rows.append((date.fromisoformat(day), len(seen), len(visitors), len(members), len(left), len(left) * 1000))
    return rows


def restrict(town, user: str) -> bool:
    return restrict_member(town.house, user, restricted_by="officer", reason="asked by letter")


def land_consent(town, user: str, day: str, *, consent: bool) -> None:
    (account,) = (each for each in list_accounts() if each["user_id"] == user)
    town.land("accounts", f"{day}.jsonl", [account | {"as_of": day, "consent": consent}])
    town.take_in()


def test_restricted_member_leaves_the_marts_and_a_device_that_others_use_stays(town):
    everybody = read_usage(town)
    assert everybody.rows() == count_usage(list_visits(), {}, {})
    assert restrict(town, NEIGHBOUR)
    built = build_marts(town.house)
    assert [day.isoformat() for day in built.event_dates[:2]] == list(DAYS)
    assert read_usage(town).rows() == count_usage(list_visits(), {NEIGHBOUR}, {PHONES[NEIGHBOUR]})
    unrestrict_member(town.house, NEIGHBOUR)
    build_marts(town.house)
    assert read_usage(town).equals(everybody)
    assert build_marts(town.house).event_dates == (), "nothing is built when nobody's restriction changed"


def test_device_of_restricted_members_alone_goes_with_all_of_them(town):
    for user in (LEAVER, NEIGHBOUR):
        restrict(town, user)
    build_marts(town.house)
    devices = {PHONES[LEAVER], PHONES[NEIGHBOUR], TABLET}
    assert read_usage(town).rows() == count_usage(list_visits(), {LEAVER, NEIGHBOUR}, devices)


def test_device_that_somebody_else_takes_over_counts_again_on_every_day(town):
    restrict(town, NEIGHBOUR)
    build_marts(town.house)
    town.land("access", "more.jsonl", [town.visit(BYSTANDERS[0], PHONES[NEIGHBOUR], "2026-11-23", 5)])
    town.take_in()
    build_marts(town.house)
    incremental = read_usage(town)
    assert incremental.rows()[:2] == count_usage(list_visits(), {NEIGHBOUR}, {})
    rebuild_marts(town.house)
    assert read_usage(town).equals(incremental)


def test_every_row_stays_in_the_lake_and_no_pseudonym_but_the_membership_s_in_the_ledger(town):
    before = town.rows("page_views").height
    restrict(town, NEIGHBOUR)
    build_marts(town.house)
    assert town.rows("page_views").height == before
    others = [*town.pseudonyms(NEIGHBOUR), NEIGHBOUR]
    others = [each for each in others if each not in town.subject(NEIGHBOUR).users["membership"]]
    assert scan(find_ledger(town.house)[:1], others).clean
    assert scan(find_ledger(town.house)[:1], town.subject(NEIGHBOUR).users["membership"]).finding_count


def test_asking_twice_restricts_once_and_lifting_nothing_is_refused(town):
    assert restrict(town, NEIGHBOUR)
    assert not restrict(town, f" {NEIGHBOUR} ")
    assert len(list_restrictions(town.house.ledger)) == 1
    assert not unrestrict_member(town.house, NEIGHBOUR)
    with pytest.raises(ConfigurationError, match="no restriction"):
        unrestrict_member(town.house, NEIGHBOUR)


def test_member_who_refuses_consent_is_restricted_until_the_accounts_say_otherwise(town):
    everybody = read_usage(town)
    land_consent(town, NEIGHBOUR, "2026-11-24", consent=False)
    build_marts(town.house)
    assert read_usage(town).rows() == count_usage(list_visits(), {NEIGHBOUR}, {PHONES[NEIGHBOUR]})
    land_consent(town, NEIGHBOUR, "2026-11-23", consent=True)
    assert len(list_restrictions(town.house.ledger)) == 1, "what is older than the newest facts decides nothing"
    land_consent(town, NEIGHBOUR, "2026-11-25", consent=True)
    build_marts(town.house)
    assert read_usage(town).equals(everybody)


def test_consent_does_not_lift_what_was_asked_for_nor_the_other_way_round(town):
    land_consent(town, NEIGHBOUR, "2026-11-24", consent=False)
    assert restrict(town, NEIGHBOUR)
    assert unrestrict_member(town.house, NEIGHBOUR), "consent is still refused"
    assert restrict(town, NEIGHBOUR)
    land_consent(town, NEIGHBOUR, "2026-11-25", consent=True)
    (standing,) = list_restrictions(town.house.ledger)
    assert standing.ground == "request"


def test_restriction_holds_under_a_key_that_is_made_later(town):
    restrict(town, NEIGHBOUR)
    for purpose in ("usage", "satisfaction", "security"):
        rotate_key(town.house.settings, purpose)
    town.house.ledger.dispose()
    renewed = type(town)(open_house(town.house.settings))
    known = list_restricted(renewed.house).height
    more = [renewed.visit(NEIGHBOUR, PHONES[NEIGHBOUR], "2026-11-23", 5), renewed.visit(None, TABLET, "2026-11-23", 6)]
    renewed.land("access", "more.jsonl", more)
    renewed.take_in()
    assert list_restricted(renewed.house).height == known + 5, "the member's three, and the phone's two by its links"
    build_marts(renewed.house)
    assert read_usage(renewed).rows()[-1][:4] == (date(2026, 11, 23), 1, 1, 0)
    (standing,) = list_restrictions(renewed.house.ledger)
    assert {key.id for key in renewed.house.keyring.keys if key.purpose == "usage"} <= set(standing.known_keys.split())
    renewed.house.ledger.dispose()


def test_deletion_leaves_nothing_of_a_restriction_and_who_left_cannot_be_restricted(town):
    restrict(town, LEAVER)
    build_marts(town.house)
    accept_landed(town.house)
    town.finish(town.approve())
    assert list_restrictions(town.house.ledger) == ()
    with pytest.raises(ConfigurationError, match="deleted"):
        restrict(town, LEAVER)


def test_rows_that_a_hold_keeps_of_a_restricted_member_stay_out_of_the_marts(town):
    restrict(town, LEAVER)
    ends_on = town.house.now().date() + timedelta(days=9)
    place_hold(town.house, "page_views", legal_basis="case 7", ends_on=ends_on, placed_by="officer")
    accept_landed(town.house)
    assert town.finish(town.approve()) == ()
    rebuild_marts(town.house)
    assert len(list_restrictions(town.house.ledger)) == 1
    assert read_usage(town).rows() == count_usage(list_visits(), {LEAVER}, {PHONES[LEAVER]})


def test_digest_tells_sets_apart_and_not_their_order(town):
    restrict(town, NEIGHBOUR)
    restricted = list_restricted(town.house)
    assert digest_restricted(restricted) == digest_restricted(restricted.reverse())
    assert len({digest_restricted(restricted.head(count)) for count in range(4)}) == 4


def test_commands_restrict_and_lift_and_name_nobody(town):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("tokumei"), *words, "--user-id", NEIGHBOUR]
        environment = {"TOKUMEI_HOME": str(town.home), "PATH": ""}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    asked = [run("restrict", "--reason", "article 35"), run("restrict", "--json"), run("unrestrict"), run("unrestrict")]
    assert [done.returncode for done in asked] == [0, 0, 0, 1]
    told, certificate = asked[0].stdout.splitlines()
    assert told == f"restricted: request {certificate.removesuffix('.jws')}"
    record = json.loads(asked[1].stdout)
    assert record == {
        "restricted": True,
        "is_new": False,
        "request_id": record["request_id"],
        "certificate": f"{record['request_id']}.jws",
    }
    chain = verify_all(town.house.settings.certificates)
    assert [verified.certificate.kind for verified in chain] == ["restrict", "restrict", "unrestrict"]
    assert asked[3].stderr.startswith("tokumei: no restriction of this member was asked for")
    assert not any(NEIGHBOUR in done.stdout + done.stderr for done in asked)
