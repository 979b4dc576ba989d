"""Keys are made, rotated and destroyed while data comes in, by several processes, and nothing tells their secrets."""

import os
import shlex
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from anonymization.keyring import DAILY_PURPOSE, dump_keyring, name_day_key
from pipelines.control.day_keys import destroy_overdue_keys, find_day_keys, open_visitor_keys
from pipelines.control.keyring_file import read_keyring
from pipelines.control.keyring_source import open_keyring
from pipelines.errors import ConfigurationError, MissingKeyError, TokumeiError
from pipelines.journeys.house import House, open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import (
    destroy_key,
    destroy_overdue,
    hold_keys,
    list_history,
    make_keys,
    renew_keyring,
    rotate_key,
)
from pipelines.journeys.retain import retain
from pipelines.lake.layout import read_columns
from pipelines.settings import Settings, load_settings, prepare_home
from pipelines.synthetic import generate

NOW = datetime.fromisoformat("2026-11-22T09:00:00+09:00")
TODAY = NOW.date()
VARIABLE = "KEYRING_OF_A_TEST"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(made)
    make_keys(made)
    return made


def keys_directory(settings: Settings) -> Path:
    return settings.keyring_file.parent


def tell_history(settings: Settings) -> list[tuple[str, str]]:
    return [(entry["action"], entry["key_id"]) for entry in list_history(settings)]


def run_at_once(settings: Settings, code: str, count: int = 4) -> list[str]:
    """What several processes print that each run the same code with the same settings."""
    script = f"from pipelines.settings import load_settings\nsettings = load_settings()\n{code}"
    environment = {**os.environ, "TOKUMEI_HOME": str(settings.home)}
    command = [sys.executable, "-c", script]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return [process.communicate(timeout=120)[0].strip() for process in running]


def find_secret(settings: Settings, secret: str) -> list[str]:
    return [path.name for path in settings.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_history_tells_every_key_that_was_made_and_destroyed_in_order(settings: Settings):
    before = (keys_directory(settings) / "history.jsonl").read_bytes()
    rotate_key(settings, "usage")
    destroy_key(settings, "usage-1")

    assert (keys_directory(settings) / "history.jsonl").read_bytes().startswith(before)
    assert tell_history(settings)[-2:] == [("created", "usage-2"), ("destroyed", "usage-1")]
    assert tell_history(settings)[:1] == [("created", "usage-1")]


def test_history_is_told_in_utc(settings: Settings):
    open_visitor_keys(settings, [TODAY], NOW)
    destroy_overdue_keys(settings, NOW + timedelta(days=4))

    told = [entry["at"] for entry in list_history(settings)]
    assert told[-2:] == ["2026-11-22T00:00:00+00:00", "2026-11-26T00:00:00+00:00"]
    assert all(at.endswith("+00:00") for at in told)


def test_history_holds_no_secret_and_no_file_of_keys_is_for_others(settings: Settings):
    open_visitor_keys(settings, [TODAY], NOW)
    files = [path for path in keys_directory(settings).iterdir() if path.is_file()]
    secrets = [key.secret for path in files if path.suffix == ".json" for key in read_keyring(path).keys]
    history = (keys_directory(settings) / "history.jsonl").read_text()

    assert len(secrets) == 7
    assert not any(secret in history for secret in secrets)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_what_a_crash_kept_out_of_the_history_is_entered_by_the_next_change(settings: Settings):
    history = keys_directory(settings) / "history.jsonl"
    history.write_text('\n{"at": "2026-11-01T00:00:00+00:00", "action": "created", "key_id": "usage-1"}\n{"at": "2026-')
    rotate_key(settings, "search")

    told = tell_history(settings)
    assert {key_id for _, key_id in told} == {key.id for key in read_keyring(settings.keyring_file).keys}
    assert len(told) == len(set(told)) == 7


def test_destroyed_key_is_in_no_file_and_its_id_is_never_given_again(settings: Settings):
    secret = read_keyring(settings.keyring_file).current("usage").secret
    rotate_key(settings, "usage")
    assert find_secret(settings, secret) == ["keyring.json"]
    destroy_key(settings, "usage-1")

    assert find_secret(settings, secret) == []
    with pytest.raises(MissingKeyError, match="there is no key usage-1"):
        destroy_key(settings, "usage-1")
    assert rotate_key(settings, "usage") == "usage-3"


@pytest.mark.parametrize("key_id", ["usage-1", "membership-1", "sealing-1"])
def test_key_in_use_is_not_destroyed(key_id: str, settings: Settings):
    with pytest.raises(ConfigurationError, match=f"{key_id} is in use"):
        destroy_key(settings, key_id)
    assert ("destroyed", key_id) not in tell_history(settings)


def test_keys_made_by_several_processes_at_once_are_one_keyring(tmp_path: Path):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    code = """
from pipelines.journeys.keys import make_keys, open_keyring
make_keys(settings)
print([key.derive("same").hex() for key in open_keyring(settings).keys])
"""
    printed = run_at_once(settings, code)

    assert len(set(printed)) == 1
    assert len(tell_history(settings)) == 6


def test_rotations_by_several_processes_at_once_lose_no_key(settings: Settings):
    code = "from pipelines.journeys.keys import rotate_key\nprint(rotate_key(settings, 'usage'))"

    assert sorted(run_at_once(settings, code)) == [f"usage-{generation}" for generation in range(2, 6)]
    assert [key.id for key in read_keyring(settings.keyring_file).live("usage")] == [f"usage-{n}" for n in range(1, 6)]


def test_several_processes_tell_a_day_s_visitors_apart_by_one_key(settings: Settings):
    code = """
from datetime import datetime
from pipelines.control.day_keys import open_visitor_keys
now = datetime.fromisoformat("2026-11-22T09:00:00+09:00")
keys = open_visitor_keys(settings, [now.date()], now)
print({day.isoformat(): key.derive("same").hex() for day, key in keys.items()})
"""
    printed = run_at_once(settings, code)

    assert len(set(printed)) == 1
    assert "2026-11-22" in printed[0]
    assert tell_history(settings).count(("created", "visitor-20261122")) == 1


def test_visitor_keys_are_made_for_days_from_three_ago_to_tomorrow_only(settings: Settings):
    days = [TODAY + timedelta(days=offset) for offset in range(-6, 4)]
    found = open_visitor_keys(settings, days, NOW)

    assert sorted(found) == days[3:8]
    assert open_visitor_keys(settings, days, NOW) == found
    assert len({key.secret for key in found.values()}) == 5


def test_no_visitor_key_is_made_before_it_is_needed(settings: Settings):
    assert open_visitor_keys(settings, [], NOW) == {}
    assert not find_day_keys(settings, DAILY_PURPOSE).exists()
    assert destroy_overdue_keys(settings, NOW) == ()


def test_visitor_key_is_destroyed_when_its_days_have_passed_and_that_is_recorded(settings: Settings):
    key = open_visitor_keys(settings, [TODAY], NOW)[TODAY]
    assert destroy_overdue_keys(settings, NOW + timedelta(days=3)) == ()
    assert destroy_overdue_keys(settings, NOW + timedelta(days=4)) == ("visitor-20261122",)

    assert find_secret(settings, key.secret) == []
    assert tell_history(settings)[-1] == ("destroyed", "visitor-20261122")
    assert open_visitor_keys(settings, [TODAY], NOW + timedelta(days=4)) == {}
    assert open_visitor_keys(settings, [TODAY], NOW) == {}  # not even with a clock that went back


def test_opening_keys_destroys_the_overdue_ones_too(settings: Settings):
    open_visitor_keys(settings, [TODAY], NOW)
    later = NOW + timedelta(days=4)
    open_visitor_keys(settings, [later.date()], later)

    assert [key.id for key in read_keyring(find_day_keys(settings, DAILY_PURPOSE)).keys] == ["visitor-20261126"]


def test_a_day_s_key_can_be_destroyed_by_hand(settings: Settings):
    open_visitor_keys(settings, [TODAY], NOW)
    destroy_key(settings, "visitor-20261122")

    assert open_visitor_keys(settings, [TODAY], NOW) == {}


def test_retention_destroys_overdue_visitor_keys(settings: Settings):
    house = open_house(settings)
    old = house.now() - timedelta(days=4)
    open_visitor_keys(settings, [old.date()], old)
    retain(house)

    assert tell_history(settings)[-1] == ("destroyed", name_day_key(old.date()))
    assert destroy_overdue(house) == ()


def test_no_key_is_destroyed_while_rows_are_committed_under_it(settings: Settings):
    house = open_house(settings)
    rotate_key(settings, "usage")
    destruction = threading.Thread(target=destroy_key, args=(settings, "usage-1"))
    with hold_keys(house) as are_live:
        destruction.start()
        destruction.join(0.5)
        assert (are_live, destruction.is_alive()) == (True, True)
    destruction.join(30)

    with hold_keys(house) as are_live:
        assert not are_live
    with hold_keys(renew_keyring(house)) as are_live:
        assert are_live


def source_of(settings: Settings, kind: str, text: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose keyring is a text that a variable holds, a command prints, or a file elsewhere."""
    elsewhere = settings.home.parent / "keyring.json"
    elsewhere.touch(0o600)
    elsewhere.write_text(text)
    monkeypatch.setenv(VARIABLE, text)
    sources = {"env": VARIABLE, "command": f"cat {shlex.quote(str(elsewhere))}", "file": str(elsewhere)}
    return replace(settings, keyring_source=f"{kind}:{sources[kind]}")


@pytest.mark.parametrize("kind", ["env", "command", "file"])
def test_keyring_comes_from_where_the_setting_says(kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    keyring = open_keyring(settings)
    elsewhere = source_of(settings, kind, dump_keyring(keyring), monkeypatch)
    settings.keyring_file.unlink()

    assert open_keyring(elsewhere) == keyring
    assert open_house(elsewhere).keyring == keyring
    assert not make_keys(elsewhere)
    assert not settings.keyring_file.exists()


@pytest.mark.parametrize("kind", ["env", "command"])
def test_keyring_from_elsewhere_is_changed_elsewhere(kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    elsewhere = source_of(settings, kind, dump_keyring(open_keyring(settings)), monkeypatch)
    for change in (lambda: rotate_key(elsewhere, "usage"), lambda: destroy_key(elsewhere, "usage-1")):
        with pytest.raises(ConfigurationError, match="this keyring is no file of ours"):
            change()
    assert open_visitor_keys(elsewhere, [TODAY], NOW).keys() == {TODAY}


def test_keyring_in_a_file_elsewhere_rotates_there(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    elsewhere = source_of(settings, "file", dump_keyring(open_keyring(settings)), monkeypatch)
    rotate_key(elsewhere, "usage")

    assert open_keyring(elsewhere).current("usage").id == "usage-2"
    assert open_keyring(settings).current("usage").id == "usage-1"
    assert ("created", "usage-2") in tell_history(elsewhere)


@pytest.mark.parametrize(
    "source",
    [
        *("", "vault", "env", "env:", "command:", "file_of_keys:/x", "file:/nowhere/keyring.json"),
        *(
            "env:NO_SUCH_VARIABLE_OF_A_TEST",
            "command:/nowhere/kms",
            "command:false",
            "command:echo planted",
            "command:'",
        ),
        "command:sh -c 'echo planted >&2; echo planted; exit 3'",
    ],
)
def test_source_that_gives_no_keyring_stops_everything_and_is_not_quoted(source: str, settings: Settings):
    with pytest.raises(TokumeiError) as caught:
        open_house(replace(settings, keyring_source=source))

    shown = f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert "planted" not in shown


@pytest.mark.parametrize("kind", ["env", "command", "file"])
def test_damaged_keyring_is_refused_without_showing_a_secret(
    kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    keyring = open_keyring(settings)
    damaged = source_of(settings, kind, dump_keyring(keyring)[:-20], monkeypatch)
    with pytest.raises(MissingKeyError, match="is not a keyring") as caught:
        open_keyring(damaged)

    shown = f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert not any(key.secret in shown for key in keyring.keys)


def test_command_shows_the_history_and_no_secret(settings: Settings):
    rotate_key(settings, "usage")
    command = ["tokumei", "keys", "history"]
    environment = {**os.environ, "TOKUMEI_HOME": str(settings.home)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    assert len(shown.splitlines()) == 7
    assert shown.splitlines()[-1].endswith("created    usage-2")
    assert not any(key.secret in shown for key in open_keyring(settings).keys)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Six days of traffic that come today, the usage key rotated between two files of one run."""
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path_factory.mktemp("keys") / "home")})
    prepare_home(settings)
    make_keys(settings)
    house = open_house(settings)
    generate(settings.landing, days=6, users=20, seed=5, start=house.now().date() - timedelta(days=6), plant=None)
    first, *others = find_files(house, ("access",))
    assert [delivery.state for delivery in ingest(house, [first])] == ["committed"]
    rotate_key(settings, "usage")
    assert {delivery.state for delivery in ingest(house, others)} <= {"committed", "duplicate"}
    return house


def read_views(house: House) -> pl.DataFrame:
    names = (
        "event_at",
        "visitor_pseudonym",
        "user_pseudonym",
        "device_pseudonym",
        "key_id",
        "utm_source",
        "utm_medium",
    )
    local = pl.col("event_at").dt.convert_time_zone(house.settings.timezone).dt.date()
    return read_columns(house.lake, house.catalogue.get("lake", "page_views"), names).with_columns(event_date=local)


def test_rotation_stops_no_ingestion_and_the_next_file_is_under_the_new_key(ingested: House):
    assert read_views(ingested)["key_id"].unique().sort().to_list() == ["usage-1", "usage-2"]


def test_only_passing_visitors_of_days_gone_by_are_nobody(ingested: House):
    views = read_views(ingested)
    oldest = ingested.now().date() - timedelta(days=3)
    known = pl.any_horizontal(pl.col("user_pseudonym", "device_pseudonym").is_not_null())
    is_told = known | (pl.col("event_date") >= oldest)

    assert views.filter(pl.col("visitor_pseudonym").is_not_null() != is_told).height == 0
    assert views.filter(~is_told).height > 0
    assert views.filter(is_told & ~known).height > 0


def test_visitor_keys_live_for_just_the_days_that_had_lines(ingested: House):
    keys = read_keyring(find_day_keys(ingested.settings, DAILY_PURPOSE)).keys
    days = read_views(ingested).filter(pl.col("event_date") >= ingested.now().date() - timedelta(days=3))["event_date"]

    assert [key.id for key in keys] == [name_day_key(day) for day in sorted(set(days))]


def test_campaigns_come_from_urls_and_nothing_else_does(ingested: House):
    views = read_views(ingested)

    assert set(views["utm_source"].drop_nulls()) <= {"x", "line", "instagram", "newsletter", "kakaku"}
    assert views["utm_source"].n_unique() > 2
    assert set(views["utm_medium"].drop_nulls()) <= {"social", "message", "email", "affiliate"}


def test_no_byte_of_the_home_outside_keys_holds_a_secret(ingested: House):
    held = [ingested.settings.keyring_file, find_day_keys(ingested.settings, DAILY_PURPOSE)]
    secrets = [key.secret for path in held for key in read_keyring(path).keys]
    outside = [path for path in ingested.settings.home.rglob("*") if path.is_file() and path.parent != held[0].parent]
    content = b"".join(path.read_bytes() for path in outside)

    assert outside
    assert not any(secret.encode() in content or bytes.fromhex(secret) in content for secret in secrets)
