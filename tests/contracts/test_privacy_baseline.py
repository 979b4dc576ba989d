"""A contract that protects less than it did fails the build, unless it has a new major version."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.contracts.baseline import baseline_path, check_baseline, record_baseline
from pipelines.contracts.model import Catalogue, load_contract
from pipelines.errors import ContractInvalidError

CONTRACTS = Path(__file__).parents[2] / "data_contracts"
MART = "marts/usage_by_environment_daily"


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A copy of the house's contracts, with their baseline of this moment."""
    copy = tmp_path / "data_contracts"
    shutil.copytree(CONTRACTS, copy)
    baseline_path(copy).unlink(missing_ok=True)
    assert record_baseline(read(copy), copy) == ()
    return copy


def read(contracts: Path) -> Catalogue:
    return Catalogue(tuple(load_contract(path) for path in sorted(contracts.glob("*/*.odcs.yaml"))))


def change(contracts: Path, name: str, replacements: dict[str, str]) -> None:
    path = contracts / f"{name}.odcs.yaml"
    text = path.read_text()
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text)


def version_of(contracts: Path, name: str) -> str:
    return str(yaml.safe_load((contracts / f"{name}.odcs.yaml").read_text())["version"])


def raise_major(contracts: Path, name: str) -> None:
    version = version_of(contracts, name)
    major = int(version.split(".")[0])
    change(contracts, name, {f"version: {version}": f"version: {major + 1}.0.0"})


def run(contracts: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.contracts", *arguments]
    environment = {"TOKUMEI_CONTRACTS": str(contracts), "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_baseline_that_is_checked_in_is_that_of_the_contracts():
    assert [str(violation) for violation in check_baseline(read(CONTRACTS), CONTRACTS)] == []


def test_lower_threshold_fails_and_names_contract_fact_and_what_weakened(contracts: Path):
    change(contracts, MART, {"minimumPeople, value: 10": "minimumPeople, value: 5"})
    ran = run(contracts)
    assert ran.returncode == 1
    assert ran.stdout.startswith(f"{MART}.odcs.yaml: minimumPeople: was 10, is 5; this protects less")


def test_weaker_column_is_named_with_its_column(contracts: Path):
    change(contracts, "lake/page_views", {"{kind: reduce_language}": "{kind: keep}"})
    (violation,) = check_baseline(read(contracts), contracts)
    assert (violation.file, violation.field) == ("lake/page_views.odcs.yaml", "language/treatment")


def test_record_refuses_what_protects_less_and_leaves_the_baseline_as_it_was(contracts: Path):
    before = baseline_path(contracts).read_bytes()
    change(contracts, "lake/security_events", {"retention, value: 30,": "retention, value: 31,"})
    ran = run(contracts, "--record")
    assert ran.returncode == 1
    assert "lake/security_events.odcs.yaml: retentionDays: was 30, is 31" in ran.stdout
    assert baseline_path(contracts).read_bytes() == before


def test_new_major_version_may_protect_less_once_it_is_recorded(contracts: Path):
    change(contracts, "lake/security_events", {"retention, value: 30,": "retention, value: 31,"})
    raise_major(contracts, "lake/security_events")
    (stale,) = check_baseline(read(contracts), contracts)
    assert "run `python -m pipelines.contracts --record`" in str(stale)
    assert run(contracts, "--record").returncode == 0
    assert run(contracts).returncode == 0


def test_change_that_protects_more_fails_only_until_it_is_recorded(contracts: Path):
    change(contracts, MART, {"minimumPeople, value: 10": "minimumPeople, value: 20"})
    (stale,) = check_baseline(read(contracts), contracts)
    assert (stale.file, stale.field) == (f"{MART}.odcs.yaml", "generated/privacy.json")
    assert record_baseline(read(contracts), contracts) == ()
    assert check_baseline(read(contracts), contracts) == ()


def test_recording_twice_changes_nothing(contracts: Path):
    before = baseline_path(contracts).read_bytes()
    assert record_baseline(read(contracts), contracts) == ()
    assert baseline_path(contracts).read_bytes() == before


def test_contract_under_a_new_name_is_held_to_what_it_was(contracts: Path):
    rename(
        contracts, "search_terms_daily", "search_words_daily", {"minimumPeople, value: 10": "minimumPeople, value: 5"}
    )
    (violation,) = check_baseline(read(contracts), contracts)
    assert str(violation).startswith("marts/search_words_daily.odcs.yaml: minimumPeople: was 10, is 5")


def test_contract_that_went_with_one_change_does_not_come_back_weaker_with_the_next(contracts: Path):
    kept = (contracts / "marts/search_terms_daily.odcs.yaml").read_text()
    (contracts / "marts/search_terms_daily.odcs.yaml").unlink()
    assert record_baseline(read(contracts), contracts) == ()
    (contracts / "marts/search_terms_daily.odcs.yaml").write_text(kept)
    rename(
        contracts, "search_terms_daily", "search_words_daily", {"minimumPeople, value: 10": "minimumPeople, value: 5"}
    )
    (violation,) = record_baseline(read(contracts), contracts)
    assert violation.field == "minimumPeople"


def rename(contracts: Path, old: str, new: str, replacements: dict[str, str]) -> None:
    change(contracts, f"marts/{old}", replacements)
    path = contracts / f"marts/{old}.odcs.yaml"
    path.with_name(f"{new}.odcs.yaml").write_text(path.read_text().replace(old, new))
    path.unlink()


def test_column_under_a_new_name_is_held_to_what_it_was(contracts: Path):
    change(
        contracts,
        "lake/page_views",
        {"name: language\n": "name: preferred_language\n", "{kind: reduce_language}": "{kind: keep}"},
    )
    (violation,) = check_baseline(read(contracts), contracts)
    assert violation.field == "preferred_language/treatment"


def test_version_never_goes_back(contracts: Path):
    change(contracts, MART, {f"version: {version_of(contracts, MART)}": "version: 0.0.1"})
    assert [violation.field for violation in check_baseline(read(contracts), contracts)] == ["version"]


def test_missing_or_broken_baseline_is_no_licence(contracts: Path):
    baseline_path(contracts).write_text("<<<<<<<")
    with pytest.raises(ContractInvalidError, match="is not JSON"):
        record_baseline(read(contracts), contracts)
    baseline_path(contracts).unlink()
    ran = run(contracts)
    assert (ran.returncode, ran.stderr.count("--record")) == (1, 1)


def test_unknown_option_is_refused(contracts: Path):
    assert run(contracts, "--records").returncode == 1
