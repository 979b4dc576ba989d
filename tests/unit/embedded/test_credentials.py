"""Airflow's users: one for each officer, each with a password of their own that outlives whoever comes and goes."""

import json

import pytest

from pipelines.embedded.credentials import list_users, load_component_secrets, load_passwords, passwords_file
from pipelines.errors import ConfigurationError
from pipelines.settings import load_settings


def test_officers_may_answer_the_auditor_may_read_and_the_engineer_may_all():
    assert list_users(["ada", "ben"]) == {"auditor": "viewer", "ada": "user", "ben": "user", "engineer": "admin"}


def test_new_officer_gets_a_password_and_everybody_else_keeps_theirs(tmp_path):
    first = load_passwords(tmp_path, ["ada"])
    second = load_passwords(tmp_path, ["ben", "ada"])
    assert {name: second[name] for name in first} == first
    assert set(second) == {"auditor", "ada", "ben", "engineer"}
    assert len(set(second.values())) == 4
    assert load_passwords(tmp_path, ["ben"]) == second


def test_passwords_and_secrets_are_for_their_owner_alone_and_leave_nothing_beside(tmp_path):
    load_passwords(tmp_path, ["ada"])
    load_passwords(tmp_path, ["ben"])
    load_component_secrets(tmp_path)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {
        "passwords.json": "0o600",
        "secrets.json": "0o600",
    }


def test_password_file_of_an_earlier_version_gains_the_auditor(tmp_path):
    passwords_file(tmp_path).write_text(json.dumps({"engineer": "one", "compliance-officer": "two"}))
    passwords = load_passwords(tmp_path)
    assert (passwords["engineer"], passwords["compliance-officer"]) == ("one", "two")
    assert len(passwords["auditor"]) > 20


@pytest.mark.parametrize("names", [",", " ", ", ,", "ada:admin", "ada,,ben", "ada|ben", "a b", "ada\nben", "a" * 101])
def test_setting_that_names_nobody_or_somebody_airflow_cannot_know_is_refused(names):
    with pytest.raises(ConfigurationError, match="TOKUMEI_OFFICERS"):
        load_settings({"TOKUMEI_OFFICERS": names})


def test_officers_are_separated_by_commas():
    given = {"TOKUMEI_OFFICERS": " ada.lovelace@example.com , ben "}
    assert load_settings(given).officer_names == ("ada.lovelace@example.com", "ben")
    assert load_settings({"TOKUMEI_OFFICERS": ""}).officer_names == ("compliance-officer",)
