"""A plan states what it decides, stops when it takes too much or anything is undeclared, and holds until it is run."""

import json
import os
import shutil
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.contracts.model import Catalogue
from pipelines.control.holds import release_hold
from pipelines.control.requests import get_plan, list_requests
from pipelines.control.subjects import AccountFacts
from pipelines.deletion import guard
from pipelines.errors import PlanChangedError, PlanTooLargeError, UndeclaredDataError
from pipelines.journeys.audit import audit
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import (
    accept_landed,
    plan_deletions,
    rehearse_plan,
    request_deletion,
    run_plan,
)
from pipelines.journeys.retain import place_hold
from pipelines.lake.purge import LONGEST_WRITE_SECONDS
from pipelines.lake.rewrite import multiset_hash

TABLES = ("page_views", "security_events", "device_events", "survey_responses", "identity_links")
FREE = AccountFacts(0, 0, None)


def plan_of(town, digest: str) -> dict[str, object]:
    return dict(get_plan(town.house.ledger, digest).document)


def dataset(document, table: str):
    return next(each for each in document["datasets"] if each["table"] == table)


def find_tablet(town) -> bytes:
    """The usage pseudonym of the device that the leaver and the neighbour share."""
    links = town.rows("identity_links").filter(purpose="usage")
    used = [
        set(links.filter(pl.col("user_pseudonym").is_in(town.pseudonyms(user)))["device_pseudonym"])
        for user in (town.leaver, town.neighbour)
    ]
    [tablet] = set.intersection(*used)
    return tablet


def file_requests(town, *users: str) -> None:
    for user in users:
        request_deletion(town.house, user, request_key=f"{user}-{time.monotonic_ns()}", facts=FREE)
    decide_requests(town.house)


def snapshot(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def hash_tables(town) -> dict[str, int]:
    return {table: multiset_hash(town.rows(table)) for table in TABLES}


@pytest.fixture
def with_requests(town):
    accept_landed(town.house)
    decide_requests(town.house)
    return town


def test_plan_names_version_files_rows_and_strategy_of_every_dataset(with_requests):
    planned = plan_deletions(with_requests.house)
    document = plan_of(with_requests, planned.digest)
    views, searches, ledger = (dataset(document, name) for name in ("page_views", "searches", "account_facts"))
    assert (views["strategy"], views["row_count"], sorted(views["rows"].values())) == ("delete", 8, [3, 5])
    assert sum(file["rows"] for file in views["files"]) == 8
    assert (views["version"], views["stored_rows"]) == (1, with_requests.rows("page_views").height)
    assert searches["strategy"] == "exempt"
    assert searches["reason"]
    assert ledger["row_count"] == 2
    assert {each["strategy"] for each in document["landing"]} == {"expire"}
    assert document["guard"] == {"limit": 0.2, "accepted_share": None, "shares": {}}, "small tables are not guarded"


def test_device_that_two_leavers_share_goes_whole_with_what_nobody_signed_in_for(town):
    file_requests(town, town.leaver, town.neighbour)
    digest = town.approve()
    requests = plan_of(town, digest)["requests"]
    assert [(each["own_devices"], each["joint_devices"], each["shared_devices"]) for each in requests] == [
        (1, 1, 0)
    ] * 2
    tablet = find_tablet(town)
    assert town.rows("page_views").filter(device_pseudonym=tablet)["user_pseudonym"].null_count() == 1
    run_plan(town.house, digest)
    assert town.rows("page_views").filter(device_pseudonym=tablet).is_empty()


def test_device_shared_with_somebody_who_stays_goes_in_the_leavers_rows_only(town):
    file_requests(town, town.leaver)
    digest, tablet = town.approve(), find_tablet(town)
    [request] = plan_of(town, digest)["requests"]
    assert (request["own_devices"], request["joint_devices"], request["shared_devices"]) == (1, 0, 1)
    run_plan(town.house, digest)
    left = town.rows("page_views").filter(device_pseudonym=tablet)["user_pseudonym"].to_list()
    assert sorted(left, key=str) == sorted([None, *town.subject(town.neighbour).users["usage"]], key=str)


def test_device_goes_whole_when_its_other_user_is_being_deleted_already(town):
    file_requests(town, town.leaver)
    run_plan(town.house, town.approve())
    file_requests(town, town.neighbour)
    planned = plan_deletions(town.house)
    [request] = plan_of(town, planned.digest)["requests"]
    assert request["shared_devices"] == 0
    assert request["own_devices"] + request["joint_devices"] == 2


def test_two_requests_of_one_person_say_so_and_count_each_row_once_in_all(town):
    file_requests(town, town.leaver, town.leaver)
    digest = town.approve()
    document = plan_of(town, digest)
    assert [request["other_requests"] for request in document["requests"]] == [1, 1]
    views = dataset(document, "page_views")
    assert (sorted(views["rows"].values()), views["row_count"]) == ([5, 5], 5)
    assert run_plan(town.house, digest)["page_views"]["rows"] == 5


def test_other_peoples_lines_move_versions_and_the_plan_is_carried_out_all_the_same(with_requests):
    town = with_requests
    digest = town.approve()
    town.land("access", "meanwhile.jsonl", [town.visit(town.neighbour, town.phone(town.neighbour), town.days[0], 59)])
    town.take_in()
    assert run_plan(town.house, digest)["page_views"]["rows"] == 8


@pytest.mark.parametrize("change", ["version", "strategy", "subject keys"])
def test_plan_is_refused_and_its_requests_are_ready_again_when_a_contract_changed_since(with_requests, change: str):
    town = with_requests
    digest, before = town.approve(), hash_tables(town)
    views = town.house.catalogue.get("lake", "page_views")
    changed = {
        "version": replace(views, version="9.9.9"),
        "strategy": replace(views, properties={**views.properties, "deletionStrategy": "exempt"}),
        "subject keys": replace(views, properties={**views.properties, "subjectKeys": ["user_pseudonym"]}),
    }[change]
    others = tuple(contract for contract in town.house.catalogue.contracts if contract != views)
    house = replace(town.house, catalogue=Catalogue((*others, changed)))
    with pytest.raises(PlanChangedError, match="no longer describes what is stored"):
        run_plan(house, digest)
    assert {(request.state, request.plan_digest) for request in list_requests(house.ledger)} == {("ready", None)}
    assert hash_tables(town) == before


def test_hold_that_is_placed_or_released_after_approval_asks_for_a_new_plan(with_requests):
    town, today = with_requests, with_requests.house.now().date()
    digest = town.approve()
    hold = place_hold(town.house, "page_views", legal_basis="case 7", ends_on=today + timedelta(1), placed_by="officer")
    with pytest.raises(PlanChangedError):
        run_plan(town.house, digest)
    held = town.approve()
    views = dataset(plan_of(town, held), "page_views")
    assert (views["strategy"], views["held_until"]) == ("held", (today + timedelta(1)).isoformat())
    assert (views["row_count"], views["kept_rows"]) == (0, 8)
    release_hold(town.house.ledger, hold.hold_id, released_at=town.house.now(), released_by="officer")
    with pytest.raises(PlanChangedError):
        run_plan(town.house, held)
    assert town.approve() == digest


def test_held_table_keeps_every_row_when_the_plan_is_carried_out(with_requests):
    town, today = with_requests, with_requests.house.now().date()
    place_hold(town.house, "page_views", legal_basis="case 7", ends_on=today + timedelta(1), placed_by="officer")
    before = hash_tables(town)
    outcome = run_plan(town.house, town.approve())
    assert "page_views" not in outcome
    assert [table for table in TABLES if hash_tables(town)[table] == before[table]] == ["page_views"]


def test_guard_stops_a_plan_that_takes_too_large_a_share_and_says_how_to_accept_it(
    with_requests, monkeypatch: pytest.MonkeyPatch
):
    town = with_requests
    monkeypatch.setattr(guard, "GUARDED_ROWS", 1)
    with pytest.raises(PlanTooLargeError, match=r"75\.0% of device_events, more than 20\.0%.*--accept-share 0\.75"):
        plan_deletions(town.house)
    assert {request.state for request in list_requests(town.house.ledger)} == {"ready"}
    with pytest.raises(PlanTooLargeError, match=r"more than 30\.0%"):
        plan_deletions(town.house, accept_share=0.3)
    planned = plan_deletions(town.house, accept_share=0.75)
    noted = plan_of(town, planned.digest)["guard"]
    assert (noted["limit"], noted["accepted_share"], noted["shares"]["device_events"]) == (0.2, 0.75, 0.75)
    assert noted["shares"]["members"] == 2 / 9
    assert plan_deletions(town.house).digest == planned.digest, (
        "what was accepted for a plan holds when it is made anew"
    )
    file_requests(town, town.neighbour)
    with pytest.raises(PlanTooLargeError):
        plan_deletions(town.house)


def test_guard_limit_is_a_setting(open_town, monkeypatch: pytest.MonkeyPatch):
    town = open_town(TOKUMEI_GUARD_SHARE="1")
    monkeypatch.setattr(guard, "GUARDED_ROWS", 1)
    file_requests(town, town.leaver)
    assert plan_deletions(town.house) is not None


@pytest.mark.parametrize(
    "place",
    [
        "warehouse/tokumei-old.duckdb",
        "control.db.bak",
        "lake/page_views_backup/part-0.parquet",
        "lake/page_views/copy.parquet",
        "keys/page_views.parquet",
        "reports/export.csv",
    ],
)
def test_nothing_is_planned_or_audited_while_a_copy_lies_about_that_no_contract_declares(with_requests, place: str):
    town = with_requests
    copy = town.home / place
    copy.parent.mkdir(exist_ok=True)
    copy.write_text("x")
    named = place.removesuffix("/part-0.parquet")
    for step in (plan_deletions, audit):
        with pytest.raises(UndeclaredDataError, match=f"{named}, which no contract declares") as raised:
            step(town.house)
        assert "declare it in data_contracts, or remove it" in str(raised.value)
    assert {request.state for request in list_requests(town.house.ledger)} == {"ready"}
    if copy.parent.name == "page_views_backup":
        shutil.rmtree(copy.parent)
    else:
        copy.unlink()
    assert plan_deletions(town.house) is not None


def test_name_of_an_undeclared_file_shows_no_identifier(with_requests):
    town = with_requests
    pseudonym = town.pseudonyms(town.leaver)[0].hex()
    for name in (f"{town.leaver}.csv", "taro@example.jp.csv", f"{pseudonym}.parquet"):
        (town.home / "reports" / name).write_text("x")
    with pytest.raises(UndeclaredDataError) as raised:
        plan_deletions(town.house)
    assert not [name for name in (town.leaver, "taro", pseudonym) if name in str(raised.value)]


def test_parquet_file_that_no_version_names_is_swept_once_no_write_can_still_be_at_it(with_requests):
    town = with_requests
    [bucket, *_] = sorted((town.home / "lake" / "page_views").glob("event_date=*/subject_bucket=*"))
    stray, young = bucket / "part-stray.parquet", bucket / "part-young.parquet"
    pl.DataFrame({"user_pseudonym": town.pseudonyms(town.leaver)}).write_parquet(stray)
    shutil.copy(stray, young)
    long_ago = time.time() - LONGEST_WRITE_SECONDS - 60
    os.utime(stray, (long_ago, long_ago))
    digest = town.approve()
    run_plan(town.house, digest)
    assert (stray.exists(), young.exists()) == (False, True), "the scan finds the young one, and nothing is certified"


def test_rehearsal_counts_what_the_run_then_removes_and_leaves_nothing_behind(with_requests):
    town = with_requests
    planned = plan_deletions(town.house)
    before = snapshot(town.home)
    rehearsed = rehearse_plan(town.house, planned.digest)
    assert snapshot(town.home) == before
    digest = town.approve()
    assert digest == planned.digest
    before = snapshot(town.home)
    assert rehearse_plan(town.house, digest) == rehearsed
    assert snapshot(town.home) == before
    assert run_plan(town.house, digest) == rehearsed
    assert rehearsed["page_views"] == {"rows": 8, "files": len(dataset(plan_of(town, digest), "page_views")["files"])}


def test_rehearsal_of_a_plan_whose_rows_changed_is_refused_and_moves_nobody(with_requests):
    town = with_requests
    digest = town.approve()
    place_hold(town.house, "page_views", legal_basis="case 7", ends_on=date(2099, 1, 1), placed_by="officer")
    with pytest.raises(PlanChangedError, match="no longer describes"):
        rehearse_plan(town.house, digest)
    assert {request.state for request in list_requests(town.house.ledger)} == {"approved"}


def test_commands_accept_a_share_and_rehearse_a_plan(with_requests):
    town = with_requests
    environment = {"TOKUMEI_HOME": str(town.home)}

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["delete", *arguments], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    digest = json.loads(invoke("plan", "--accept-share", "0.9", "--json"))["digest"]
    assert plan_of(town, digest)["guard"]["accepted_share"] == 0.9
    rehearsed = json.loads(invoke("run", "--dry-run", digest, "--json"))["plans"][digest]
    assert rehearsed["page_views"]["rows"] == 8
    shown = invoke("run", "--dry-run", digest)
    assert "page_views: 8 rows in" in shown
    assert "nothing was changed" in shown
    assert "devices: 2 of their own" in invoke("plan")
