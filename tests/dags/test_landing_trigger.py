"""The watcher tells how many files have come to rest, once each, and nothing else of them."""

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.settings import load_settings, prepare_home

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("default")]

POLL_SECONDS = 0.05
MEMBER = "u873659021"


@pytest.fixture
def landing(home: Path) -> Path:
    settings = load_settings()
    prepare_home(settings)
    return settings.landing


async def hear(*steps: Callable[[], object], again_seconds: float = 90) -> list[dict[str, int]]:
    """What a watcher told until nothing more came, while these steps were taken one after another."""
    from pipelines.landing_trigger import LandingTrigger

    heard: list[dict[str, int]] = []

    async def listen() -> None:
        nonlocal heard
        async for event in LandingTrigger(POLL_SECONDS, again_seconds).run():
            heard += [event.payload]

    listening = asyncio.create_task(listen())
    for step in (*steps, lambda: None):
        step()
        await asyncio.sleep(8 * POLL_SECONDS)
    listening.cancel()
    return heard


def write(landing: Path, name: str, content: str = "x") -> Callable[[], object]:
    return lambda: (landing / "access" / name).write_text(content)


def test_files_that_keep_still_are_told_once_by_their_number(landing: Path):
    write(landing, "before.log")()
    steps = [lambda: None, write(landing, f"{MEMBER}.log"), write(landing, "third.log")]
    assert asyncio.run(hear(*steps)) == [{"file_count": 1}] * 3
    assert asyncio.run(hear()) == [{"file_count": 3}]


def test_held_file_is_told_again_only_when_it_changes(landing: Path):
    steps = [write(landing, "held.log"), lambda: None, write(landing, "held.log", "mended")]
    assert asyncio.run(hear(*steps)) == [{"file_count": 1}] * 2


def test_file_that_stays_is_told_once_more(landing: Path):
    steps = [write(landing, "stays.log"), lambda: None, lambda: None]
    assert asyncio.run(hear(*steps, again_seconds=6 * POLL_SECONDS)) == [{"file_count": 1}] * 2


def test_hidden_files_requests_and_a_landing_that_is_gone_are_nothing(landing: Path):
    (landing / "requests" / "mine.jsonl").write_text("{}")
    assert asyncio.run(hear(write(landing, ".half.log"))) == []
    (landing / "access" / ".half.log").unlink()
    (landing / "access").rmdir()
    assert asyncio.run(hear()) == []


def test_file_that_still_grows_looks_different_each_time(landing: Path):
    from pipelines.landing_trigger import look_at

    looks = []
    for size in range(1, 6):
        write(landing, "growing.log", "x" * size)()
        looks.append(look_at(landing))
    assert not any(one & next_one for one, next_one in pairwise(looks))


def test_what_airflow_stores_of_the_watcher_names_no_place(landing: Path):
    from pipelines.landing_trigger import LandingTrigger

    place, arguments = LandingTrigger().serialize()
    assert place == "pipelines.landing_trigger.LandingTrigger"
    assert json.dumps(arguments) == '{"poll_seconds": 2.0, "again_seconds": 90.0}'
