"""A copy that is restored brings nobody back: it is noticed before anything is built on it, and deletions go again."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.control.kept_subjects import list_kept
from pipelines.control.requests import list_requests
from pipelines.control.subjects import read_departed
from pipelines.errors import DeletionIncompleteError, RestoredCopyError
from pipelines.journeys import certify
from pipelines.journeys.audit import audit
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.copies import find_gaps, require_in_step
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.reapply import reapply_deletions
from pipelines.journeys.replay import replay_rejected
from pipelines.journeys.retain import retain
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.rewrite import multiset_hash
from pipelines.proof.scan import scan

HOLDING_MEMBERS = {"page_views", "security_events", "device_events", "survey_responses", "identity_links"}


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)


@dataclass(frozen=True)
class Before:
    """A town that two members have left, certified; copies taken before that; and what must never be found again."""

    home: Path
    lake: Path
    ledger: Path
    gone: list[bytes]


@pytest.fixture(scope="module")
def before(open_town, tmp_path_factory) -> Before:
    town = open_town()
    copies = tmp_path_factory.mktemp("copies")
    shutil.copytree(town.home / "lake", copies / "lake")
    shutil.copy(town.home / "control.db", copies / "control.db")
    accept_landed(town.house)
    digest = town.approve()
    gone = [value for request in list_requests(town.house.ledger) for value in town.events_of(request)]
    town.finish(digest)
    assert scan([town.home], gone, excluded=[town.home / "keys"]).clean
    town.house.ledger.dispose()
    return Before(town.home, copies / "lake", copies / "control.db", gone)


@pytest.fixture
def town(open_town, before: Before, tmp_path: Path):
    """A copy of that town, which a test may harm."""
    return open_town(shutil.copytree(before.home, tmp_path / "home"))


def restore_lake(town, before: Before, *tables: str) -> None:
    for table in tables or [path.name for path in before.lake.iterdir()]:
        shutil.rmtree(town.home / "lake" / table, ignore_errors=True)
        shutil.copytree(before.lake / table, town.home / "lake" / table)


def land_visit(town, name: str = "after.jsonl") -> None:
    town.land("access", name, [town.visit(town.neighbour, town.phone(town.neighbour), town.days[1], 7)])


def test_installation_that_nobody_touched_is_in_step(town):
    require_in_step(town.house)
    done = reapply_deletions(town.house)
    assert (done.searched_count, done.request_ids, done.tables) == (2, (), ())


def test_restored_lake_is_refused_until_everybody_is_gone_again(town, before):
    rows = {table: multiset_hash(town.rows(table)) for table in HOLDING_MEMBERS}
    restore_lake(town, before)
    land_visit(town)
    assert not scan([town.home], before.gone[:1], excluded=[town.home / "keys"]).clean, "the positive control"
    for step in (lambda house: ingest(house, find_files(house)), build_marts, replay_rejected):
        with pytest.raises(RestoredCopyError, match=r"older than the ledger: .*run `tokumei delete reapply`"):
            step(town.house)
    assert (town.home / "landing" / "access" / "after.jsonl").exists()
    done = reapply_deletions(town.house)
    assert (done.searched_count, len(done.request_ids), set(done.tables)) == (2, 2, HOLDING_MEMBERS)
    assert reapply_deletions(town.house).request_ids == done.request_ids, "who is filed for is not filed for again"
    with pytest.raises(RestoredCopyError, match="2 members who were deleted are stored again"):
        build_marts(town.house)
    certified = town.finish(town.approve())
    assert {verified.certificate.request_id for verified in certified} == set(done.request_ids)
    assert scan([town.home], before.gone, excluded=[town.home / "keys"]).clean
    assert {table: multiset_hash(town.rows(table)) for table in HOLDING_MEMBERS} == rows, "nobody else lost a row"
    [delivery] = ingest(town.house, find_files(town.house))
    assert delivery.state == "committed"
    build_marts(town.house)
    assert audit(town.house).tombstone_count == 2


def test_one_restored_table_is_noticed_and_named(town, before):
    restore_lake(town, before, "page_views")
    assert {table for table, _ in find_gaps(town.house)} == {"page_views"}
    with pytest.raises(RestoredCopyError, match="the ledger: page_views hold"):
        build_marts(town.house)
    assert len(reapply_deletions(town.house).request_ids) == 2
    town.finish(town.approve())
    assert scan([town.home], before.gone, excluded=[town.home / "keys"]).clean, "their own devices' rows too"


@pytest.mark.parametrize("table", sorted(HOLDING_MEMBERS))
def test_audit_finds_who_left_in_whichever_table_brought_them_back(town, before, table):
    restore_lake(town, before, table)
    with pytest.raises(DeletionIncompleteError, match=rf"occurrences .* first \S*/lake/{table}/"):
        audit(town.house)


def test_audit_finds_rows_of_devices_on_which_nobody_was_signed_in(town, before):
    contract = town.house.catalogue.get("lake", "page_views")
    stored = pl.read_delta(str(before.lake / "page_views"))
    theirs = stored.filter(pl.col("user_pseudonym").is_null() & pl.col("device_pseudonym").is_in(before.gone))
    assert theirs.height == 1
    commit_parts(town.house.lake, contract, write_parts(town.house.lake, contract, theirs), "copied by hand")
    with pytest.raises(DeletionIncompleteError, match="lake/page_views/"):
        audit(town.house)


def test_restoring_the_same_copy_twice_is_noticed_twice(town, before):
    for time in (1, 2):
        restore_lake(town, before)
        assert len(reapply_deletions(town.house).request_ids) == 2, time
        town.finish(town.approve())
    assert scan([town.home], before.gone, excluded=[town.home / "keys"]).clean


def test_lost_table_without_anybody_in_it_is_accepted_as_it_is(town):
    shutil.rmtree(town.home / "lake" / "survey_responses")
    with pytest.raises(RestoredCopyError, match="survey_responses"):
        require_in_step(town.house)
    assert reapply_deletions(town.house).request_ids == ()
    require_in_step(town.house)


def test_device_that_somebody_else_uses_now_is_theirs(town, before):
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    town.land("access", "next.jsonl", [town.visit(town.neighbour, town.phone(town.leaver), tomorrow, 1)])
    town.take_in()
    rows = multiset_hash(town.rows("page_views").filter(event_at=datetime.fromisoformat(f"{tomorrow}T01:01:00Z")))
    restore_lake(town, before, "survey_responses")
    assert len(reapply_deletions(town.house).request_ids) == 2
    town.finish(town.approve())
    kept = town.rows("page_views").filter(event_at=datetime.fromisoformat(f"{tomorrow}T01:01:00Z"))
    assert (kept.height, multiset_hash(kept)) == (1, rows)


def test_ledger_older_than_the_certificates_is_refused(open_town, town, before):
    town.house.ledger.dispose()
    shutil.copy(before.ledger, town.home / "control.db")
    older = open_town(town.home)
    land_visit(older)
    for step in (lambda house: ingest(house, find_files(house)), build_marts):
        with pytest.raises(RestoredCopyError, match="the ledger is older than 2 certificates"):
            step(older.house)


def test_ledger_without_tombstones_is_refused(town):
    with town.house.ledger.begin() as connection:
        connection.exec_driver_sql("DELETE FROM tombstones")
    for step in (lambda house: ingest(house, find_files(house)), build_marts):
        with pytest.raises(RestoredCopyError, match="the ledger holds no tombstone"):
            step(town.house)


def test_kept_subjects_show_nothing_and_go_when_no_copy_can_hold_them(open_town, town, before):
    assert len(list_kept(town.house.ledger)) == 2
    assert scan([town.home / "control.db"], before.gone).clean
    retain(town.house)
    assert len(list_kept(town.house.ledger)) == 2
    brief = open_town(town.home, TOKUMEI_LONGEST_COPY_DAYS="0")
    retain(brief.house)
    assert list_kept(brief.house.ledger) == ()
    assert len(read_departed(brief.house.ledger)) == 2, "tombstones stand all the same"
