"""Keys are made once, rotated by purpose, and destroyed with a word on what that leaves behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from anonymization.errors import AnonymizationError
from pipelines.control.keyring_file import read_keyring
from pipelines.errors import ConfigurationError, MissingKeyError
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.house import open_house
from pipelines.journeys.keys import UNROTATED, destroy_key, make_keys, rotate_key
from pipelines.proof.certificate import verify_all
from pipelines.settings import Settings, load_settings, prepare_home


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(made)
    make_keys(made)
    return made


def test_keys_are_made_once_and_for_their_owner_only(settings: Settings):
    before = settings.keyring_file.read_bytes(), settings.signing_key_file.read_bytes()
    assert not make_keys(settings)
    assert (settings.keyring_file.read_bytes(), settings.signing_key_file.read_bytes()) == before
    for path in (settings.keyring_file, settings.signing_key_file):
        assert path.stat().st_mode & 0o777 == 0o600


def test_key_that_is_missing_alone_is_made_alone(settings: Settings):
    keyring = settings.keyring_file.read_bytes()
    settings.signing_key_file.unlink()
    assert make_keys(settings)
    assert settings.signing_key_file.exists()
    assert settings.keyring_file.read_bytes() == keyring


def test_house_without_keys_does_not_open(tmp_path: Path):
    with pytest.raises(MissingKeyError, match="tokumei keys init"):
        open_house(load_settings({"TOKUMEI_HOME": str(tmp_path / "home")}))


def test_rotation_adds_a_key_and_keeps_the_older_one(settings: Settings):
    older = read_keyring(settings.keyring_file).current("usage").id
    newer = rotate_key(settings, "usage")
    keyring = read_keyring(settings.keyring_file)
    assert keyring.current("usage").id == newer
    assert [key.id for key in keyring.live("usage")] == [older, newer]


@pytest.mark.parametrize("purpose", [*UNROTATED, "nonsense"])
def test_what_tombstones_and_sealed_requests_stand_under_does_not_rotate(settings: Settings, purpose: str):
    with pytest.raises(ConfigurationError, match="no key that rotates"):
        rotate_key(settings, purpose)


def test_key_in_use_and_unknown_key_are_not_destroyed(settings: Settings):
    before = settings.keyring_file.read_bytes()
    with pytest.raises(ConfigurationError, match="usage-1 is in use"):
        destroy_key(settings, "usage-1")
    with pytest.raises(MissingKeyError, match="no key usage-9"):
        destroy_key(settings, "usage-9")
    assert settings.keyring_file.read_bytes() == before


def test_destroyed_key_under_which_nothing_is_stored_says_so(settings: Settings):
    rotate_key(settings, "usage")
    destroyed = destroy_key(settings, "usage-1")
    assert destroyed.message == "usage-1 is destroyed; nothing is stored under it"
    assert [key.id for key in read_keyring(settings.keyring_file).live("usage")] == ["usage-2"]


def test_destroyed_key_under_which_rows_are_stored_says_how_many_and_what_that_means(town):
    rotate_key(town.house.settings, "usage")
    destroyed = destroy_key(town.house.settings, "usage-1")
    rows = town.rows("page_views").height
    assert destroyed.row_counts["page_views"] == rows
    assert set(destroyed.row_counts) == {"page_views", "device_events", "identity_links"}
    assert f"{rows} rows of page_views" in destroyed.message
    assert "no deletion request reaches them any more" in destroyed.message


def test_deletion_reaches_what_was_stored_under_an_older_key(town, open_town):
    rotate_key(town.house.settings, "usage")
    rotated = open_town(town.home)
    lines = [rotated.visit(rotated.leaver, rotated.phone(rotated.leaver), rotated.days[1], 1)]
    rotated.land("access", "after.jsonl", lines)
    rotated.take_in()
    before = rotated.rows("page_views").height
    accept_landed(rotated.house)
    rotated.finish(rotated.approve())
    first = verify_all(rotated.house.settings.certificates)[0].certificate
    views = {part.dataset: part.row_count for part in first.datasets}["lake.page_views"]
    assert views == 6, "five under the older key, one under the newer"
    assert rotated.rows("page_views").height == before - 6 - 3


def test_request_sealed_under_a_key_that_is_gone_is_refused_without_its_content(town):
    accept_landed(town.house)
    town.house.settings.keyring_file.unlink()
    make_keys(town.house.settings)
    with pytest.raises(AnonymizationError, match="no live sealing key"):
        type(town)(open_house(town.house.settings)).approve()
