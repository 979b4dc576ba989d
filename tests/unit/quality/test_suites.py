"""The suites that are checked in are those that the gate runs, and nobody needs to run it to read them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts.model import Contract, load_catalogue
from pipelines.quality.gate import import_library, judge
from pipelines.quality.measure import measure
from pipelines.quality.rules import compile_rules
from pipelines.quality.suites import find_stale, render_suites, suites_directory, write_suites

CONTRACTS = Path(__file__).parents[3] / "data_contracts"
CATALOGUE = load_catalogue(CONTRACTS)
JUDGED = [*CATALOGUE.layer("lake"), *CATALOGUE.layer("marts")]


def read_suite(contract: Contract) -> dict[str, Any]:
    path = suites_directory(CONTRACTS) / f"{contract.layer}_{contract.name}.json"
    suite: dict[str, Any] = json.loads(path.read_text())
    return suite


def test_every_suite_that_is_checked_in_is_what_its_contract_says_and_no_other_is_there():
    assert find_stale(suites_directory(CONTRACTS), render_suites(CATALOGUE)) == ()


@pytest.mark.parametrize("contract", JUDGED, ids=lambda contract: f"{contract.layer}_{contract.name}")
def test_gate_runs_the_suite_that_is_checked_in(contract: Contract, monkeypatch: pytest.MonkeyPatch):
    expectation_suite = import_library().ExpectationSuite
    from great_expectations.datasource.fluent.interfaces import Batch

    ran: list[Any] = []
    validate = Batch.validate

    def validate_and_keep(batch: Batch, suite: object, **options: object) -> object:
        ran.append(suite)
        return validate(batch, suite, **options)

    monkeypatch.setattr(Batch, "validate", validate_and_keep)
    rules = compile_rules(contract)
    verdict = judge(contract, measure(rules.schema.to_frame(), rules))

    (suite,) = ran
    assert describe(suite) == describe(expectation_suite(**read_suite(contract)))
    assert suite.meta["contract_version"] == contract.version
    named = [item["kwargs"]["column"] for item in read_suite(contract)["expectations"]]
    assert [result.rule_id for result in verdict.results] == named


def describe(suite: Any) -> list[dict[str, Any]]:
    rules = suite.to_json_dict()["expectations"]
    return [{key: value for key, value in rule.items() if key != "id"} for rule in rules]


def test_suites_hold_nothing_that_changes_between_runs():
    text = "".join(render_suites(CATALOGUE).values())
    assert '"id"' not in text
    assert "great_expectations_version" not in text
    assert render_suites(CATALOGUE) == render_suites(CATALOGUE)


def test_writing_mends_what_is_stale_and_removes_what_is_of_no_contract(tmp_path: Path):
    suites = render_suites(CATALOGUE)
    assert write_suites(tmp_path, suites) == tuple(sorted(suites))
    (tmp_path / "lake_gone.json").write_text("{}")
    (tmp_path / "lake_searches.json").write_text("{}")
    (tmp_path / "lake_page_views.json").unlink()
    stale = ("lake_gone.json", "lake_page_views.json", "lake_searches.json")
    assert find_stale(tmp_path, suites) == stale
    assert write_suites(tmp_path, suites) == stale
    assert find_stale(tmp_path, suites) == ()


def test_check_names_the_stale_file_and_the_command_that_mends_it(tmp_path: Path):
    contracts = tmp_path / "data_contracts"
    for layer in ("sources", "lake", "marts"):
        (contracts / layer).mkdir(parents=True)
        for path in (CONTRACTS / layer).iterdir():
            (contracts / layer / path.name).write_bytes(path.read_bytes())
    mart = contracts / "marts/usage_daily.odcs.yaml"

    assert run(contracts).returncode == 0
    assert run(contracts, "--check").returncode == 0
    mart.write_text(mart.read_text().replace("version: ", "version: 9", 1))
    ran = run(contracts, "--check")
    assert ran.returncode == 1
    assert ran.stdout == (
        "generated/suites/marts_usage_daily.json is not what the gate runs; run `python -m pipelines.quality.suites`\n"
    )


def run(contracts: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.quality.suites", *arguments]
    environment = {"TOKUMEI_CONTRACTS": str(contracts), "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
