"""A crash after any side effect on the way from a landed request to an approved plan: nobody is lost, and all go."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.control.moves import list_moves
from pipelines.control.requests import list_requests
from pipelines.control.subjects import read_suppression
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import accept_landed, approve_plan, find_open_plans, plan_deletions
from tests.integration.test_deletion_crashes import WAY, Facts, describe, points

POINTS = [
    *points("enter_requests", range(1, 2), "requests entered"),
    *points("record_delivery", range(1, 2), "file entered"),
    *points("settle_file", range(1, 2), "file settled"),
    *points("raise_tombstones", range(1, 3), "tombstones raised"),
    *points("store_plan", range(1, 2), "plan stored"),
    *points("move_requests", range(1, 4), "requests moved"),
    *points("record_approval", range(1, 2), "approval recorded"),
]


def go_on(town) -> None:
    """Whatever a scheduler and an officer would do next, from any state."""
    accept_landed(town.house)
    decide_requests(town.house)
    planned = plan_deletions(town.house)
    if planned is not None:
        approve_plan(town.house, planned.digest, approved_by="compliance-officer")
    [digest] = find_open_plans(town.house)
    town.finish(digest)


def describe_certified(town) -> Facts:
    """As a deletion is described, but for when it was approved and when its requests were heard of."""
    facts = describe(town)
    first = facts.certificates[0]
    same = {"approved_at": first.requested_at, "completed_at": first.requested_at}
    return replace(facts, certificates=[replace(each, **same) for each in facts.certificates])


@pytest.fixture(scope="module")
def expected(open_town) -> Facts:
    town = open_town()
    go_on(town)
    return describe_certified(town)


@pytest.mark.parametrize(("step", "count"), POINTS)
def test_requests_end_the_same_after_a_crash(
    open_town, founded: Path, expected: Facts, crash_in, tmp_path: Path, *, step: str, count: int
):
    home = shutil.copytree(founded, tmp_path / "home")
    crash_in("request_until.py", home, step, count)
    town = open_town(home)
    stones = len(read_suppression(town.house.ledger).left)
    go_on(town)
    assert describe_certified(town) == expected
    assert len(read_suppression(town.house.ledger).left) == 2 >= stones
    for request in list_requests(town.house.ledger):
        states = [state for state, *_ in list_moves(town.house.ledger, request.request_id)]
        assert list(dict.fromkeys(states)) == WAY
