"""A broken critical rule stops what is new and leaves what was good."""

import shutil
from pathlib import Path

import pytest
import yaml

from pipelines.errors import GateFailedError
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files, ingest
from pipelines.lake.layout import file_uris
from pipelines.settings import REPOSITORY
from tests.integration.houses import found_house

LINE = '198.51.100.{n} - - [02/Nov/2026:10:00:{n:02d} +0900] "GET / HTTP/1.1" 200 {n} "-" "curl/8.0"\n'


@pytest.fixture
def house(tmp_path: Path) -> House:
    contracts = shutil.copytree(REPOSITORY / "data_contracts", tmp_path / "contracts")
    return found_house(tmp_path / "home", TOKUMEI_CONTRACTS=contracts)


def land(house: House, name: str, lines: range) -> None:
    (house.settings.landing / "access" / name).write_text("".join(LINE.format(n=n) for n in lines))


def tighten(house: House, contract: str, column: str, maximum: int, directory: Path) -> House:
    """The same house under a contract whose column may not exceed a maximum; in a copy, since contracts are cached."""
    contracts = directory / f"{contract.replace('/', '-')}-{maximum}"
    shutil.copytree(house.settings.contracts, contracts)
    path = contracts / f"{contract}.odcs.yaml"
    document = yaml.safe_load(path.read_text())
    found = next(item for item in document["schema"][0]["properties"] if item["name"] == column)
    found["logicalTypeOptions"] = {"minimum": 0, "maximum": maximum}
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    return found_house(house.settings.home, TOKUMEI_CONTRACTS=contracts)


def test_a_file_that_breaks_a_critical_rule_is_held_whole_and_the_next_file_goes_on(house: House, tmp_path: Path):
    strict = tighten(house, "lake/page_views", "response_bytes", 20, tmp_path)
    land(strict, "a-breaks.log", range(30))
    land(strict, "b-holds.log", range(10))
    broken, good = ingest(strict, find_files(strict))
    assert (broken.state, good.state) == ("held", "committed")
    assert "response_bytes" in str(broken.reason)
    assert "9 rows" in str(broken.reason)
    assert good.counts.accepted == 10
    assert [path.name for path in (strict.settings.landing / "access").iterdir()] == ["a-breaks.log"]


def test_once_the_contract_is_mended_the_held_file_is_taken(house: House, tmp_path: Path):
    strict = tighten(house, "lake/page_views", "response_bytes", 20, tmp_path)
    land(strict, "a-breaks.log", range(30))
    ingest(strict, find_files(strict))
    (taken,) = ingest(house, find_files(house))
    assert (taken.state, taken.counts.accepted) == ("committed", 30)


def test_marts_that_break_a_critical_rule_are_not_published_and_the_last_good_stay(house: House, tmp_path: Path):
    land(house, "day.log", range(10))
    ingest(house, find_files(house))
    build_marts(house)
    published = house.settings.warehouse_file.read_bytes()

    strict = tighten(house, "marts/usage_daily", "request_count", 15, tmp_path)
    land(strict, "more.log", range(10, 30))
    ingest(strict, find_files(strict))
    with pytest.raises(GateFailedError, match=r"usage_daily.*request_count"):
        build_marts(strict)
    assert house.settings.warehouse_file.read_bytes() == published
    assert list(house.settings.warehouse_directory.glob("*.building")) == []


def test_what_a_failed_build_did_not_publish_the_next_one_does(house: House, tmp_path: Path):
    strict = tighten(house, "marts/usage_daily", "request_count", 5, tmp_path)
    land(strict, "day.log", range(10))
    ingest(strict, find_files(strict))
    with pytest.raises(GateFailedError):
        build_marts(strict)
    assert build_marts(house).tables["usage_daily"] == 1
    assert file_uris(house.lake, house.catalogue.get("lake", "page_views"))
