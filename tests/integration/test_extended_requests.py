"""Keys may change while a request waits: what is stored under a later key goes too, and under a destroyed one."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from anonymization.operators import pseudonym_of
from pipelines.control.moves import Move
from pipelines.control.requests import enter_request, list_requests, move_requests
from pipelines.deletion.request import new_request, unseal_subject
from pipelines.errors import StorageBusyError
from pipelines.ingestion import readers
from pipelines.ingestion.staging import TableStage
from pipelines.journeys import ingest as taking_in
from pipelines.journeys import stage as staging
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import request_deletion
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import destroy_key, renew_keyring, rotate_key
from pipelines.lake.rewrite import multiset_hash
from pipelines.proof.scan import scan

TRADING, SETTLED = {"open_trades": 1}, {"open_trades": 0}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROTATED = ("usage", "security", "satisfaction")
TABLES = ("page_views", "security_events", "device_events", "survey_responses", "identity_links")


@pytest.fixture
def town(open_town):
    """A town whose leaver asked to be deleted and must wait, for there is an open trade."""
    town = open_town()
    (town.house.settings.landing / "requests" / "app.jsonl").unlink()
    land_facts(town, "trading.jsonl", **TRADING)
    request_deletion(town.house, town.leaver, request_key="asked", facts=None)
    decide_requests(town.house)
    assert [request.state for request in list_requests(town.house.ledger)] == ["waiting"]
    return town


def land_facts(town, name: str, **changes: object) -> None:
    facts = {"open_listings": 0, "open_trades": 0, "last_transaction_date": "2026-01-31", "consent": True, **changes}
    as_of = town.house.now().date().isoformat()
    town.land("accounts", name, [{"as_of": as_of, "user_id": town.leaver, **facts}])
    town.take_in()


def rotate(town):
    """The town after its keys were rotated, as the next process sees it."""
    for purpose in ROTATED:
        rotate_key(town.house.settings, purpose)
    return replace(town, house=renew_keyring(town.house))


def land_lines(town, name: str) -> None:
    """Lines of the leaver, of their phone without anybody signed in, and of a neighbour beside them."""
    phone, refused = town.phone(town.leaver), {"request_method": "POST", "request_uri": "/login", "status": 401}
    visits = [
        town.visit(town.leaver, None, town.days[1], 11),
        town.visit(None, phone, town.days[1], 12),
        town.visit(town.neighbour, town.phone(town.neighbour), town.days[1], 13),
        town.visit(town.leaver, None, town.days[1], 14, **refused),
        town.visit(town.neighbour, None, town.days[1], 15, **refused),
    ]
    town.land("access", name, visits)
    answer = {"survey_id": "winter", "channel": "web", "segment": "buyer", "csat": 4, "nps": 9, "ces": 2}
    answer |= {"comment": None, "language": "ja", "time": f"{town.days[1]}T21:00:00+09:00", "user_id": town.leaver}
    town.land("surveys", name, [answer])
    town.take_in()


def theirs(town) -> list[bytes]:
    """Everything that stands for the leaver or their phone in the events, under every live key."""
    keyring = town.house.keyring
    users = [pseudonym_of(town.leaver, "user", key) for name in ROTATED for key in keyring.live(name)]
    devices = ("usage", "security")
    return users + [
        pseudonym_of(town.phone(town.leaver), "device", key) for name in devices for key in keyring.live(name)
    ]


def finish(town) -> None:
    land_facts(town, "settled.jsonl", **SETTLED)
    [verified] = town.finish(town.approve())
    assert verified.certificate.final


def others(town) -> dict[str, int]:
    """The hash of everybody else's rows in each table."""
    hashes = {}
    for table in TABLES:
        rows, gone = town.rows(table), [*theirs(town), *town.pseudonyms(town.leaver)]
        keys = [key for key in town.house.catalogue.get("lake", table).subject_keys if key in rows.columns]
        is_theirs = pl.any_horizontal([pl.col(key).is_in(gone).fill_null(value=False) for key in keys])
        hashes[table] = multiset_hash(rows.filter(~is_theirs))
    return hashes


def test_rows_under_keys_made_after_the_filing_go_too(town):
    town = rotate(town)
    land_lines(town, "after.jsonl")
    gone = theirs(town)
    for pseudonym in (gone[1], gone[3], gone[5], gone[7]):
        assert not scan([town.home / "lake"], [pseudonym]).clean, "the positive control: stored under the new keys"
    assert scan([town.home / "control.db"], gone).clean, "the ledger shows none of it"
    kept = others(town)
    finish(town)
    assert scan([town.home], gone, excluded=[town.home / "keys"]).clean
    assert others(town) == kept, "nobody else lost a row"
    assert list_requests(town.house.ledger)[0].sealed_extension is None


def test_two_rotations_are_followed_one_after_the_other(town):
    for name in ("first.jsonl", "second.jsonl"):
        town = rotate(town)
        land_lines(town, name)
    gone = theirs(town)
    assert len(gone) == 15
    finish(town)
    assert scan([town.home], gone, excluded=[town.home / "keys"]).clean


def test_rows_under_a_key_destroyed_before_the_run_are_found_by_the_sealed_pseudonyms(town):
    gone = theirs(town)
    town = rotate(town)
    land_lines(town, "after.jsonl")
    gone += theirs(town)
    town = rotate(town)
    for key_id in ("usage-1", "security-1", "satisfaction-1", "usage-2", "security-2"):
        destroy_key(town.house.settings, key_id)
    town = replace(town, house=renew_keyring(town.house))
    assert not scan([town.home / "lake"], gone[:1]).clean, "the positive control"
    finish(town)
    assert scan([town.home], gone, excluded=[town.home / "keys"]).clean


def test_requests_that_know_every_key_are_not_looked_at(town):
    land_lines(town, "same.jsonl")
    [request] = list_requests(town.house.ledger)
    assert request.sealed_extension is None
    assert request.known_keys.split() == ["usage-1", "satisfaction-1", "security-1", "membership-1"]


def test_others_lines_extend_nobody(town):
    town = rotate(town)
    town.land("access", "neighbour.jsonl", [town.visit(town.neighbour, town.tablet, town.days[1], 1)])
    town.take_in()
    [request] = list_requests(town.house.ledger)
    users = unseal_subject(request, town.house.keyring).users
    assert {purpose: len(values) for purpose, values in users.items()} == dict.fromkeys([*ROTATED, "membership"], 1)


def test_device_that_they_share_keeps_its_others_under_every_key(town):
    town = rotate(town)
    visits = [town.visit(None, town.tablet, town.days[1], 1), town.visit(town.neighbour, town.tablet, town.days[1], 2)]
    town.land("access", "shared.jsonl", visits)
    town.take_in()
    rows = town.rows("page_views").height
    finish(town)
    assert rows - town.rows("page_views").height == 5, "those of before, and nothing of the tablet's others"


def test_request_is_extended_before_any_row_is_visible(town, monkeypatch):
    town = rotate(town)

    def stop(*_):
        raise StorageBusyError("stopped", hint="again")

    with monkeypatch.context() as patch:
        patch.setattr(TableStage, "commit", stop)
        with pytest.raises(StorageBusyError):
            land_lines(town, "stopped.jsonl")
    [request] = list_requests(town.house.ledger)
    assert len(unseal_subject(request, town.house.keyring).users["usage"]) == 2
    town.take_in()
    finish(town)
    assert scan([town.home], theirs(town), excluded=[town.home / "keys"]).clean


def test_move_of_a_request_that_was_read_earlier_loses_no_extension(town):
    town = rotate(town)
    [before] = list_requests(town.house.ledger)
    land_lines(town, "meanwhile.jsonl")
    move_requests(town.house.ledger, [before], Move("waiting", town.house.now(), "test", "decided meanwhile"))
    [after] = list_requests(town.house.ledger)
    assert len(unseal_subject(after, town.house.keyring).users["usage"]) == 2


def test_request_filed_by_hand_knows_a_key_that_was_rotated_since_the_start(town):
    rotate_key(town.house.settings, "usage")
    request_deletion(town.house, town.follower, request_key="now", facts=None)
    request = next(each for each in list_requests(town.house.ledger) if each.request_key == "now")
    assert len(unseal_subject(request, town.house.keyring).users["usage"]) == 2


def test_request_that_is_filed_between_staging_and_commit_is_extended_too(town, monkeypatch):
    """It comes from a process that has not read the new keys yet."""
    stale, town = town.house, rotate(town)
    make_stage, filed = taking_in.stage_safely, []

    def stage_and_file(*given):
        made = make_stage(*given)
        if not filed:
            request = new_request(stale.keyring, town.follower, request_key="now", channel="web", requested_at=NOON)
            enter_request(stale.ledger, request)
            filed.append(request.request_id)
        return made

    monkeypatch.setattr(taking_in, "stage_safely", stage_and_file)
    town.land("access", "a.jsonl", [town.visit(town.follower, None, town.days[1], 1)])
    [delivery] = ingest(town.house, find_files(town.house))
    assert delivery.counts.accepted == 1
    request = next(each for each in list_requests(town.house.ledger) if each.request_id == filed[0])
    assert len(unseal_subject(request, town.house.keyring).users["usage"]) == 2


def test_several_processes_extend_like_one(open_town, town, monkeypatch):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(staging, "CHUNK_BYTES", 4096)
    town = rotate(open_town(town.home, TOKUMEI_PROCESSES="2"))
    visits = [town.visit(town.neighbour, None, town.days[1], number % 60) for number in range(300)]
    town.land("access", "large.jsonl", [*visits, town.visit(town.leaver, None, town.days[1], 1)])
    town.take_in()
    [request] = list_requests(town.house.ledger)
    assert len(unseal_subject(request, town.house.keyring).users["usage"]) == 2
