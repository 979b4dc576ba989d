"""Every recipe of the cookbook answers its question on a warehouse of generated days, and every mart is asked."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.contracts.model import load_catalogue
from pipelines.errors import ConfigurationError
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.ingest import find_files, ingest
from pipelines.settings import load_settings
from pipelines.synthetic import generate
from pipelines.warehouse.cookbook import find_recipe, read_cookbook
from pipelines.warehouse.query import run_query
from tests.integration.houses import found_house

SETTINGS = load_settings()
COOKBOOK = read_cookbook(SETTINGS.sql)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days of two weeks, and enough people for every mart to have rows."""
    house = found_house(tmp_path_factory.mktemp("cookbook") / "home")
    generate(house.settings.landing, days=8, users=200, seed=6, start=date(2026, 11, 2), plant=None)
    ingest(house, find_files(house))
    accept_landed(house)
    build_marts(house)
    return house.settings.home


def test_cookbook_has_twenty_numbered_recipes():
    assert [name.partition("_")[0] for name in COOKBOOK] == [f"{number:02}" for number in range(1, 21)]
    assert all(recipe.question.endswith("?") for recipe in COOKBOOK.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", COOKBOOK)
def test_recipe_answers_with_rows(home: Path, name: str):
    warehouse = home / "warehouse" / "tokumei.duckdb"
    rows = json.loads(run_query(warehouse, COOKBOOK[name].sql, format="json"))
    assert rows
    assert any(value is not None for row in rows for value in row.values())


def test_every_mart_is_asked():
    asked = {mart for recipe in COOKBOOK.values() for mart in re.findall(r"\bmarts\.\w+", recipe.sql)}
    assert asked == {f"marts.{contract.name}" for contract in load_catalogue(SETTINGS.contracts).layer("marts")}


def run(home: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["query", *words], env={"TOKUMEI_HOME": str(home)}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_command_lists_the_questions_in_order(tmp_path: Path):
    listed = run(tmp_path, "--cookbook").splitlines()
    assert listed == [f"{name}: {recipe.question}" for name, recipe in COOKBOOK.items()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["13_most_wanted_terms", "13"])
def test_command_runs_the_recipe_that_is_named(home: Path, name: str):
    assert re.match(
        "term,searches,days,people_on_one_day_at_least\n.", run(home, "--cookbook", name, "--format", "csv")
    )


@pytest.mark.slow
def test_command_still_runs_any_select(home: Path):
    assert run(home, "SELECT 1 AS one", "--format", "csv") == "one\n1\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "there is nothing to ask"), (["--cookbook", "99"], "the cookbook has no recipe 99")],
)
def test_what_cannot_be_asked_says_so(tmp_path: Path, words: list[str], message: str):
    with pytest.raises(ConfigurationError, match=message):
        run(tmp_path, *words)


def test_recipe_without_a_question_is_refused(tmp_path: Path):
    (tmp_path / "cookbook").mkdir()
    (tmp_path / "cookbook" / "01_mute.sql").write_text("SELECT 1")
    with pytest.raises(ConfigurationError, match=r"01_mute\.sql asks no question"):
        read_cookbook(tmp_path)


def test_recipe_is_found_by_its_number_and_not_by_a_part_of_it():
    assert find_recipe(COOKBOOK, "01") is COOKBOOK["01_busiest_weekdays"]
    with pytest.raises(ConfigurationError):
        find_recipe(COOKBOOK, "1")
