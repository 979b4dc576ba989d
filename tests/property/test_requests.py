"""Whatever the order of decisions and refusals, exactly those are behind a tombstone whom an open request is about."""

import tempfile
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.control import batches
from pipelines.control.ledger import open_ledger, tombstones
from pipelines.control.moves import Move
from pipelines.control.requests import (
    REFUSABLE_STATES,
    DeletionRequest,
    enter_request,
    get_request,
    list_requests,
    move_requests,
    refuse_request,
)
from pipelines.control.subjects import (
    RESTORE,
    Heir,
    Tombstone,
    open_epochs,
    raise_tombstones,
    read_suppression,
    suppression_version,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEOPLE = [bytes([number]) * 16 for number in range(3)]

CONSENTS = {"user": pl.Binary, "consented_at": pl.Datetime("us", "UTC")}

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


stones = st.builds(
    Tombstone,
    kind=st.sampled_from(["user", "device"]),
    pseudonym=st.sampled_from(PEOPLE),
    key_id=st.just("membership"),
    request_id=st.sampled_from([*map(str, range(6)), "unknown"]),
    effective_at=st.sampled_from([NOON, NOON + timedelta(days=1)]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(stones, max_size=6), st.sets(st.sampled_from(PEOPLE)), st.lists(stones, max_size=12), st.integers(1, 4))
def test_tombstones_raised_together_stand_like_those_raised_one_by_one(before, returned, raised, batch):
    """Of the requests half are open, one repeats a deletion; some members returned before."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH", batch)
        together, apart = (file_some(f"sqlite:///{directory}/{name}.db") for name in ("together", "apart"))
        consents = pl.DataFrame({"user": list(returned), "consented_at": NOON + timedelta(days=2)}, CONSENTS)
        for ledger in (together, apart):
            for stone in before:
                raise_tombstones(ledger, [stone])
            open_epochs(ledger, consents)
        raise_tombstones(together, raised)
        for stone in raised:
            raise_tombstones(apart, [stone])
        assert list_stones(together) == list_stones(apart)


def file_some(url: str) -> sa.Engine:
    """Requests 0 to 5: the even ones open, the odd ones refused; number 2 repeats a deletion."""
    ledger = open_ledger(url)
    for number in range(6):
        channel = RESTORE if number == 2 else "web"
        received = DeletionRequest(f"{number}", f"{number}", channel, NOON, "", None, None, b"", None, None)
        enter_request(ledger, received)
        if number % 2:
            move_requests(ledger, [get_request(ledger, f"{number}")], Move("refused", NOON, "test"))
    return ledger


def list_stones(ledger: sa.Engine) -> list[tuple[object, ...]]:
    columns = [column for column in tombstones.columns if column.name != "mark"]
    with ledger.begin() as connection:
        found = [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*tombstones.primary_key))]
    ledger.dispose()
    return found


def stone_of(request: DeletionRequest) -> Tombstone:
    return Tombstone("user", PEOPLE[int(request.request_id) % 3], "membership", request.request_id, NOON)
