"""Batches are of one size whatever waits, name no file, and may be taken in any order and more than once."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.journeys.batches import (
    BATCH_BYTES,
    FILE_BYTES,
    MOST_BATCHES,
    find_batch,
    list_batches,
    name_token,
    split_batches,
)
from pipelines.journeys.house import House, open_house
from pipelines.journeys.ingest import find_files
from pipelines.journeys.keys import make_keys
from pipelines.settings import load_settings, prepare_home

THOUSANDS = 3000


@pytest.fixture
def house(tmp_path: Path) -> House:
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    make_keys(settings)
    return open_house(settings)


def land(house: House, name: str, byte_count: int = 0) -> None:
    with (house.settings.landing / "access" / name).open("wb") as file:
        file.truncate(byte_count)


def test_one_huge_file_has_a_batch_of_its_own_and_thousands_of_small_ones_share_some(house: House):
    for number in range(THOUSANDS):
        land(house, f"{number:04}.log", number)
    land(house, "1500-huge.log", 8 * BATCH_BYTES)
    waiting = list_batches(house)
    sizes = sorted(len(batch) for batch in waiting.batches)
    assert (waiting.file_count, sum(sizes)) == (THOUSANDS + 1, THOUSANDS + 1)
    assert sizes[0] == 1
    assert THOUSANDS * FILE_BYTES // BATCH_BYTES <= len(sizes) <= MOST_BATCHES
    assert max(sizes) <= BATCH_BYTES // FILE_BYTES


def test_accounts_are_in_no_batch_since_they_go_first(house: House):
    (house.settings.landing / "accounts" / "facts.jsonl").write_text("{}\n")
    assert list_batches(house).batches == ()


def test_batch_is_the_files_that_it_named_as_far_as_they_still_wait(house: House):
    for name in ("a.log", "b.log"):
        land(house, name)
    [tokens] = list_batches(house).batches
    land(house, "c.log")
    (house.settings.landing / "access" / "a.log").unlink()
    assert [file.name for file in find_batch(house, tokens)] == ["b.log"]


def test_token_tells_nothing_of_the_name_without_the_key(house: House, tmp_path: Path):
    land(house, "u873659021.log")
    [file] = find_files(house)
    other = load_settings({"TOKUMEI_HOME": str(tmp_path / "other")})
    prepare_home(other)
    make_keys(other)
    assert name_token(house, file) == name_token(house, file)
    assert name_token(house, file) != name_token(open_house(other), file)
    assert "873659021" not in name_token(house, file)


@given(st.lists(st.integers(1, 50)), st.integers(1, 60))
def test_batches_hold_everything_once_in_order_and_no_more_than_they_may(costs: list[int], most: int):
    named = [(str(number), cost) for number, cost in enumerate(costs)]
    batches = split_batches(named, most)
    assert [token for batch in batches for token in batch] == [token for token, _ in named]
    totals = [[costs[int(token)] for token in batch] for batch in batches]
    assert all(sum(total) <= most or len(total) == 1 for total in totals)
    assert all(sum(one) + next_one[0] > most for one, next_one in pairwise(totals))
