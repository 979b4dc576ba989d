"""A file in landing is found by what people name, left while somebody writes it, and never kept by an identifier."""

import logging

import pytest

from pipelines.control.deliveries import LineCounts, file_accounts, held_files
from pipelines.errors import ConfigurationError
from pipelines.journeys import ingest as journey
from pipelines.journeys import stage as staging
from pipelines.journeys.ingest import find_files, ingest, ingest_file, name_files
from pipelines.proof.scan import scan
from tests.integration.landed import deliver, ingest_all, parts_on_disk, requests


def test_file_that_another_run_took_away_is_nobodys_failure(house):
    path = deliver(house, "access/a.log", requests(1))
    (file,) = find_files(house)
    path.unlink()
    assert ingest_file(house, file) is None


def test_repeated_task_skips_the_paths_that_it_has_taken_in(house):
    paths = [deliver(house, f"access/{name}.log", requests(number)) for number, name in enumerate("ab")]
    names = [str(path) for path in paths]
    ingest(house, name_files(house, names[:1]))
    assert [file.path for file in name_files(house, names)] == paths[1:]
    with pytest.raises(ConfigurationError, match=r"there is no file access/c.log in landing"):
        name_files(house, [f"{house.settings.landing}/access/c.log"])


def test_directories_and_globs_name_what_waits_below_them_once(house):
    for name in ("access/a.log", "access/host1/a.log", "access/host1/b.log", "accounts/a.jsonl"):
        deliver(house, name, "")
    landing = house.settings.landing
    named = name_files(house, [f"{landing}/access/host1", f"{landing}/access/*a.log", f"{landing}/accounts"])
    assert [f"{file.source}/{file.name}" for file in named] == [
        "accounts/a.jsonl", "access/a.log", "access/host1/a.log", "access/host1/b.log"
    ]  # fmt: skip
    assert name_files(house, [f"{landing}/access/2026-*.log", f"{landing}/surveys"]) == ()


def test_file_that_is_still_written_is_left_and_taken_once_its_writer_is_done(house):
    path = house.settings.landing / "access/a.log"
    deliver(house, "access/b.log", requests(9))
    with path.open("w") as writer:
        writer.write(requests(1))
        writer.flush()
        left, committed = ingest_all(house)
        assert (left.state, left.counts, committed.state) == ("left", LineCounts(), "committed")
        assert left.reason == "access/a.log is still being written; it stays in landing for a later run"
        assert held_files(house.ledger) == ()
        writer.write(requests(2))
    assert ingest_all(house)[0].counts == LineCounts(read=2, accepted=2)
    assert file_accounts(house.ledger)["state"].to_list() == ["committed", "committed"]


@pytest.mark.parametrize("change", ["grow", "replace"])
def test_file_that_changes_while_it_is_read_is_left_and_nothing_of_it_stored(house, monkeypatch, change):
    path = deliver(house, "access/a.log", requests(1))
    stage_file = staging._stage_file

    def stage_and_change(*arguments):
        stage = stage_file(*arguments)
        if change == "grow":
            with path.open("a") as writer:
                writer.write(requests(2))
        else:
            path.with_suffix(".new").write_text(requests(3))
            path.with_suffix(".new").replace(path)
        return stage

    with monkeypatch.context() as patched:
        patched.setattr(staging, "_stage_file", stage_and_change)
        (left,) = ingest_all(house)
    assert left.state == "left"
    assert parts_on_disk(house) == []
    assert file_accounts(house.ledger).height == 0
    assert ingest_all(house)[0].counts.read == (2 if change == "grow" else 1)


@pytest.mark.parametrize("change", ["grow", "replace"])
def test_file_that_changes_after_it_was_committed_is_never_removed(house, monkeypatch, change):
    path = deliver(house, "access/a.log", requests(1, 2))
    record = journey.record_delivery

    def record_and_change(*arguments):
        entered = record(*arguments)
        path.with_suffix(".new").write_text(requests(1, 2) + requests(3) if change == "grow" else requests(3))
        path.with_suffix(".new").replace(path)
        return entered

    with monkeypatch.context() as patched:
        patched.setattr(journey, "record_delivery", record_and_change)
        assert ingest_all(house)[0].state == "committed"
    assert path.exists()
    assert ingest_all(house)[0].counts.accepted == 1
    assert not path.exists()


def test_no_name_of_a_file_is_kept_with_an_identifier_in_it(house, caplog):
    member, visitor = "u123456789", "taro@example.jp"
    content = {"held": "torn\n", "taken": requests(1), "again": requests(1), "empty": ""}
    for name, lines in content.items():
        deliver(house, f"access/{member}/{name}-{visitor}.log", lines)
    found = find_files(house)
    with caplog.at_level(logging.DEBUG):
        deliveries = ingest(house, found)
    assert [delivery.state for delivery in deliveries] == ["committed", "committed", "held", "duplicate"]
    assert [source for source, _, _ in held_files(house.ledger)] == ["access"]
    assert find_files(house) == (found[2],)
    assert member not in caplog.text
    assert visitor not in caplog.text
    assert scan([house.settings.home], [member, visitor], excluded=[house.settings.landing]).findings == ()
    found[2].path.unlink()
    ingest_all(house)
    assert held_files(house.ledger) == ()
