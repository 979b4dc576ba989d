"""A held request says what it waits for, goes on when nothing holds it, and keeps what its first plan knew."""

from datetime import UTC, date, datetime

import polars as pl

from pipelines.control.holds import Hold, held_datasets, protecting_holds
from pipelines.control.requests import DeletionRequest
from pipelines.deletion.closure import Closure, close_identities
from pipelines.deletion.outcome import sum_erased
from pipelines.deletion.request import Subject
from pipelines.deletion.resumption import (
    LONGEST_REASON,
    explain_hold,
    find_released,
    join_outcomes,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOON.date()
USER, OTHER, PHONE, TABLET, WATCH = (letter * 16 for letter in (b"u", b"o", b"p", b"t", b"w"))
LINKS = pl.Schema({"purpose": pl.String, "user_pseudonym": pl.Binary, "device_pseudonym": pl.Binary})


def hold(dataset: str, ends_on: date, basis: str = "case 7", released_at: datetime | None = None) -> Hold:
    return Hold(f"{dataset}-{ends_on}", dataset, basis, ends_on, NOON, "officer", released_at)


def held_request(*datasets: str) -> DeletionRequest:
    return DeletionRequest("id", "key", "web", NOON, "held", None, None, b"", "ab" * 32, None, held_datasets=datasets)


def close(links: list[tuple[str, bytes, bytes]], frozen: Subject) -> Closure:
    frame = pl.DataFrame(links, schema=LINKS, orient="row")
    return close_identities({"id": frozen}, frame)["id"]


def test_each_dataset_is_protected_by_the_hold_that_ends_last_and_is_not_released():
    sooner, later = hold("page_views", date(2026, 12, 1)), hold("page_views", date(2026, 12, 9))
    over, released = hold("searches", date(2026, 11, 21)), hold("searches", date(2027, 1, 1), released_at=NOON)
    holds = [later, sooner, over, released]
    assert protecting_holds(holds, TODAY) == {"page_views": later}
    assert held_datasets(holds, TODAY) == {"page_views": date(2026, 12, 9)}


def test_reason_names_each_dataset_with_basis_and_end_and_what_was_proved():
    holds = {"page_views": hold("page_views", date(2026, 12, 1))}
    assert explain_hold(["page_views", "searches"], holds, 12) == (
        "lake.page_views: case 7, until 2026-12-01; lake.searches: its hold is over; "
        "without them 12 files were scanned and are clean"
    )


def test_reason_fits_its_column_however_long_the_bases_are():
    holds = {name: hold(name, TODAY, "x" * 500) for name in "abcdefg"}
    assert len(explain_hold("abcdefg", holds, 1)) <= LONGEST_REASON


def test_request_goes_on_when_none_of_its_own_datasets_is_held_any_more():
    both = held_request("page_views", "device_events")
    assert find_released([both], {"page_views": None}) == ()
    assert find_released([both], {"searches": None}) == (both,)


def test_devices_of_the_first_plan_are_kept_when_the_links_to_them_are_gone():
    frozen = Subject({"membership": (USER,)}, {"membership": (PHONE,)})
    closure = close([], frozen)
    assert closure.subject.devices == {"membership": (PHONE,)}
    assert closure.own_device_count == 1


def test_device_that_somebody_else_uses_by_now_is_not_kept():
    frozen = Subject({"membership": (USER,)}, {"membership": (PHONE, TABLET)})
    closure = close([("membership", OTHER, PHONE)], frozen)
    assert closure.subject.devices == {"membership": (TABLET,)}


def test_device_that_is_found_anew_comes_to_the_kept_ones():
    frozen = Subject({"membership": (USER,)}, {"membership": (PHONE,)})
    closure = close([("membership", USER, WATCH), ("membership", USER, PHONE)], frozen)
    assert set(closure.subject.devices["membership"]) == {PHONE, WATCH}
    assert closure.own_device_count == 2


def test_outcome_of_two_plans_counts_every_step_of_both():
    step = {"rows": {"id": 2}, "files": {"id": 1}, "survivors": "0000000000000001"}
    joined = join_outcomes({"ab" * 32: {"page_views": {"1": step}}, "cd" * 32: {"page_views": {"1": step}}})
    erased = sum_erased(joined, "page_views", "id")
    assert (erased.row_count, erased.file_count, erased.survivor_hash) == (4, 2, "0000000000000002")
