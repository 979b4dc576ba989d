"""The command's promises: the same arguments give the same bytes, whole files, in the landing layout."""

from __future__ import annotations

import gzip
import struct
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.errors import ConfigurationError
from pipelines.synthetic import generate

if TYPE_CHECKING:
    from conftest import Landing

START = date(2026, 11, 16)


def read_all(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def count_lines(path: Path) -> int:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).count(b"\n")


def test_same_arguments_give_the_same_bytes(tmp_path: Path):
    for name in ("first", "second"):
        generate(tmp_path / name, days=2, users=40, seed=3, start=START, plant=tmp_path / f"{name}.txt")

    assert read_all(tmp_path / "first") == read_all(tmp_path / "second")
    assert (tmp_path / "first.txt").read_bytes() == (tmp_path / "second.txt").read_bytes()


def test_another_seed_gives_other_people(tmp_path: Path):
    for seed in (3, 4):
        generate(tmp_path / str(seed), days=1, users=40, seed=seed, start=START, plant=tmp_path / f"{seed}.txt")

    first, second = (set((tmp_path / f"{seed}.txt").read_text().splitlines()) for seed in (3, 4))
    assert not {text for text in first if text.startswith("u")} & {text for text in second if text.startswith("u")}


def test_a_longer_period_begins_with_the_same_people(tmp_path: Path):
    for days in (1, 2):
        generate(tmp_path / str(days), days=days, users=40, seed=3, start=START, plant=None)

    name = "accounts/accounts-20261116.jsonl"
    assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_files_lie_in_the_landing_layout(landing: Landing):
    day = "20261118"
    written = {str(path.relative_to(landing.out)) for path in landing.generated.files}

    assert {path.parent.name for path in landing.generated.files} == {
        "access", "devices", "searches", "surveys", "accounts", "requests"
    }  # fmt: skip
    assert {f"access/edge-{day}.log", f"access/legacy-{day}.log.gz", f"access/app-{day}.jsonl"} <= written
    assert {f"{kind}/{kind}-{day}.jsonl" for kind in ("devices", "searches", "surveys", "accounts")} <= written


def test_nothing_but_the_returned_files_is_left_behind(landing: Landing):
    assert {path for path in landing.out.rglob("*") if path.is_file()} == set(landing.generated.files)


def test_only_the_owner_reads_what_was_written(landing: Landing):
    assert {path.stat().st_mode & 0o777 for path in landing.generated.files} == {0o600}
    assert landing.out.with_name("plant.txt").stat().st_mode & 0o777 == 0o600


def test_line_count_is_the_number_of_line_ends_in_all_files(landing: Landing):
    assert landing.generated.line_count == sum(
        landing.read_bytes(path).count(b"\n") for path in landing.generated.files
    )


def test_planted_count_is_the_number_of_lines_in_the_plant_file(landing: Landing):
    lines = landing.out.with_name("plant.txt").read_text(encoding="utf-8").splitlines()

    assert lines == sorted(set(lines))
    assert landing.generated.planted_count == len(lines)


def test_compressed_files_carry_neither_time_nor_name(landing: Landing):
    for path in landing.list_files("access/*.gz"):
        magic, flags, modified = struct.unpack("<2sxBI", path.read_bytes()[:8])
        assert (magic, flags, modified) == (b"\x1f\x8b", 0, 0)


def test_plant_file_and_directories_are_made_where_they_are_missing(tmp_path: Path):
    plant = tmp_path / "deep" / "down" / "plant.txt"

    generate(tmp_path / "a" / "b", days=1, users=5, seed=1, start=START, plant=plant)

    assert plant.is_file()


@pytest.mark.parametrize("wrong", [{"days": 0}, {"users": 0}, {"seed": -1}])
def test_a_count_that_makes_no_sense_is_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, int]):
    arguments = {"days": 1, "users": 5, "seed": 1} | wrong

    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        generate(tmp_path / "out", start=START, plant=None, **arguments)

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("users", "days", "least", "most"), [(300, 7, 20_000, 40_000), (2_000, 2, 28_000, 58_000)])
def test_access_lines_are_a_dozen_for_each_member_and_day(tmp_path: Path, users: int, days: int, least: int, most: int):
    generated = generate(tmp_path, days=days, users=users, seed=1, start=START, plant=None)

    access = [path for path in generated.files if path.parent.name == "access" and "resent" not in path.name]
    assert least < sum(count_lines(path) for path in access) < most
