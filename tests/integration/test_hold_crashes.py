"""A crash while a deletion is held, resumed or decided, then a run to the end: the same certificates and rows."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.control.holds import list_holds, release_hold
from pipelines.control.moves import list_moves
from pipelines.control.requests import list_requests
from pipelines.control.subjects import read_suppression
from pipelines.journeys.audit import audit
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import accept_landed, find_open_plans
from pipelines.journeys.retain import place_hold
from pipelines.lake.rewrite import multiset_hash
from pipelines.proof.certificate import DatasetOutcome, verify_all
from pipelines.proof.scan import scan

TABLES = ("page_views", "security_events", "device_events", "survey_responses", "identity_links", "searches")
FIRST_RUN = ["received", "ready", "planned", "approved", "running", "verifying", "held"]
SECOND_RUN = ["ready", "planned", "approved", "running", "verifying", "completed"]


@dataclass(frozen=True)
class Facts:
    """What a deletion in two runs leaves and says, apart from when it did so and how much it had to read."""

    outcomes: dict[str, tuple[DatasetOutcome, ...]]
    rows: dict[str, int]
    ways: list[tuple[list[str], list[str]]]


@pytest.fixture(scope="module")
def approved(open_town) -> Path:
    """The home of a town with an approved plan for two members, one of whose tables is held."""
    town = open_town()
    ends_on = town.house.now().date() + timedelta(days=9)
    place_hold(town.house, "page_views", legal_basis="case 7", ends_on=ends_on, placed_by="officer")
    accept_landed(town.house)
    town.approve()
    town.house.ledger.dispose()
    return town.home


@pytest.fixture(scope="module")
def resumed(open_town, approved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same home when the hold was released and the rest is approved."""
    town = open_town(shutil.copytree(approved, tmp_path_factory.mktemp("resumed") / "home"))
    finish_first(town)
    resume(town)
    town.house.ledger.dispose()
    return town.home


@pytest.fixture(scope="module")
def expected(open_town, resumed: Path, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What both runs come to when nothing goes wrong."""
    town = open_town(shutil.copytree(resumed, tmp_path_factory.mktemp("smooth") / "home"))
    town.finish(*find_open_plans(town.house))
    facts = describe(town)
    assert facts.ways == [(FIRST_RUN, SECOND_RUN)] * 2
    return facts


def finish_first(town) -> None:
    for digest in find_open_plans(town.house):
        assert town.finish(digest) == ()
    assert {request.state for request in list_requests(town.house.ledger)} == {"held"}


def resume(town) -> None:
    [hold] = list_holds(town.house.ledger)
    release_hold(town.house.ledger, hold.hold_id, released_at=town.house.now(), released_by="officer")
    town.approve()


def describe(town) -> Facts:
    """Ways without the steps that were taken again."""
    chain = [verified.certificate for verified in verify_all(town.house.settings.certificates)]
    assert all(certificate.final for certificate in chain)
    requests = list_requests(town.house.ledger)
    ways = [[state for state, *_ in list_moves(town.house.ledger, request.request_id)] for request in requests]
    return Facts(
        outcomes={certificate.request_id: certificate.datasets for certificate in chain},
        rows={table: multiset_hash(town.rows(table)) for table in TABLES},
        ways=[split_way(way) for way in ways],
    )


def split_way(way: list[str]) -> tuple[list[str], list[str]]:
    end = way.index("held") + 1
    return list(dict.fromkeys(way[:end])), list(dict.fromkeys(way[end:]))


def require_gone(town, gone: list[bytes]) -> None:
    assert scan([town.home], gone, excluded=[town.home / "keys"]).clean
    assert audit(town.house).certificate_count == 2


def events_of_all(town) -> list[bytes]:
    requests = [request for request in list_requests(town.house.ledger) if request.sealed_subject]
    return [value for request in requests for value in town.events_of(request)]


def points(*steps: tuple[str, int]) -> list:
    """The first is quick enough for every run of the tests."""
    return [
        pytest.param(step, count, id=f"{step} {count}", marks=[pytest.mark.slow] if number else [])
        for number, (step, count) in enumerate(steps)
    ]


@pytest.mark.parametrize(("step", "count"), points(("hold", 1), ("commit_actions", 1), ("forget_account_facts", 1)))
def test_held_deletion_ends_the_same_after_a_crash_of_its_first_run(
    open_town, approved: Path, expected: Facts, crash_in, tmp_path: Path, *, step: str, count: int
):
    home = shutil.copytree(approved, tmp_path / "home")
    crash_in("delete_until.py", home, step, count)
    town = open_town(home)
    gone = events_of_all(town)
    finish_first(town)
    resume(town)
    town.finish(*find_open_plans(town.house))
    assert describe(town) == expected
    require_gone(town, gone)


@pytest.mark.parametrize(("step", "count"), points(("commit_actions", 1), ("publish_warehouse", 1), ("issue", 1)))
def test_resumed_deletion_ends_the_same_after_a_crash(
    open_town, resumed: Path, expected: Facts, crash_in, tmp_path: Path, *, step: str, count: int
):
    home = shutil.copytree(resumed, tmp_path / "home")
    crash_in("delete_until.py", home, step, count)
    town = open_town(home)
    gone = events_of_all(town)
    for digest in find_open_plans(town.house):
        town.finish(digest)
    assert describe(town) == expected
    require_gone(town, gone)


@pytest.mark.parametrize(("step", "count"), [("move_requests", 1), ("move_requests", 2), ("raise_tombstones", 1)])
def test_decision_is_the_same_after_a_crash(open_town, crash_in, *, step: str, count: int):
    town = open_town()
    accept_landed(town.house)
    town.house.ledger.dispose()
    crash_in("decide_until.py", town.home, step, count)
    again = open_town(town.home)
    ready = decide_requests(again.house)
    members = {value for user in (again.leaver, again.follower) for value in again.subject(user).users["membership"]}
    assert set(read_suppression(again.house.ledger).left.to_list()) == members
    for request in ready:
        assert [state for state, *_ in list_moves(again.house.ledger, request.request_id)] == ["received", "ready"]
    assert len(ready) == len(members)
