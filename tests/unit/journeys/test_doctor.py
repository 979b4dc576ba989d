"""The doctor says what becomes of each text in which names are expected, whether or not a model finds them."""

import shutil
from pathlib import Path

import pytest

from anonymization.names import installed_models
from pipelines.journeys.doctor import examine
from pipelines.settings import load_settings

CONTRACTS = Path(__file__).parents[3] / "data_contracts"
EXPECTS = "HONORIFIC_NAME, PERSON]"


def say_of_names(home: Path, contracts: Path) -> str:
    environment = {"TOKUMEI_HOME": str(home), "TOKUMEI_CONTRACTS": str(contracts)}
    findings = {finding.subject: finding for finding in examine(load_settings(environment))}
    assert findings["names in free text"].is_well
    return findings["names in free text"].detail


@pytest.mark.skipif(bool(installed_models()), reason="a model is installed here")
def test_without_a_model_the_doctor_names_each_text_and_its_fate(tmp_path: Path):
    said = say_of_names(tmp_path / "home", CONTRACTS)

    assert "not recognised, for want of the extra japanese-names" in said
    assert "survey_responses.comment is redacted whole" in said
    assert "searches" not in said


@pytest.mark.skipif(bool(installed_models()), reason="a model is installed here")
def test_doctor_says_when_a_contract_keeps_texts_with_the_names_in_them(tmp_path: Path):
    contracts = Path(shutil.copytree(CONTRACTS, tmp_path / "contracts"))
    survey = contracts / "lake" / "survey_responses.odcs.yaml"
    survey.write_text(survey.read_text().replace(EXPECTS, f"{EXPECTS}, withoutNames: keep"))

    assert "survey_responses.comment is kept with the names in it" in say_of_names(tmp_path / "home", contracts)


@pytest.mark.skipif(not installed_models(), reason="needs the extra japanese-names")
def test_with_a_model_the_doctor_says_which_language_it_reads(tmp_path: Path):
    assert "recognised in " in say_of_names(tmp_path / "home", CONTRACTS)
