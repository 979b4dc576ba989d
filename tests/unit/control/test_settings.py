"""Settings from the environment, and the home that they name."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.errors import ConfigurationError, HomeUnwritableError
from pipelines.settings import SOURCES, load_settings, prepare_home, setting_names


def test_everything_lies_below_the_home_unless_it_is_said_otherwise(tmp_path):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path)})
    assert settings.control_url == f"sqlite:///{tmp_path}/control.db"
    assert settings.lake_uri == f"{tmp_path}/lake"
    for path in (settings.landing, settings.keyring_file, settings.warehouse_file, settings.certificates):
        assert path.is_relative_to(tmp_path)


def test_home_is_beside_the_caller_when_nobody_names_one():
    assert load_settings({}).home == Path.cwd() / ".tokumei"


def test_empty_variable_is_as_good_as_none():
    assert load_settings(dict.fromkeys(setting_names(), "")) == load_settings({})


def test_every_setting_has_its_variable():
    given = {
        "TOKUMEI_OFFICERS": "aki,ren",
        "TOKUMEI_TIMEZONE": "Europe/Paris",
        "TOKUMEI_AIRFLOW_PORT": "9000",
        "TOKUMEI_MEMORY_LIMIT": "512MiB",
    }
    given |= {"TOKUMEI_QUIET_SECONDS": "0", "TOKUMEI_PROCESSES": "1", "TOKUMEI_GUARD_SHARE": "0.5"}
    given |= {"TOKUMEI_DEADLINE_DAYS": "14", "TOKUMEI_DEADLINE_WARNING_DAYS": "3", "TOKUMEI_LONGEST_COPY_DAYS": "90"}
    given |= {"TOKUMEI_CANARY_SUBJECTS": "3", "TOKUMEI_FOUR_EYES": "1", "TOKUMEI_ACCESS_EXPORT_DAYS": "7"}
    given |= {"TOKUMEI_OFFICERS": "ada, ben"}
    given |= {"TOKUMEI_INTAKE_PORT": "9001", "TOKUMEI_INTAKE_URL": "https://privacy.example.jp"}
    given |= {"TOKUMEI_SMS_GATEWAY": "https://sms.example.jp/send", "TOKUMEI_SMTP": "smtp://mail.example.jp:25"}
    given |= {name: f"/a/{name}" for name in setting_names() if name not in given}
    settings = load_settings(given)
    assert [str(getattr(settings, name.removeprefix("TOKUMEI_").lower())) for name in given] == list(given.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKUMEI_AIRFLOW_PORT", "http"),
        ("TOKUMEI_AIRFLOW_PORT", "70000"),
        ("TOKUMEI_AIRFLOW_PORT", "０"),
        ("TOKUMEI_TIMEZONE", "Asia/Edo"),
        ("TOKUMEI_TIMEZONE", "/etc/passwd"),
        ("TOKUMEI_TIMEZONE", "."),
        ("TOKUMEI_MEMORY_LIMIT", "2GB'; ATTACH 'x"),
        ("TOKUMEI_MEMORY_LIMIT", "much"),
        ("TOKUMEI_QUIET_SECONDS", "-1"),
        ("TOKUMEI_QUIET_SECONDS", "1.5"),
        ("TOKUMEI_GUARD_SHARE", "1.5"),
        ("TOKUMEI_GUARD_SHARE", "-0.1"),
        ("TOKUMEI_GUARD_SHARE", "nan"),
        ("TOKUMEI_GUARD_SHARE", "20%"),
        ("TOKUMEI_DEADLINE_DAYS", "0"),
        ("TOKUMEI_DEADLINE_DAYS", "a month"),
        ("TOKUMEI_DEADLINE_WARNING_DAYS", "99999"),
        ("TOKUMEI_LONGEST_COPY_DAYS", "a year"),
        ("TOKUMEI_FOUR_EYES", "yes"),
        ("TOKUMEI_INTAKE_PORT", "0"),
        ("TOKUMEI_INTAKE_URL", "privacy.example.jp"),
        ("TOKUMEI_SMS_GATEWAY", "ftp://sms.example.jp"),
        ("TOKUMEI_SMTP", "http://mail.example.jp"),
    ],
)
def test_unusable_variable_is_named(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} is not"):
        load_settings({name: value})


def test_home_is_made_private_with_a_landing_for_every_source(tmp_path):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "deep" / "home")})
    prepare_home(settings)
    prepare_home(settings)
    assert sorted(path.name for path in settings.landing.iterdir()) == sorted(SOURCES)
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in (settings.home, *settings.home.rglob("*")))


def test_home_may_be_prepared_by_many_at_once(tmp_path):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(prepare_home, [settings] * 64))
    assert not [path for path in settings.home.iterdir() if path.is_file()]


def test_home_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "file" / "home")})
    with pytest.raises(HomeUnwritableError, match=r"cannot be written \(Not a directory\); point TOKUMEI_HOME at"):
        prepare_home(settings)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_home_of_somebody_else_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(HomeUnwritableError, match="Permission denied"):
        prepare_home(load_settings({"TOKUMEI_HOME": str(tmp_path / "home")}))


@pytest.mark.parametrize(
    ("uri", "local"),
    [("", "/a/landing"), ("/b", "/b"), ("file:///b%20c", "/b c"), ("s3://bucket/landing", "/a/landing")],
)
def test_landing_on_this_machine_is_a_directory(uri, local):
    assert load_settings({"TOKUMEI_HOME": "/a", "TOKUMEI_LANDING_URI": uri}).landing == Path(local)
