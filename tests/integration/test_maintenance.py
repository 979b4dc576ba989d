"""Deletion and retention runs rewrite tables one at a time, whoever starts them; ingestion goes on meanwhile."""

import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from pipelines.control.maintenance import hold_maintenance
from pipelines.control.requests import list_requests
from pipelines.errors import StorageBusyError
from pipelines.journeys import delete, retain
from pipelines.journeys.delete import accept_landed, find_open_plans, run_plan
from pipelines.lake.layout import open_table
from pipelines.proof.certificate import verify_all

SCRIPT = Path(__file__).with_name("hold_maintenance.py")
TOKUMEI = Path(sys.executable).with_name("tokumei")


@contextmanager
def held_elsewhere(home):
    """Another process at work on the tables, until the block ends."""
    command = [sys.executable, str(SCRIPT), str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def versions(town) -> dict[str, int]:
    lake = town.house.catalogue.layer("lake")
    return {contract.name: open_table(town.house.lake, contract).version() for contract in lake}


@pytest.fixture
def impatient(monkeypatch):
    """Runs that wait half a second for another."""
    for journey in (delete, retain):
        monkeypatch.setattr(journey, "hold_maintenance", partial(hold_maintenance, wait_seconds=0.5))


def test_second_run_by_hand_waits_and_then_says_that_another_is_under_way(town, impatient):
    accept_landed(town.house)
    digest = town.approve()
    before = versions(town)
    with held_elsewhere(town.home):
        for run in (partial(run_plan, town.house, digest), partial(retain.retain, town.house)):
            with pytest.raises(StorageBusyError, match=r"did not end within .*nothing was changed; run this again"):
                run()
    assert versions(town) == before
    assert {request.state for request in list_requests(town.house.ledger)} == {"approved"}
    assert len(town.finish(digest)) == 2


def test_lines_are_taken_in_while_tables_are_rewritten(town, impatient):
    with held_elsewhere(town.home):
        town.land("access", "meanwhile.jsonl", [town.visit(town.neighbour, None, town.days[0], 1)])
        town.take_in()


def test_run_that_was_killed_keeps_nobody_out(town, impatient):
    with held_elsewhere(town.home) as process:
        process.kill()
        process.wait()
    retain.retain(town.house)


@pytest.mark.slow
def test_deletion_and_retention_in_two_processes_wait_for_each_other(town):
    """Both are started while a third run has the tables: nothing moves before it ends, then both come to their end."""
    accept_landed(town.house)
    town.approve()
    before = versions(town)
    environment = {"TOKUMEI_HOME": str(town.home), "PATH": "/usr/bin:/bin"}
    with held_elsewhere(town.home):
        runs = [
            subprocess.Popen([TOKUMEI, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for command in (("delete", "run"), ("retain",))
        ]
        time.sleep(8)
        assert [run.poll() for run in runs] == [None, None]
        assert versions(town) == before
    for run in runs:
        output, _ = run.communicate(timeout=200)
        assert run.returncode == 0, output
    assert find_open_plans(town.house) == ()
    assert len(verify_all(town.house.settings.certificates)) == 2
