"""Canaries come through every source in every form, change no figure about people, and are gone once deleted."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.control.deletion_facts import CANARY_KEY, deletion_facts
from pipelines.control.requests import list_requests
from pipelines.errors import ConfigurationError, DeletionIncompleteError
from pipelines.journeys import canaries, certify
from pipelines.journeys.audit import audit
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.canaries import check_canaries, plant_canaries, read_register
from pipelines.journeys.certify import scan_stored
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.ingest import find_files, ingest
from pipelines.settings import load_settings
from pipelines.warehouse.extract import read_mart

EVENTS = ("page_views", "device_events", "searches", "survey_responses", "security_events", "identity_links")
COUNTS_OF_ANYBODY = ("request_count", "bot_request_count", "declared_bot_request_count")


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)
    monkeypatch.setattr(canaries, "AGE", timedelta(0))


@pytest.fixture
def watched(town, open_town) -> Iterator:
    """The town with three canaries a day."""
    town.house.ledger.dispose()
    return open_town(town.home, TOKUMEI_CANARY_SUBJECTS="3")


def list_landed(town) -> set[str]:
    return {str(path.relative_to(town.house.settings.landing)) for path in town.house.settings.landing.rglob("canar*")}


def delete_canaries(town) -> None:
    plant_canaries(town.house)
    ingest(town.house, find_files(town.house))
    accept_landed(town.house)
    decide_requests(town.house)
    town.finish(town.approve())


def test_no_canary_is_planted_unless_it_is_asked_for(town):
    assert plant_canaries(town.house) == (0, 0)
    assert read_register(town.house) == []
    assert not (town.house.settings.keyring_file.parent / canaries.CANARY_REGISTER).exists()
    assert check_canaries(town.house) is None


def test_canaries_leave_lines_in_every_source_which_all_but_the_broken_one_are_taken_in(watched):
    assert plant_canaries(watched.house) == (3, 3)
    sources = {Path(name).parts[0] for name in list_landed(watched)}
    assert sources == {"accounts", "access", "devices", "searches", "surveys", "requests"}
    deliveries = [each for each in ingest(watched.house, find_files(watched.house)) if "canar" in each.file_name]
    assert {(each.state, each.counts.suppressed) for each in deliveries} == {("committed", 0)}
    rejected = {each.source: each.counts.rejected for each in deliveries}
    assert rejected == {"accounts": 0, "access": 1, "devices": 0, "searches": 0, "surveys": 0}
    seen = {*watched.rows("page_views")["user_pseudonym"], *watched.rows("page_views")["device_pseudonym"]}
    for canary in read_register(watched.house):
        assert seen.issuperset(canaries._list_pseudonyms(watched.house, canary, ["usage"]))


def test_register_is_private_and_beside_the_keys(watched):
    plant_canaries(watched.house)
    path = watched.house.settings.keyring_file.parent / canaries.CANARY_REGISTER
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert len(json.loads(path.read_text())) == 3


def test_planting_again_on_the_same_day_lands_nobody_else(watched):
    plant_canaries(watched.house)
    first = read_register(watched.house)
    assert plant_canaries(watched.house) == (0, 0)
    assert read_register(watched.house) == first


def test_landing_again_after_a_crash_stores_nothing_twice(watched, monkeypatch: pytest.MonkeyPatch):
    plant_canaries(watched.house)
    ingest(watched.house, find_files(watched.house))
    drawn = [canaries.replace(canary, state="drawn") for canary in read_register(watched.house)]
    before = {table: watched.rows(table).height for table in EVENTS}
    canaries._write_register(watched.house, drawn)
    plant_canaries(watched.house)
    assert {each.state for each in ingest(watched.house, find_files(watched.house))} == {"duplicate"}
    assert {table: watched.rows(table).height for table in EVENTS} == before
    accept_landed(watched.house)
    requests = [each for each in list_requests(watched.house.ledger) if each.request_key.startswith(CANARY_KEY)]
    assert len(requests) == 3


def read_marts(town) -> dict[str, pl.DataFrame]:
    days = town.days
    path = town.house.settings.warehouse_file
    usage = read_mart(path, "usage_daily").filter(pl.col("event_date").cast(pl.String).is_in(days))
    usage_by = ("usage_by_environment_daily", "usage_by_page_daily", "traffic_sources_daily")
    names = (*usage_by, "search_terms_daily", "satisfaction_weekly", "deletions_monthly")
    return {"usage_daily": usage.drop(COUNTS_OF_ANYBODY)} | {name: read_mart(path, name) for name in names}


@pytest.mark.slow
def test_canaries_change_no_figure_about_people(watched):
    before = read_marts(watched)
    plant_canaries(watched.house)
    ingest(watched.house, find_files(watched.house))
    accept_landed(watched.house)
    build_marts(watched.house)
    after = read_marts(watched)
    assert {name: frame.rows() for name, frame in after.items()} == {
        name: frame.rows() for name, frame in before.items() if name != "deletions_monthly"
    } | {"deletions_monthly": after["deletions_monthly"].rows()}
    usage = read_mart(watched.house.settings.warehouse_file, "usage_daily")
    assert usage.filter(~pl.col("event_date").cast(pl.String).is_in(watched.days))["page_views"].sum() == 0


@pytest.mark.slow
def test_deleted_canaries_are_absent_and_counted(watched):
    delete_canaries(watched)
    found = audit(watched.house)
    assert (found.departed_canary_count, found.absent_canary_count) == (3, 3)
    facts = deletion_facts(watched.house.ledger, watched.house.settings.zone, watched.house.now(), 30)
    [check] = facts.filter(pl.col("fact") == "canary").to_dicts()
    assert (check["expected_count"], check["absent_count"]) == (3, 3)


def test_scan_finds_living_canaries_as_pseudonyms_and_nowhere_as_they_are(watched):
    plant_canaries(watched.house)
    ingest(watched.house, find_files(watched.house))
    accept_landed(watched.house)
    for canary in read_register(watched.house):
        pseudonyms = canaries._list_pseudonyms(watched.house, canary, ["usage", "satisfaction", "security"])
        assert scan_stored(watched.house, pseudonyms).finding_count > 5
        assert scan_stored(watched.house, canary.identifiers).finding_count == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["user_id", "email", "device_id"])
def test_canary_that_survives_in_any_form_lowers_the_recall_and_fails_the_audit(watched, form: str):
    delete_canaries(watched)
    survivor = read_register(watched.house)[1]
    left = watched.home / "airflow" / "attempt=1.log"
    left.write_text(f"somebody wrote {getattr(survivor, form)}\n")
    with pytest.raises(DeletionIncompleteError, match=r"attempt=1\.log") as raised:
        audit(watched.house)
    assert getattr(survivor, form) not in str(raised.value)
    facts = deletion_facts(watched.house.ledger, watched.house.settings.zone, watched.house.now(), 30)
    [check] = facts.filter(pl.col("fact") == "canary").to_dicts()
    assert (check["expected_count"], check["absent_count"]) == (3, 2)


@pytest.mark.parametrize("number", ["10", "-1", "some"])
def test_more_canaries_than_a_mart_may_show_are_refused(number: str):
    with pytest.raises(ConfigurationError, match="TOKUMEI_CANARY_SUBJECTS"):
        load_settings({"TOKUMEI_CANARY_SUBJECTS": number})
