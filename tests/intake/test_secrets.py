"""The secrets of callers: printed once, renewed on demand, refused when they are none."""

import os
import subprocess

import pytest

from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.errors import ConfigurationError
from pipelines.journeys.intake_secrets import keep_facebook_secret, make_client_secret
from pipelines.settings import load_settings, prepare_home
from tests.intake.served import TOKUMEI


@pytest.fixture
def settings(tmp_path):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    return settings


def run(settings, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TOKUMEI_HOME": str(settings.home)}
    return subprocess.run([TOKUMEI, *words], env=environment, input=stdin, capture_output=True, text=True, check=False)


def test_the_commands_make_and_take_secrets(settings):
    made = run(settings, "intake-client", "call-centre")
    entered = run(settings, "facebook-secret", stdin="0123456789abcdef0123456789abcdef\n")
    kept = open_desk_secrets(settings)
    assert (made.returncode, entered.returncode) == (0, 0)
    assert made.stdout.strip() == kept.clients["call-centre"].reveal()
    assert kept.facebook.reveal() == "0123456789abcdef0123456789abcdef"
    assert "0123456789abcdef" not in entered.stdout + entered.stderr


def test_a_client_keeps_its_secret_unless_it_is_renewed(settings):
    first = make_client_secret(settings, "shop", renew=False)
    with pytest.raises(ConfigurationError):
        make_client_secret(settings, "shop", renew=False)
    assert open_desk_secrets(settings).clients["shop"] == first
    assert make_client_secret(settings, "shop", renew=True) != first
    assert "service" in open_desk_secrets(settings).clients


@pytest.mark.parametrize("name", ["", "Shop", "a" * 65, "../keys", "facebook", "shop\n", "9lives"])
def test_names_that_no_header_could_carry_or_that_are_ours_are_refused(settings, name: str):
    with pytest.raises(ConfigurationError):
        make_client_secret(settings, name, renew=False)


@pytest.mark.parametrize("text", ["", "\n", "short", "with blanks in it, and long enough", "x" * 300])
def test_what_is_no_app_secret_is_not_kept(settings, text: str):
    with pytest.raises(ConfigurationError) as refused:
        keep_facebook_secret(settings, text)
    assert not text.strip() or text not in str(refused.value)
    assert not open_desk_secrets(settings).facebook.reveal()
