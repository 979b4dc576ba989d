"""What certificates of the other rights may say, and that the rows behind them are counted as the table's log says."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import CertificateInvalidError
from pipelines.proof.certificate import Certificate, DatasetOutcome, ScanSummary, issue, verify_all
from pipelines.proof.restriction import digest_members, read_restricted_digest
from pipelines.proof.rows import count_rows, count_values, hash_others

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
OUTCOMES = {"access": "exported", "restrict": "restricted", "unrestrict": "restored", "correct": "corrected"}
ME, OTHER = b"m" * 16, b"o" * 16


def state(kind: str, outcome: str, row_count: int = 1, **changes) -> Certificate:
    plain = Certificate(
        request_id=f"r-{kind}",
        policy_version="1",
        contract_digest="c",
        requested_at=NOW,
        completed_at=NOW,
        plan_digest="p",
        approved_by="officer",
        approved_at=NOW,
        datasets=(DatasetOutcome("lake.page_views", outcome, row_count), DatasetOutcome("marts.usage", "recomputed")),
        scan=ScanSummary(4, 1, 1, 0),
        kind=kind,
    )
    return replace(plain, **changes)


def test_each_right_is_certified_in_the_same_chain(tmp_path: Path, signing_key: bytes):
    for kind, outcome in OUTCOMES.items():
        issue(state(kind, outcome), signing_key, tmp_path)
    assert [each.certificate.kind for each in verify_all(tmp_path)] == [*OUTCOMES]


@pytest.mark.parametrize(
    ("certificate", "rule"),
    [
        (state("access", "erased"), "not of access"),
        (state("restrict", "exported"), "not of restrict"),
        (state("deletion", "restricted"), "not of deletion"),
        (state("portability", "exported"), "kind must be one of"),
        (state("access", "exported", 0), "no row was exported"),
        (state("correct", "corrected", export_digest="d"), "only access has an export"),
        (state("restrict", "restricted", scan=ScanSummary(4, 1, 1, 2)), "must not find"),
    ],
)
def test_certificate_that_says_what_its_right_cannot_is_not_issued(
    tmp_path: Path, signing_key: bytes, certificate: Certificate, rule: str
):
    with pytest.raises(CertificateInvalidError, match=rule):
        issue(certificate, signing_key, tmp_path)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A Delta table whose log adds three files and removes one; the second file lacks a later column."""
    root, log = tmp_path / "answers", tmp_path / "answers" / "_delta_log"
    log.mkdir(parents=True)
    rows = {
        "event_date=2026-11-20/part-1.parquet": {"user": [ME, OTHER], "csat": [1, 4]},
        "event_date=2026-11-21/part-2.parquet": {"user": [ME, OTHER]},
        "event_date=2026-11-22/part-3.parquet": {"user": [ME], "csat": [1]},
    }
    for name, columns in rows.items():
        (root / name).parent.mkdir()
        pq.write_table(pa.table(columns), root / name)
    actions = [[{"add": {"path": name.replace("=", "%3D")}} for name in rows], [{"remove": {"path": [*rows][2]}}]]
    for version, commit in enumerate(actions):
        (log / f"{version:020}.json").write_text("".join(json.dumps(action) + "\n" for action in commit))
    return root


def test_rows_are_counted_in_the_files_that_the_log_names_and_no_others(table: Path):
    assert count_rows(table, {"user": [ME]}) == 2
    assert count_rows(table, {"user": [ME, OTHER]}) == 4
    assert count_rows(table, {"device": [ME]}) == count_rows(table, {}) == 0
    assert count_values(table, {"user": [ME]}, "csat", "1") == 1
    assert count_values(table, {"user": [ME]}, "csat", "1", "2026-11-21") == 0


def test_hash_of_others_does_not_see_the_subject_and_sees_everybody_else(table: Path):
    before = hash_others(table, {"user": [ME]})
    path = table / "event_date=2026-11-20" / "part-1.parquet"
    pq.write_table(pa.table({"user": [OTHER, ME], "csat": [4, 5]}), path)
    assert hash_others(table, {"user": [ME]}) == before
    pq.write_table(pa.table({"user": [OTHER, ME], "csat": [3, 5]}), path)
    after = hash_others(table, {"user": [ME]})
    assert (after.row_count, after.rows_hash != before.rows_hash) == (before.row_count, True)


def test_digest_of_members_tells_sets_apart_and_a_file_that_is_not_there_says_nothing(tmp_path: Path):
    members = [("usage", ME), ("usage", OTHER)]
    assert digest_members(members) == digest_members([*reversed(members), members[0]]) != digest_members(members[:1])
    assert read_restricted_digest(tmp_path / "tokumei.duckdb") is None
