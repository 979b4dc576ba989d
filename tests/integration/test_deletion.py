"""A deletion reaches every stored byte of who asked for it, nobody else's, and proves it with a certificate."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipelines.control.moves import list_moves
from pipelines.control.requests import list_requests
from pipelines.control.subjects import AccountFacts
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import accept_landed, find_open_plans, plan_deletions, request_deletion
from pipelines.journeys.ingest import find_files, ingest
from pipelines.lake.rewrite import multiset_hash
from pipelines.proof.certificate import Verified, verify_all
from pipelines.proof.scan import scan
from pipelines.warehouse.directory import identify_file
from pipelines.warehouse.extract import read_mart

TABLES = ("page_views", "security_events", "device_events", "survey_responses", "identity_links")
EVENTS = ("usage", "security", "satisfaction")


@dataclass(frozen=True)
class Finished:
    """A town after the deletion of two members, and what it was like before."""

    town: object
    digest: str
    gone: list[bytes]
    rows: dict[str, pl.DataFrame]
    page_views: dict[date, int]
    certified: tuple[Verified, ...]


def read_page_views(town) -> dict[date, int]:
    usage = read_mart(town.house.settings.warehouse_file, "usage_daily")
    return dict(usage.select("event_date", "page_views").iter_rows())


def outcomes(verified: Verified) -> dict[str, tuple[str, int]]:
    return {part.dataset: (part.outcome, part.row_count) for part in verified.certificate.datasets}


@pytest.fixture(scope="module")
def finished(open_town) -> Finished:
    town = open_town()
    accept_landed(town.house)
    request_deletion(town.house, town.leaver, request_key="again", facts=None)
    events = [value for purpose in EVENTS for value in town.subject(town.leaver).users[purpose]]
    ledger = [town.home / "control.db"]
    assert scan(ledger, [town.leaver, *events]).clean, "the ledger shows no subject of a request"
    digest = town.approve()
    gone = [value for request in list_requests(town.house.ledger) for value in town.events_of(request)]
    for identifier in gone[:4]:
        found = scan([town.home], [identifier], excluded=[town.home / "keys"])
        assert not found.clean, "the positive control: what is to be deleted can be found"
    rows = {table: town.rows(table) for table in ("searches", "rejected_lines", *TABLES)}
    page_views = read_page_views(town)
    return Finished(town, digest, gone, rows, page_views, town.finish(digest))


@pytest.mark.slow
def test_nothing_of_the_deleted_is_left_in_any_byte_under_the_home(finished):
    town, keys = finished.town, finished.town.home / "keys"
    raw = [town.leaver, town.follower, town.phone(town.leaver), town.phone(town.follower)]
    report = scan([town.home], [*finished.gone, *raw], excluded=[keys])
    assert (report.finding_count, report.unreachable, report.undecodable) == (0, (), 0)
    assert not scan([town.home], town.pseudonyms(town.neighbour)[:1], excluded=[keys]).clean, "nobody else is gone"


def test_only_tombstones_are_left_and_only_in_the_ledger(finished):
    town, keys = finished.town, finished.town.home / "keys"
    members = [value for user in (town.leaver, town.follower) for value in town.subject(user).users["membership"]]
    assert not scan([town.home / "control.db"], members).clean
    assert scan([town.home], members, excluded=[keys, town.home / "control.db"]).clean


def test_everyone_elses_rows_stay_equal(finished):
    town = finished.town
    gone = [*finished.gone, *town.pseudonyms(town.leaver, town.follower)]
    for table, rows in finished.rows.items():
        keys = town.house.catalogue.get("lake", table).subject_keys
        theirs = pl.any_horizontal(pl.lit(value=False), *(pl.col(key).is_in(gone) for key in keys))
        kept = rows.filter(~theirs.fill_null(value=False))
        assert (kept.height < rows.height) is (table in TABLES)
        assert multiset_hash(town.rows(table)) == multiset_hash(kept)


def test_own_devices_go_whole_and_shared_ones_only_in_the_subjects_rows(finished):
    def count_visits(rows: pl.DataFrame) -> dict[bytes, int]:
        return dict(rows.group_by("device_pseudonym").len().iter_rows())

    before, after = count_visits(finished.rows["page_views"]), count_visits(finished.town.rows("page_views"))
    lost = {device: (count, after.get(device, 0)) for device, count in before.items() if after.get(device, 0) < count}
    assert sorted(lost.values()) == [
        (3, 0),  # the follower's phone
        (3, 2),  # the tablet keeps its neighbour and a visit that nobody signed in for
        (4, 0),  # the leaver's phone, with the visit that nobody signed in for
    ]


def test_each_move_is_told_with_its_actor(finished):
    ledger = finished.town.house.ledger
    request = list_requests(ledger)[0]
    moves = list_moves(ledger, request.request_id)
    assert [(state, actor) for state, _, actor, _ in moves] == [
        ("received", "web"),
        ("ready", "pipeline"),
        ("planned", "pipeline"),
        ("approved", "compliance-officer"),
        ("running", "pipeline"),
        ("verifying", "pipeline"),
        ("completed", "pipeline"),
    ]
    times = [at for _, at, _, _ in moves]
    assert times == sorted(times)
    assert request.sealed_subject is None
    assert request.completed_at is not None


def test_marts_of_the_touched_days_are_made_anew(finished):
    before, after = finished.page_views, read_page_views(finished.town)
    first, second = (date.fromisoformat(day) for day in finished.town.days)
    assert (before[first] - after[first], before[second] - after[second]) == (4, 2)


def test_certificate_counts_each_request_for_itself(finished):
    first, second, again = finished.certified
    assert outcomes(first) == {
        "lake.device_events": ("erased", 2),
        "lake.identity_links": ("erased", 9),
        "lake.page_views": ("erased", 5),
        "lake.quarantined_lines": ("absent", 0),
        "lake.rejected_lines": ("exempt", 0),
        "lake.searches": ("exempt", 0),
        "lake.security_events": ("erased", 1),
        "lake.survey_corrections": ("absent", 0),
        "lake.survey_responses": ("erased", 1),
        "marts.active_users_daily": ("recomputed", 0),
        "marts.bots_daily": ("recomputed", 0),
        "marts.data_quality_daily": ("exempt", 0),
        "marts.deletions_monthly": ("exempt", 0),
        "marts.retention_weekly": ("recomputed", 0),
        "marts.satisfaction_by_segment_weekly": ("recomputed", 0),
        "marts.satisfaction_weekly": ("recomputed", 0),
        "marts.search_daily": ("recomputed", 0),
        "marts.search_terms_daily": ("exempt", 0),
        "marts.security_daily": ("recomputed", 0),
        "marts.traffic_sources_daily": ("recomputed", 0),
        "marts.usage_by_environment_daily": ("recomputed", 0),
        "marts.usage_by_page_daily": ("recomputed", 0),
        "marts.usage_daily": ("recomputed", 0),
        "control.account_facts": ("erased", 1),
        "landing": ("absent", 0),
    }
    erased = ("page_views", "identity_links", "device_events", "survey_responses", "security_events")
    assert [outcomes(second)[f"lake.{table}"][1] for table in erased] == [3, 6, 1, 1, 1]
    assert outcomes(second)["control.account_facts"] == ("erased", 1)
    assert outcomes(again) == outcomes(first), "the same member, who asked twice"


def test_certificate_names_plan_approval_and_scan_and_no_identifier(finished):
    town = finished.town
    gone = [town.leaver, *finished.gone, *town.pseudonyms(town.leaver, town.follower)]
    for verified in finished.certified:
        certificate = verified.certificate
        assert (certificate.plan_digest, certificate.approved_by) == (finished.digest, "compliance-officer")
        assert (certificate.scan.residual_count, certificate.final) == (0, True)
        assert certificate.scan.identifier_count > len(finished.gone)
        payload = urlsafe_b64decode(verified.path.read_bytes().split(b".")[1] + b"==")
        assert json.loads(payload)["request_id"] == certificate.request_id
        (town.home / "reports" / "payload.json").write_bytes(payload)
        assert scan([town.home / "reports", town.home / "certificates"], gone).clean


def test_certificates_form_one_chain(finished):
    chain = verify_all(finished.town.house.settings.certificates)
    assert [verified.certificate.sequence for verified in chain] == [1, 2, 3]
    assert {verified.path for verified in chain} == {verified.path for verified in finished.certified}


def test_finished_deletion_asked_for_again_changes_nothing(finished):
    assert finished.town.finish(finished.digest) == finished.certified
    assert find_open_plans(finished.town.house) == ()
    assert plan_deletions(finished.town.house) is None


def test_late_lines_of_who_left_are_left_out(finished):
    town, phone = finished.town, finished.town.phone(finished.town.leaver)
    before = {table: multiset_hash(town.rows(table)) for table in TABLES}
    late = [(town.leaver, None), (None, phone), (town.leaver, phone)]
    lines = [town.visit(user, device, town.days[0], minute) for minute, (user, device) in enumerate(late)]
    town.land("access", "late.jsonl", lines)
    [delivery] = ingest(town.house, find_files(town.house))
    assert (delivery.state, delivery.counts.accepted, delivery.counts.suppressed) == ("committed", 0, 3)
    assert {table: multiset_hash(town.rows(table)) for table in TABLES} == before


def test_device_of_who_left_may_be_used_by_the_next_one(finished):
    town = finished.town
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    town.land("access", "next.jsonl", [town.visit(town.neighbour, town.phone(town.leaver), tomorrow, 1)])
    [delivery] = ingest(town.house, find_files(town.house))
    assert delivery.counts.accepted == 1


def test_member_of_whom_nothing_is_stored_is_certified_as_absent_and_no_mart_is_built(town):
    before = identify_file(town.house.settings.warehouse_file)
    [verified] = town.finish(town.approve_stranger())
    assert {outcome for outcome, _ in outcomes(verified).values()} == {"absent", "recomputed", "exempt"}
    assert identify_file(town.house.settings.warehouse_file) == before


def test_member_with_open_trades_waits_until_they_are_closed(town):
    accept_landed(town.house)
    request_deletion(town.house, town.neighbour, request_key="early", facts=AccountFacts(0, 1, None))
    assert len(decide_requests(town.house)) == 2
    [waiting] = list_requests(town.house.ledger, ("waiting",))
    assert waiting.request_key == "early"
    assert waiting.reason == "there are open trades, by the facts given with the request"
    assert waiting.request_id not in plan_deletions(town.house).request_ids
