"""The ledger keeps each request's way: no state is skipped, every move is told, and a plan belongs to its digest."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.control.batches import BATCH
from pipelines.control.extensions import store_extensions
from pipelines.control.ledger import open_ledger
from pipelines.control.moves import Move, list_moves
from pipelines.control.requests import (
    FOLLOWING,
    REFUSABLE_STATES,
    DeletionRequest,
    StoredPlan,
    enter_request,
    enter_requests,
    get_plan,
    get_request,
    list_requests,
    move_requests,
    note_outcome,
    record_approval,
    refuse_request,
    store_plan,
)
from pipelines.control.subjects import Heir, Tombstone, raise_tombstones, read_suppression, suppression_version
from pipelines.control.tombstone_rows import CLOSED_STATES
from pipelines.errors import ConfigurationError, DeletionError, StorageBusyError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 12, tzinfo=UTC)
WAY = ("received", "waiting", "ready", "planned", "approved", "running", "verifying", "completed")
BESIDE = {"held": "verifying", "refused": "waiting"}  # states off that way, with the one that each comes after here
STATES = (*WAY, *BESIDE)
USER, OTHER, DEVICE = (bytes([number]) * 16 for number in (251, 252, 253))
PLAN = StoredPlan("ab" * 32, NOON, {"requests": []}, {}, None, None)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/control.db")
    yield engine
    engine.dispose()


def make_request(number: int = 1, key: str | None = None) -> DeletionRequest:
    return DeletionRequest(
        request_id=f"00000000-0000-0000-0000-{number:012d}",
        request_key=key or f"key-{number}",
        channel="web",
        requested_at=NOON,
        state="received",
        reason=None,
        eligible_on=None,
        sealed_subject=b"sealed",
        plan_digest=None,
        completed_at=None,
    )


def stone(kind: str, pseudonym: bytes, request: DeletionRequest) -> Tombstone:
    return Tombstone(kind, pseudonym, "membership", request.request_id, NOON)


def walk(ledger: sa.Engine, request: DeletionRequest, state: str) -> DeletionRequest:
    """Enter a request and lead it along the whole way up to a state."""
    enter_request(ledger, request)
    last = BESIDE.get(state, state)
    for step in (*WAY[1 : WAY.index(last) + 1], *([state] if state in BESIDE else [])):
        move_requests(ledger, [get_request(ledger, request.request_id)], Move(step, NOON, "test"))
    return get_request(ledger, request.request_id)


def test_request_is_entered_once_for_its_key(ledger: sa.Engine):
    assert enter_request(ledger, make_request(1))
    assert not enter_request(ledger, make_request(1))
    assert not enter_request(ledger, make_request(2, key="key-1"))
    assert list_requests(ledger) == (make_request(1),)
    assert len(list_moves(ledger, make_request(1).request_id)) == 1


def test_request_always_begins_as_received(ledger: sa.Engine):
    enter_request(ledger, replace(make_request(), state="completed"))
    assert get_request(ledger, make_request().request_id).state == "received"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("following", STATES)
def test_only_the_states_that_may_follow_do(ledger: sa.Engine, state: str, following: str):
    request = walk(ledger, make_request(), state)
    moves = list_moves(ledger, request.request_id)
    if following in FOLLOWING[state]:
        move_requests(ledger, [request], Move(following, LATER, "test"))
        assert get_request(ledger, request.request_id).state == following
    else:
        with pytest.raises(DeletionError, match=f"is {state} and cannot become {following}"):
            move_requests(ledger, [request], Move(following, LATER, "test"))
        assert get_request(ledger, request.request_id) == request
        assert list_moves(ledger, request.request_id) == moves


def test_no_way_leads_to_completed_but_through_approval_run_and_proof():
    required = ("ready", "planned", "approved", "running", "verifying")
    for skipped in required:
        reached, pending = {"received"}, ["received"]
        while pending:
            found = FOLLOWING[pending.pop()] - reached - {skipped}
            reached |= found
            pending += found
        assert "completed" not in reached


def test_every_state_is_walked_and_nobody_refuses_what_was_approved():
    assert set(FOLLOWING) == set(STATES)
    assert set(CLOSED_STATES) == {"completed", "refused"}
    assert set(REFUSABLE_STATES) == {"received", "waiting", "ready", "planned"}


def test_refusal_forgets_the_subject_and_withdraws_its_tombstones(ledger: sa.Engine, tmp_path: Path):
    request = walk(ledger, make_request(), "planned")
    raise_tombstones(ledger, [stone("user", USER, request), stone("device", DEVICE, request)])
    before = suppression_version(ledger)
    refuse_request(ledger, request, Move("refused", LATER, "officer", "article 7"))
    refused = get_request(ledger, request.request_id)
    assert (refused.state, refused.reason, refused.sealed_subject) == ("refused", "article 7", None)
    assert list_moves(ledger, request.request_id)[-1] == ("refused", LATER, "officer", "article 7")
    suppression = read_suppression(ledger)
    assert (suppression.left.to_list(), suppression.devices.height) == ([], 0)
    assert suppression_version(ledger) != before, "an ingestion in flight starts over"
    assert suppression.version == suppression_version(ledger)
    assert USER not in (tmp_path / "control.db").read_bytes()


def test_tombstone_that_another_request_needs_outlives_a_refusal(ledger: sa.Engine):
    first, second = walk(ledger, make_request(1), "ready"), walk(ledger, make_request(2), "ready")
    raise_tombstones(ledger, [stone("user", USER, first), stone("device", DEVICE, first)])
    heirs = [Heir("user", USER, second.request_id), Heir("user", OTHER, second.request_id)]
    refuse_request(ledger, first, Move("refused", LATER, "officer", "article 7"), heirs=heirs)
    suppression = read_suppression(ledger)
    assert (suppression.left.to_list(), suppression.devices.height) == ([USER], 0)
    refuse_request(ledger, second, Move("refused", LATER, "officer", "article 7"))
    assert read_suppression(ledger).left.to_list() == []


def test_others_of_a_refused_requests_plan_get_ready_again(ledger: sa.Engine):
    first, second = (walk(ledger, make_request(number), "planned") for number in (1, 2))
    refuse_request(ledger, first, Move("refused", LATER, "officer", "article 7"), others=[second])
    left = get_request(ledger, second.request_id)
    assert (left.state, left.plan_digest) == ("ready", None)
    assert left.reason == "another request of the plan was refused"


def test_refusal_that_comes_too_late_changes_nothing(ledger: sa.Engine):
    request = walk(ledger, make_request(), "approved")
    raise_tombstones(ledger, [stone("user", USER, request)])
    with pytest.raises(DeletionError, match="is approved and cannot become refused"):
        refuse_request(ledger, request, Move("refused", LATER, "officer", "article 7"))
    assert get_request(ledger, request.request_id) == request
    assert read_suppression(ledger).left.to_list() == [USER]


def test_many_requests_are_entered_at_once_each_key_once(ledger: sa.Engine):
    requests = [make_request(number, key=f"key-{number % 3}") for number in range(9)]
    assert enter_requests(ledger, requests) == 3
    assert enter_requests(ledger, requests) == 0
    assert {request.state for request in list_requests(ledger)} == {"received"}


def test_each_move_is_told_with_time_actor_and_reason(ledger: sa.Engine):
    enter_request(ledger, make_request())
    for move in (Move("waiting", NOON, "pipeline", "open trades"), Move("ready", LATER, "pipeline")):
        move_requests(ledger, [get_request(ledger, make_request().request_id)], move)
    assert list_moves(ledger, make_request().request_id) == (
        ("received", NOON, "web", None),
        ("waiting", NOON, "pipeline", "open trades"),
        ("ready", LATER, "pipeline", None),
    )


def test_waiting_on_for_the_same_reason_is_no_new_move(ledger: sa.Engine):
    enter_request(ledger, make_request())
    for reason in ("open trades", "open trades", "open listings"):
        request = get_request(ledger, make_request().request_id)
        move_requests(ledger, [request], Move("waiting", NOON, "pipeline", reason))
    reasons = [reason for _, _, _, reason in list_moves(ledger, make_request().request_id)]
    assert reasons == [None, "open trades", "open listings"]


def test_move_stores_what_the_request_carries(ledger: sa.Engine):
    request = walk(ledger, make_request(), "ready")
    carried = replace(request, eligible_on=date(2026, 11, 30), plan_digest="ab" * 32, sealed_subject=b"closed")
    carried = replace(carried, due_on=date(2026, 12, 22), held_datasets=("a", "b"), earlier_plans=("cd" * 32,))
    move_requests(ledger, [carried], Move("planned", NOON, "pipeline", "plan abab"))
    assert get_request(ledger, request.request_id) == replace(carried, state="planned", reason="plan abab")


def test_requests_move_together_or_not_at_all(ledger: sa.Engine):
    ready, received = walk(ledger, make_request(1), "ready"), walk(ledger, make_request(2), "received")
    with pytest.raises(DeletionError):
        move_requests(ledger, [ready, received], Move("planned", NOON, "pipeline"))
    assert [request.state for request in list_requests(ledger)] == ["ready", "received"]
    assert len(list_moves(ledger, ready.request_id)) == 3


def test_request_that_someone_else_moved_meanwhile_is_not_moved_again(ledger: sa.Engine):
    seen = walk(ledger, make_request(), "approved")
    move_requests(ledger, [seen], Move("ready", NOON, "someone else", "plan changed"))
    with pytest.raises(StorageBusyError):
        move_requests(ledger, [seen], Move("running", LATER, "pipeline"))
    assert get_request(ledger, seen.request_id).state == "ready"


def test_one_of_very_many_that_someone_else_moved_keeps_all_where_they_were(ledger: sa.Engine):
    count = 2 * BATCH + 1
    assert enter_requests(ledger, [make_request(number) for number in range(count)]) == count
    seen = list_requests(ledger)
    move_requests(ledger, [seen[-1]], Move("refused", NOON, "someone else"))
    with pytest.raises(StorageBusyError, match=seen[-1].request_id):
        move_requests(ledger, seen, Move("ready", LATER, "pipeline"))
    assert {request.state for request in list_requests(ledger)} == {"received", "refused"}
    assert [state for state, *_ in list_moves(ledger, seen[0].request_id)] == ["received"]
    move_requests(ledger, seen[:-1], Move("ready", LATER, "pipeline"))
    assert len(list_requests(ledger, ("ready",))) == count - 1


def test_extension_stays_with_its_subject_and_goes_with_it(ledger: sa.Engine):
    kept, forgotten = (walk(ledger, make_request(number), "ready") for number in (1, 2))
    store_extensions(ledger, [kept.request_id, forgotten.request_id], lambda _: b"later keys")
    moved = [kept, replace(forgotten, sealed_subject=None)]
    move_requests(ledger, moved, Move("planned", NOON, "pipeline"))
    assert [request.sealed_extension for request in list_requests(ledger)] == [b"later keys", None]


def test_requests_are_listed_by_state_oldest_first(ledger: sa.Engine):
    walk(ledger, replace(make_request(1), requested_at=LATER), "ready")
    walk(ledger, make_request(2), "ready")
    walk(ledger, make_request(3), "waiting")
    assert [request.request_key for request in list_requests(ledger, ("ready",))] == ["key-2", "key-1"]
    assert len(list_requests(ledger)) == 3


def test_unknown_request_and_plan_say_so_without_naming_what_was_given(ledger: sa.Engine):
    for find in (get_request, get_plan):
        with pytest.raises(ConfigurationError) as raised:
            find(ledger, "u123456789")
        assert "u123456789" not in str(raised.value)


def test_plan_made_again_keeps_its_approval_and_outcome(ledger: sa.Engine):
    store_plan(ledger, PLAN)
    record_approval(ledger, PLAN.digest, approved_by="officer", approved_at=NOON)
    note_outcome(ledger, PLAN.digest, "page_views", "1", {"rows": {}})
    store_plan(ledger, PLAN)
    stored = get_plan(ledger, PLAN.digest)
    assert (stored.approved_by, stored.approved_at) == ("officer", NOON)
    assert stored.outcome == {"page_views": {"1": {"rows": {}}}}


def test_first_approval_stands(ledger: sa.Engine):
    store_plan(ledger, PLAN)
    record_approval(ledger, PLAN.digest, approved_by="officer", approved_at=NOON)
    record_approval(ledger, PLAN.digest, approved_by="someone else", approved_at=LATER)
    assert get_plan(ledger, PLAN.digest).approved_by == "officer"


def test_step_noted_again_replaces_its_figures_and_no_others(ledger: sa.Engine):
    store_plan(ledger, PLAN)
    for dataset, step, rows in (("a", "1", 5), ("a", "2", 1), ("b", "1", 7), ("a", "1", 6)):
        note_outcome(ledger, PLAN.digest, dataset, step, {"rows": rows})
    assert get_plan(ledger, PLAN.digest).outcome == {
        "a": {"1": {"rows": 6}, "2": {"rows": 1}},
        "b": {"1": {"rows": 7}},
    }
