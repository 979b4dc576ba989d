"""No step of a right can be skipped or taken twice, every move is recorded, and what is closed is forgotten."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.control.ledger import open_ledger
from pipelines.control.moves import Move, list_moves
from pipelines.control.rights import (
    FOLLOWING,
    OPEN_STATES,
    RightsRequest,
    enter_right,
    forget_rights,
    get_right,
    list_rights,
    move_rights,
    refuse_rights,
)
from pipelines.errors import ConfigurationError, RightsError, StorageBusyError

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
REQUEST = RightsRequest(
    request_id="r-1",
    request_key="key-1",
    kind="access",
    channel="web",
    requested_at=NOW,
    requested_by="shop",
    state="received",
    reason=None,
    sealed_subject=b"sealed",
    sealed_detail=None,
    known_keys="usage-1",
    plan_digest=None,
    due_on=date(2026, 12, 23),
)


@pytest.fixture
def ledger(tmp_path: Path):
    engine = open_ledger(f"sqlite:///{tmp_path}/control.db")
    yield engine
    engine.dispose()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(st.sampled_from(sorted(FOLLOWING)), max_size=8), number=st.integers(min_value=0))
def test_requests_only_take_steps_that_follow_and_every_step_taken_is_recorded(ledger, states: list[str], number: int):
    known = {each.request_id for each in list_rights(ledger)}
    name = f"p-{number}-{len(known)}"
    enter_right(ledger, replace(REQUEST, request_id=name, request_key=name))
    taken = ["received"]
    for state in states:
        request, move = get_right(ledger, name), Move(state, NOW, "somebody", f"step {len(taken)}")
        if state in FOLLOWING[request.state]:
            move_rights(ledger, [request], move)
            taken.append(state)
        else:
            with pytest.raises(RightsError, match=f"is {request.state} and cannot become {state}"):
                move_rights(ledger, [request], move)
    assert get_right(ledger, name).state == taken[-1]
    assert [state for state, *_ in list_moves(ledger, name)] == taken


def test_closed_is_closed_and_every_open_state_can_be_ended_by_a_deletion():
    assert {state for state, following in FOLLOWING.items() if not following} == {"completed", "refused"}
    assert all("refused" in FOLLOWING[state] for state in OPEN_STATES)


def test_same_key_enters_once(ledger):
    assert enter_right(ledger, REQUEST)
    assert not enter_right(ledger, replace(REQUEST, sealed_subject=b"other"))
    assert get_right(ledger, "r-1").sealed_subject == b"sealed"


def test_of_two_who_move_one_request_at_once_one_fails(ledger):
    enter_right(ledger, REQUEST)
    seen = get_right(ledger, "r-1")
    move_rights(ledger, [seen], Move("planned", NOW, "first"))
    with pytest.raises(StorageBusyError, match="moved by someone else"):
        move_rights(ledger, [seen], Move("planned", NOW, "second"))


def test_refusal_forgets_the_subject_and_sends_others_of_the_plan_back(ledger):
    other = replace(REQUEST, request_id="r-2", request_key="key-2")
    for each in (REQUEST, other):
        enter_right(ledger, each)
        move_rights(ledger, [replace(each, plan_digest="d")], Move("planned", NOW, "pipeline"))
    refuse_rights(
        ledger,
        [get_right(ledger, "r-1")],
        Move("refused", NOW, "officer", "harm: x"),
        others=[get_right(ledger, "r-2")],
    )
    first, second = get_right(ledger, "r-1"), get_right(ledger, "r-2")
    assert (first.state, first.sealed_subject, first.plan_digest) == ("refused", None, None)
    assert (second.state, second.sealed_subject, second.plan_digest) == ("received", b"sealed", None)


def test_only_closed_requests_are_forgotten(ledger):
    enter_right(ledger, REQUEST)
    assert forget_rights(ledger, ["r-1"]) == 0
    for state in ("planned", "approved", "running", "completed"):
        move_rights(ledger, [get_right(ledger, "r-1")], Move(state, NOW, "pipeline"))
    assert forget_rights(ledger, ["r-1"]) == 1
    assert get_right(ledger, "r-1").sealed_subject is None


def test_unknown_request_is_said_to_be_unknown(ledger):
    with pytest.raises(ConfigurationError, match="no request for a right"):
        get_right(ledger, "r-9")
