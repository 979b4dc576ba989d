"""An audit finds whatever breaks a promise on disk, and raises no alarm over what keeps it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.errors import CertificateInvalidError, DeletionIncompleteError
from pipelines.journeys import certify
from pipelines.journeys.audit import audit
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.house import House
from pipelines.lake.append import commit_parts, write_parts
from tests.integration.houses import found_house

CANARY = "canary-7f3a9c1e@example.jp"


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)


@pytest.fixture
def empty_house(tmp_path: Path) -> Iterator[House]:
    house = found_house(tmp_path / "home")
    yield house
    house.ledger.dispose()


@pytest.fixture(scope="module")
def bereft(open_town) -> Path:
    """The home of a town that a stranger has left, certified."""
    town = open_town()
    town.finish(town.approve_stranger())
    town.house.ledger.dispose()
    return town.home


@pytest.fixture
def left(open_town, bereft: Path, tmp_path: Path):
    """A copy of that town, which a test may harm."""
    return open_town(shutil.copytree(bereft, tmp_path / "home"))


def plant_canary(town, place: str) -> Path:
    path = town.home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"someone wrote {CANARY} here\n")
    return path


def test_installation_without_deletions_and_canaries_is_in_order_without_reading_a_file(empty_house: House):
    found = audit(empty_house)
    assert (found.certificate_count, found.canary_count, found.tombstone_count, found.file_count) == (0, 0, 0, 0)


@pytest.mark.slow
def test_audit_tells_what_it_looked_at(left):
    found = audit(left.house)
    assert (found.certificate_count, found.canary_count, found.tombstone_count) == (1, 0, 1)
    assert found.file_count > 20
    assert found.byte_count > 10_000


def test_members_who_wait_for_approval_are_no_residue(town):
    accept_landed(town.house)
    town.approve()
    assert audit(town.house).tombstone_count == 0


def test_table_that_no_contract_declares_is_named(left):
    (left.home / "lake" / "page_views_backup").mkdir()
    with pytest.raises(DeletionIncompleteError, match="page_views_backup, which no contract declares"):
        audit(left.house)


def test_canary_is_found_wherever_it_came_through(left, open_town, tmp_path: Path):
    listed = tmp_path / "canaries.txt"
    listed.write_text(f"{CANARY}\n")
    watched = open_town(left.home, TOKUMEI_CANARIES=str(listed))
    assert audit(watched.house).canary_count == 1
    planted = plant_canary(left, "airflow/logs/attempt=1.log")
    with pytest.raises(DeletionIncompleteError, match=r"attempt=1\.log") as raised:
        audit(watched.house)
    assert CANARY not in str(raised.value)
    planted.unlink()
    audit(watched.house)


def test_canary_in_landing_or_in_its_own_list_is_where_it_belongs(left, open_town):
    listed = left.home / "canaries.txt"
    listed.write_text(f"{CANARY}\n")
    plant_canary(left, "landing/access/app.log")
    assert audit(open_town(left.home, TOKUMEI_CANARIES=str(listed)).house).canary_count == 1


def test_member_who_left_and_is_stored_again_is_found(left):
    contract = left.house.catalogue.get("lake", "identity_links")
    subject = left.subject(left.stranger)
    row = {
        "event_date": [datetime(2026, 11, 20, tzinfo=UTC).date()],
        "subject_bucket": [0],
        "purpose": ["membership"],
        "user_pseudonym": [subject.users["membership"][0]],
        "device_pseudonym": [bytes(16)],
        "key_id": ["membership-1"],
        "file_id": ["restored"],
    }
    rows = pl.DataFrame(row, schema=polars_schema(contract))
    commit_parts(left.house.lake, contract, write_parts(left.house.lake, contract, rows), "restored from a backup")
    with pytest.raises(DeletionIncompleteError, match="identity_links"):
        audit(left.house)


@pytest.mark.slow
def test_device_of_who_left_in_the_next_ones_hands_is_no_residue(town):
    accept_landed(town.house)
    town.finish(town.approve())
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    town.land("access", "next.jsonl", [town.visit(town.neighbour, town.phone(town.leaver), tomorrow, 1)])
    unsigned = [town.visit(None, town.phone(user), tomorrow, 2) for user in (town.leaver, town.follower)]
    town.land("access", "unsigned.jsonl", unsigned)
    town.take_in()
    assert audit(town.house).tombstone_count == 2


def test_changed_certificate_is_found(left):
    [path] = left.house.settings.certificates.glob("*.jws")
    signed = path.read_bytes()
    path.write_bytes(signed[:-2] + (b"AA" if signed[-2:] != b"AA" else b"BB"))
    with pytest.raises(CertificateInvalidError):
        audit(left.house)


def test_certificate_cut_off_the_end_of_the_chain_is_missed(left):
    [path] = left.house.settings.certificates.glob("*.jws")
    path.unlink()
    with pytest.raises(CertificateInvalidError, match=f"1 completed requests have no certificate, first {path.stem}"):
        audit(left.house)


def test_damaged_file_of_the_lake_is_no_proof(left):
    (left.home / "lake" / "searches").mkdir(exist_ok=True)
    (left.home / "lake" / "searches" / "part-0.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(DeletionIncompleteError, match=r"part-0\.parquet: damaged"):
        audit(left.house)
