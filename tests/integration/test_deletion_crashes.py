"""A crash after any side effect of a deletion, then a run to the end: the same certificates, rows and marts."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipelines.control.moves import list_moves
from pipelines.control.requests import list_requests
from pipelines.journeys.audit import audit, require_declared
from pipelines.journeys.delete import accept_landed, find_open_plans
from pipelines.lake.rewrite import multiset_hash
from pipelines.proof.certificate import Certificate, DatasetOutcome, ScanSummary, verify_all
from pipelines.proof.scan import scan
from pipelines.warehouse.extract import read_mart

TABLES = ("page_views", "security_events", "device_events", "survey_responses", "identity_links", "searches")
TIMED_MART = "deletions_monthly"  # says how long each request took until the last build
WAY = ["received", "ready", "planned", "approved", "running", "verifying", "completed"]


def points(step: str, counts: range, effect: str) -> list:
    return [pytest.param(step, count, id=f"{effect} {count}") for count in counts]


POINTS = [
    *points("move_requests", range(1, 2), "requests running"),
    *points("write_file", range(1, 4, 2), "survivors written, file"),
    *points("note_outcome", range(1, 2), "rewrite announced, table"),
    *points("commit_actions", range(1, 2), "rewritten, table"),
    *points("commit_actions", range(2, 6), "rewritten, table"),
    *points("build_warehouse", range(1, 2), "marts built"),
    *points("mark_built", range(1, 2), "marts noted"),
    *points("publish_warehouse", range(1, 2), "marts published"),
    *points("note_outcome", range(6, 7), "facts noted"),
    *points("forget_account_facts", range(1, 2), "facts forgotten"),
    *points("vacuum", range(1, 2), "old files removed, table"),
    *points("create_checkpoint", range(1, 2), "log gathered, table"),
    *points("cleanup_metadata", range(1, 2), "old log removed, table"),
    *points("_sweep_orphans", range(1, 6, 4), "purged, table"),
    *points("move_requests", range(2, 3), "requests verifying"),
    *points("note", range(1, 3), "certificate noted"),
    *points("write_report", range(1, 2), "scan report kept"),
    *points("write_atomically", range(1, 4, 2), "file of certificates written"),
    *points("issue", range(1, 2), "certified, request"),
    *points("issue", range(2, 3), "certified, request"),
    *points("complete", range(1, 2), "completed, request"),
]


@dataclass(frozen=True)
class Facts:
    """What a deletion leaves and says, apart from when it did so, in how many commits, and how much it had to read."""

    certificates: list[Certificate]
    rows: dict[str, int]
    marts: dict[str, int]


@pytest.fixture(scope="module")
def approved(open_town) -> Path:
    """The home of a town with an approved plan for two members."""
    town = open_town()
    accept_landed(town.house)
    town.approve()
    town.house.ledger.dispose()
    return town.home


@pytest.fixture(scope="module")
def expected(open_town, approved: Path, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What the deletion comes to when nothing goes wrong."""
    town = open_town(shutil.copytree(approved, tmp_path_factory.mktemp("smooth") / "home"))
    town.finish(*find_open_plans(town.house))
    return describe(town)


def describe(town) -> Facts:
    chain = [verified.certificate for verified in verify_all(town.house.settings.certificates)]
    same = {"completed_at": chain[0].approved_at, "scan": ScanSummary(0, 0, 0, 0), "previous": None}
    assert {certificate.scan.residual_count for certificate in chain} == {0}
    marts = [contract.name for contract in town.house.catalogue.layer("marts") if contract.name != TIMED_MART]
    return Facts(
        certificates=[replace(each, **same, datasets=list_outcomes(each)) for each in chain],
        rows={table: multiset_hash(town.rows(table)) for table in TABLES},
        marts={mart: multiset_hash(read_mart(town.house.settings.warehouse_file, mart)) for mart in marts},
    )


def list_outcomes(certificate: Certificate) -> tuple[DatasetOutcome, ...]:
    return tuple(replace(part, version_before=None, version_after=None) for part in certificate.datasets)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "count"), POINTS)
def test_deletion_ends_the_same_after_a_crash(
    open_town, approved: Path, expected: Facts, crash_in, tmp_path: Path, *, step: str, count: int
):
    home = shutil.copytree(approved, tmp_path / "home")
    crash_in("delete_until.py", home, step, count)
    town = open_town(home)
    require_declared(town.house)  # whatever the killed process left lying about is known as the house's own
    requests = list_requests(town.house.ledger)
    gone = [value for request in requests if request.sealed_subject for value in town.events_of(request)]
    [digest] = find_open_plans(town.house)
    town.finish(digest)
    assert describe(town) == expected
    assert scan([home], gone, excluded=[home / "keys"]).clean
    for request in requests:
        states = [state for state, *_ in list_moves(town.house.ledger, request.request_id)]
        assert list(dict.fromkeys(states)) == WAY
    assert audit(town.house).certificate_count == 2
    assert not list((home / "warehouse").glob("*.building"))
