"""A deletion that cannot be carried out as approved, or not be proven, stays open and says why."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.control.requests import list_requests
from pipelines.errors import ConfigurationError, DeletionIncompleteError, MissingKeyError, PlanChangedError
from pipelines.journeys import certify
from pipelines.journeys.certify import certify_deletions, scan_for_subjects
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import (
    accept_landed,
    approve_plan,
    find_open_plans,
    plan_deletions,
    request_deletion,
    run_plan,
)
from pipelines.lake.layout import file_uris, open_lake
from pipelines.lake.rewrite import multiset_hash


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)


def states(town) -> set[str]:
    return {request.state for request in list_requests(town.house.ledger)}


def test_unapproved_plan_is_refused(town):
    accept_landed(town.house)
    decide_requests(town.house)
    planned = plan_deletions(town.house)
    with pytest.raises(ConfigurationError, match="not approved"):
        run_plan(town.house, planned.digest)
    assert states(town) == {"planned"}


def test_plan_whose_rows_changed_is_refused_with_nothing_deleted_and_planned_again(town):
    accept_landed(town.house)
    digest = town.approve()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    town.land("access", "meanwhile.jsonl", [town.visit(None, town.phone(town.leaver), tomorrow, 1)])
    town.take_in()
    before = {table: multiset_hash(town.rows(table)) for table in ("page_views", "identity_links")}
    with pytest.raises(PlanChangedError, match="no longer describes"):
        run_plan(town.house, digest)
    assert {table: multiset_hash(town.rows(table)) for table in before} == before
    for request in list_requests(town.house.ledger):
        assert (request.state, request.plan_digest) == ("ready", None)
        assert request.reason == "the plan's inputs changed after approval"
    with pytest.raises(PlanChangedError, match="covers no request"):
        run_plan(town.house, digest)
    assert town.approve() != digest
    assert states(town) == {"approved"}


def test_plan_that_a_newer_one_replaced_cannot_be_approved(town):
    accept_landed(town.house)
    decide_requests(town.house)
    older = plan_deletions(town.house)
    newer = town.approve_stranger()
    with pytest.raises(PlanChangedError, match="covers no request"):
        approve_plan(town.house, older.digest, approved_by="officer")
    assert {request.plan_digest for request in list_requests(town.house.ledger)} == {newer}


def test_lines_that_wait_in_landing_keep_the_deletion_open_until_they_are_taken_in(town):
    accept_landed(town.house)
    digest = town.approve()
    run_plan(town.house, digest)
    for user, device in ((town.leaver, None), (None, town.phone(town.leaver))):
        path = town.land("access", "waiting.jsonl", [town.visit(user, device, town.days[0], 1)])
        with pytest.raises(DeletionIncompleteError, match="access that waits in landing"):
            certify_deletions(town.house, digest)
        assert states(town) == {"verifying"}
        town.take_in()
        assert not path.exists()
    town.land("access", "others.jsonl", [town.visit(town.neighbour, None, town.days[0], 1)])
    [first, _] = certify_deletions(town.house, digest)
    landing = first.certificate.datasets[-1]
    assert (landing.dataset, landing.outcome) == ("landing", "absent")
    assert landing.reason == "1 files wait for ingestion, and no line of the member is in them"


def test_copy_that_no_contract_names_keeps_the_deletion_open(town):
    digest = town.approve_stranger()
    copy = town.home / "reports" / "export.csv"
    copy.write_text(town.pseudonyms(town.stranger)[0].hex())
    with pytest.raises(DeletionIncompleteError, match=r"found 1 occurrences .*export\.csv"):
        town.finish(digest)
    assert states(town) == {"verifying"}
    assert not list(town.house.settings.certificates.glob("*.jws"))
    copy.unlink()
    assert find_open_plans(town.house) == (digest,)
    assert len(town.finish(digest)) == 1


def test_damaged_file_in_the_lake_keeps_the_deletion_open(town):
    digest = town.approve_stranger()
    [whole, *_] = file_uris(town.house.lake, town.house.catalogue.get("lake", "page_views"))
    torn = Path(whole).with_name("part-torn.parquet")
    torn.write_bytes(Path(whole).read_bytes()[:-10])
    with pytest.raises(DeletionIncompleteError, match=r"could not read 1 files; first .*part-torn\.parquet: damaged"):
        town.finish(digest)
    torn.unlink()
    assert len(town.finish(digest)) == 1


def test_file_that_is_just_being_written_is_read_a_moment_later(town, monkeypatch: pytest.MonkeyPatch):
    digest = town.approve_stranger()
    unfinished = town.home / "lake" / "page_views" / "part-new.parquet"
    unfinished.write_bytes(b"PAR1 and no footer yet")
    pauses: list[float] = []

    def finish_writing(seconds: float) -> None:
        pauses.append(seconds)
        if seconds:
            unfinished.unlink()

    monkeypatch.setattr(certify, "RESCAN_SECONDS", 5.0)
    monkeypatch.setattr(certify.time, "sleep", finish_writing)
    assert len(town.finish(digest)) == 1
    assert pauses == [0, 5.0]


def test_lake_outside_the_home_is_scanned_too(open_town, town, tmp_path: Path):
    shutil.move(town.home / "lake", tmp_path / "elsewhere")
    moved = open_town(town.home, TOKUMEI_LAKE_URI=f"file://{tmp_path}/elsewhere")
    report = scan_for_subjects(moved.house, [moved.subject(moved.leaver)])
    assert any(Path(finding.path).is_relative_to(tmp_path / "elsewhere") for finding in report.findings)
    assert not scan_for_subjects(moved.house, [moved.subject(moved.stranger)]).findings


def test_lake_in_an_object_store_cannot_be_certified_by_a_scan_of_files(town):
    far = replace(town.house, lake=open_lake("s3://bucket/lake"))
    with pytest.raises(ConfigurationError, match="object store"):
        scan_for_subjects(far, [town.subject(town.leaver)])


def test_missing_signing_key_is_named_before_anything_is_certified(town):
    digest = town.approve_stranger()
    run_plan(town.house, digest)
    town.house.settings.signing_key_file.unlink()
    with pytest.raises(MissingKeyError, match="signing key"):
        certify_deletions(town.house, digest)
    assert states(town) == {"verifying"}


def test_error_of_a_deletion_holds_no_identifier(town):
    digest = town.approve_stranger()
    secret = town.pseudonyms(town.stranger)[0].hex()
    (town.home / "reports" / secret).write_text(secret)
    with pytest.raises(DeletionIncompleteError) as raised:
        town.finish(digest)
    assert secret not in str(raised.value)
    assert town.stranger not in str(raised.value)


def test_request_that_cannot_be_decided_is_not_planned(town):
    request_deletion(town.house, town.stranger, request_key="stranger", facts=None)
    assert decide_requests(town.house) == ()
    assert plan_deletions(town.house) is None
    [request] = list_requests(town.house.ledger)
    assert (request.state, request.reason) == ("waiting", "no account facts are known yet")
