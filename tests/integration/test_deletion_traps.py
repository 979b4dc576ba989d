"""Traps that other systems fell into, each by its name: none of them keeps bytes, loses rows or completes too early."""

import os
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipelines.control.requests import list_requests
from pipelines.errors import DeletionIncompleteError, TokumeiError
from pipelines.journeys import certify
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.delete import accept_landed, run_plan
from pipelines.journeys.ingest import find_files, ingest
from pipelines.lake import purge
from pipelines.lake.layout import file_uris, open_table
from pipelines.lake.rewrite import multiset_hash, remove_subjects
from pipelines.proof.scan import scan
from pipelines.warehouse.query import run_query

TABLES = ("page_views", "security_events", "device_events", "survey_responses", "identity_links")

LEFT_BY_A_BUILD = [
    "spill/duckdb_temp_storage-0.tmp",
    "tokumei.duckdb.dead.building.wal",
    "parquet.dead.building/usage_daily.parquet",
]


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)


@pytest.fixture
def digest(town) -> str:
    """An approved plan for two members."""
    accept_landed(town.house)
    return town.approve()


def states(town) -> set[str]:
    return {request.state for request in list_requests(town.house.ledger)}


def contract(town, table: str):
    return town.house.catalogue.get("lake", table)


def versions(town) -> dict[str, int]:
    return {table: open_table(town.house.lake, contract(town, table)).version() for table in TABLES}


def plant(path: Path, content: bytes, age: float = 0.0) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    written = path.stat().st_mtime - age
    os.utime(path, (written, written))
    return path


def damage_log(table: Path) -> None:
    for entry in (table / "_delta_log").iterdir():
        entry.write_bytes(b"{")


def replace_by_file(table: Path) -> None:
    shutil.rmtree(table)
    table.write_bytes(b"no table")


def lose_file(table: Path) -> None:
    for file in table.rglob("*.parquet"):
        file.unlink()


def test_zero_matches_are_a_success_that_commits_nothing(town):
    digest, before = town.approve_stranger(), versions(town)
    assert all(figures["rows"] == 0 for figures in run_plan(town.house, digest).values())
    assert versions(town) == before
    [verified] = certify_deletions(town.house, digest)
    assert {part.outcome for part in verified.certificate.datasets} <= {"absent", "exempt", "recomputed"}
    assert verified.certificate.final


@pytest.mark.parametrize("break_it", [damage_log, replace_by_file, lose_file])
def test_dataset_out_of_reach_midway_keeps_every_request_open_until_it_is_back(
    town, digest: str, tmp_path: Path, break_it, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.lake.layout.READ_ATTEMPTS", 2)
    table = town.home / "lake" / "survey_responses"
    copy = shutil.copytree(table, tmp_path / "copy")
    before = {name: multiset_hash(town.rows(name)) for name in TABLES}
    break_it(table)
    with pytest.raises(TokumeiError) as raised:
        town.finish(digest)
    assert town.leaver not in str(raised.value)
    assert "completed" not in states(town)
    assert not list(town.house.settings.certificates.glob("*.jws"))
    shutil.rmtree(table) if table.is_dir() else table.unlink()
    shutil.copytree(copy, table)
    if states(town) == {"ready"}:
        digest = town.approve()
    gone = [value for request in list_requests(town.house.ledger) for value in town.events_of(request)]
    assert len(town.finish(digest)) == 2
    assert scan([town.home], gone, excluded=[town.home / "keys"]).clean
    assert all(multiset_hash(town.rows(name)) != before[name] for name in TABLES)


def test_file_still_being_written_keeps_the_deletion_open_until_its_writer_is_done(town, digest: str):
    run_plan(town.house, digest)
    path = town.land("access", "current.jsonl", [town.visit(town.leaver, None, town.days[0], 1)])
    with path.open("a") as writer:
        assert {delivery.state for delivery in ingest(town.house, find_files(town.house))} == {"left"}
        assert path.exists()
        with pytest.raises(DeletionIncompleteError):
            certify_deletions(town.house, digest)
        writer.write("")
    assert states(town) == {"verifying"}
    town.take_in()
    assert len(certify_deletions(town.house, digest)) == 2


def test_rewrite_tells_the_log_no_identifier_as_delete_would(town):
    [leaver], [neighbour] = (town.subject(user).users["usage"] for user in (town.leaver, town.neighbour))
    views, log = contract(town, "page_views"), town.home / "lake" / "page_views" / "_delta_log"
    requests = {"request": {"user_pseudonym": [leaver]}}
    assert remove_subjects(town.house.lake, views, requests, plan="plan", announce=lambda _: None)
    assert scan([log], [leaver]).clean
    DeltaTable(log.parent).delete(f"user_pseudonym = X'{neighbour.hex()}'")
    assert not scan([log], [neighbour]).clean, "the positive control"


def test_staging_file_of_a_killed_writer_is_residue_until_no_write_can_be_at_it(town, digest: str):
    [whole, *_] = file_uris(town.house.lake, contract(town, "page_views"))
    subject = town.pseudonyms(town.leaver)[0]
    young = plant(Path(whole).with_name("part-young.parquet#1"), b"PAR1" + subject)
    old = plant(Path(whole).with_name("part-old.parquet#1"), b"PAR1" + subject, purge.LONGEST_WRITE_SECONDS + 60)
    with pytest.raises(DeletionIncompleteError):
        town.finish(digest)
    assert (young.exists(), old.exists(), states(town)) == (True, False, {"verifying"})
    plant(young, young.read_bytes(), purge.LONGEST_WRITE_SECONDS + 60)
    assert len(town.finish(digest)) == 2
    assert not young.exists()


def test_open_reader_alone_keeps_the_replaced_warehouse_and_nothing_new_opens_it(town, digest: str):
    path = town.house.settings.warehouse_file
    count_views = "SELECT sum(page_views) AS page_views FROM marts.usage_daily"
    before = run_query(path, count_views, format="csv")
    with path.open("rb") as reader:
        content = reader.read()
        town.finish(digest)
        reader.seek(0)
        assert reader.read() == content, "as long as it is open"
        assert os.fstat(reader.fileno()).st_nlink == 0, "by no name any more"
        assert os.fstat(reader.fileno()).st_ino not in {each.stat().st_ino for each in town.home.rglob("*")}
    assert run_query(path, count_views, format="csv") != before


@pytest.mark.parametrize("name", LEFT_BY_A_BUILD)
def test_what_a_killed_build_left_is_swept_by_the_deletion(town, digest: str, name: str):
    left = plant(town.house.settings.warehouse_directory / name, town.pseudonyms(town.leaver)[0])
    assert len(town.finish(digest)) == 2
    assert not left.exists()


@pytest.mark.parametrize("name", LEFT_BY_A_BUILD)
def test_what_a_killed_build_left_is_swept_though_no_mart_has_to_be_built(town, name: str):
    digest = town.approve_stranger()
    left = plant(town.house.settings.warehouse_directory / name, town.pseudonyms(town.stranger)[0])
    assert len(town.finish(digest)) == 1
    assert not left.exists()
