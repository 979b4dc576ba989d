"""Whatever the order of decisions and refusals, exactly those are behind a tombstone whom an open request is about."""

import tempfile
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.control.ledger import open_ledger
from pipelines.control.requests import (
    REFUSABLE_STATES,
    DeletionRequest,
    Move,
    enter_request,
    get_request,
    list_requests,
    move_requests,
    refuse_request,
)
from pipelines.control.subjects import (
    Heir,
    Tombstone,
    raise_tombstones,
    read_suppression,
    suppression_version,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEOPLE = [bytes([number]) * 16 for number in range(3)]

histories = st.lists(st.tuples(st.sampled_from(["file", "decide", "plan", "refuse"]), st.integers(0, 5)), max_size=25)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_tombstones_are_those_of_the_requests_that_go_on(history: list[tuple[str, int]]):
    """Request number n is about person n modulo 3, so that two requests of each person may meet."""
    with tempfile.TemporaryDirectory() as directory:
        ledger = open_ledger(f"sqlite:///{directory}/control.db")
        for operation, number in history:
            versions = suppression_version(ledger), read_suppression(ledger).left.to_list()
            apply(ledger, operation, number)
            after = suppression_version(ledger), read_suppression(ledger).left.to_list()
            going_on = list_requests(ledger, ("ready", "planned"))
            assert set(after[1]) == {PEOPLE[int(request.request_id) % 3] for request in going_on}
            assert versions[0] != after[0] or sorted(versions[1]) == sorted(after[1])
        ledger.dispose()


def apply(ledger, operation: str, number: int) -> None:
    if operation == "file":
        enter_request(ledger, DeletionRequest(f"{number}", f"{number}", "web", NOON, "", None, None, b"", None, None))
        return
    known = {request.request_id: request for request in list_requests(ledger)}
    if f"{number}" not in known:
        return
    request = known[f"{number}"]
    match operation, request.state:
        case "decide", "received":
            move_requests(ledger, [request], Move("ready", NOON, "test"))
            raise_tombstones(ledger, [stone_of(request)])
        case "plan", "ready":
            move_requests(ledger, [request], Move("planned", NOON, "test"))
        case "refuse", state if state in REFUSABLE_STATES:
            others = [each for each in list_requests(ledger, ("ready", "planned")) if each != request]
            heirs = [Heir("user", stone_of(each).pseudonym, each.request_id) for each in others]
            refuse_request(ledger, get_request(ledger, request.request_id), Move("refused", NOON, "test"), heirs=heirs)


def stone_of(request: DeletionRequest) -> Tombstone:
    return Tombstone("user", PEOPLE[int(request.request_id) % 3], "membership", request.request_id, NOON)
