"""The proof of one deletion looks deeply where its subjects can be, and misses none of their rows elsewhere."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import DeletionIncompleteError
from pipelines.journeys import certify
from pipelines.journeys.audit import audit
from pipelines.journeys.certify import scan_for_subjects
from pipelines.journeys.delete import run_plan
from pipelines.journeys.scope import TELLING, find_buckets
from pipelines.lake.layout import file_uris
from pipelines.proof.certificate import verify_all


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)


def test_rows_lie_in_the_buckets_of_their_subjects_wherever_the_contract_says_so(town):
    for contract in town.house.catalogue.layer("lake"):
        if contract.properties.get("bucketOf") not in TELLING:
            continue
        for path in file_uris(town.house.lake, contract):
            held = pl.read_parquet(path, hive_partitioning=False)[contract.properties["bucketOf"]].drop_nulls()
            bucket = int(path.split("subject_bucket=")[1].split("/")[0])
            assert {value[0] % int(contract.properties["buckets"]) for value in held} <= {bucket}


def test_one_subject_has_a_bucket_for_each_pseudonym_and_addresses_tell_nothing(town):
    subject = town.subject(town.stranger)
    buckets = find_buckets(town.house, Path("/lake"), [subject])
    [usage] = subject.users["usage"]
    assert buckets[Path("/lake/page_views")] == {usage[0] % 4}
    assert Path("/lake/security_events") not in buckets
    assert Path("/lake/searches") not in buckets


def test_row_of_a_member_on_a_shared_device_is_found_in_the_devices_bucket(town):
    subject = town.subject(town.leaver)
    report = scan_for_subjects(town.house, [subject])
    own = find_buckets(town.house, town.home / "lake", [subject])[town.home / "lake" / "page_views"]
    outlying = [
        finding
        for finding in report.findings
        if "page_views" in finding.path and not any(f"subject_bucket={bucket}/" in finding.path for bucket in own)
    ]
    shared = {
        path
        for path in file_uris(town.house.lake, town.house.catalogue.get("lake", "page_views"))
        if subject.users["usage"][0] in set(pl.read_parquet(path)["user_pseudonym"])
    }
    assert {finding.path for finding in outlying} <= shared <= {finding.path for finding in report.findings}


def test_row_that_a_deletion_left_in_any_bucket_keeps_it_open(town):
    contract = town.house.catalogue.get("lake", "page_views")
    digest = town.approve_stranger()
    [usage] = town.subject(town.stranger).users["usage"]
    whole = Path(file_uris(town.house.lake, contract)[0])
    run_plan(town.house, digest)
    for bucket in range(4):
        left = whole.parent.with_name(f"subject_bucket={bucket}") / "part-left.parquet"
        left.parent.mkdir(exist_ok=True)
        pl.read_parquet(whole, hive_partitioning=False).with_columns(user_pseudonym=pl.lit(usage)).write_parquet(left)
        with pytest.raises(DeletionIncompleteError, match=r"part-left\.parquet \(parquet column user_pseudonym\)"):
            town.finish(digest)
        left.unlink()
    assert len(town.finish(digest)) == 1


def test_certificate_states_versions_exemptions_ends_and_the_scan_that_it_rests_on(town):
    town.finish(town.approve_stranger())
    [verified] = verify_all(town.house.settings.certificates)
    stated = {part.dataset: part for part in verified.certificate.datasets}
    assert stated["lake.page_views"].version_after is not None
    assert stated["marts.usage_daily"].version_after is None
    today = town.house.now().date()
    assert all(part.until and part.until > today for part in stated.values() if part.outcome == "exempt")
    kept = town.house.settings.certificates / f"{verified.certificate.scan.report_digest}.scan.json"
    figures = json.loads(kept.read_text())
    assert figures["file_count"] == verified.certificate.scan.file_count
    assert figures["outlying_file_count"] == verified.certificate.scan.outlying_count
    assert (figures["finding_count"], figures["unreachable_count"]) == (0, 0)
    assert audit(town.house).certificate_count == 1


def test_file_of_no_declared_format_in_landing_keeps_a_deletion_open(town):
    digest = town.approve_stranger()
    waiting = town.house.settings.landing / "access" / "dump.bin"
    shutil.copy(town.home / "control.db", waiting)
    run_plan(town.house, digest)
    with pytest.raises(DeletionIncompleteError, match="no declared format reads"):
        town.finish(digest)
    waiting.unlink()
    assert len(town.finish(digest)) == 1
