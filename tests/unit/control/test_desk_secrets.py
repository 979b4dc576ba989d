"""Secrets of the compliance desk: made once, private, and never torn."""

import stat

import pytest

from anonymization.keyring import Secret
from pipelines.control.desk_secrets import FIRST_CLIENT, DeskSecrets, new_secret, open_desk_secrets, write_desk_secrets
from pipelines.errors import ConfigurationError
from pipelines.settings import Settings, load_settings, prepare_home


@pytest.fixture
def settings(tmp_path) -> Settings:
    loaded = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(loaded)
    return loaded


def test_secrets_are_made_once_and_are_the_owners_to_read(settings: Settings):
    first = open_desk_secrets(settings)

    assert open_desk_secrets(settings) == first
    assert list(first.clients) == [FIRST_CLIENT]
    assert stat.S_IMODE(settings.desk_secrets_file.stat().st_mode) == 0o600
    assert list(settings.desk_secrets_file.parent.iterdir()) == [settings.desk_secrets_file]


def test_changed_secrets_take_the_place_of_the_others(settings: Settings):
    first = open_desk_secrets(settings)
    changed = DeskSecrets({"other": new_secret()}, first.form, first.status, Secret("of facebook"), Secret(""))

    write_desk_secrets(settings, changed)

    assert open_desk_secrets(settings) == changed


def test_secrets_show_in_no_text(settings: Settings):
    made = open_desk_secrets(settings)

    assert made.form.reveal() not in repr(made)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"clients": {}}', '{"clients": [], "form": ""}'])
def test_damaged_file_is_refused_without_its_content(settings: Settings, content: str):
    settings.desk_secrets_file.write_text(content)

    with pytest.raises(ConfigurationError, match="restore it"):
        open_desk_secrets(settings)
