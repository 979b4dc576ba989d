"""The keyring's file: private, whole, and silent about what is in it."""

import json
from datetime import UTC, datetime

import pytest

from anonymization.keyring import dump_keyring, new_keyring
from pipelines.control.keyring_file import read_keyring, write_keyring, write_secret
from pipelines.errors import ConfigurationError, MissingKeyError

KEYRING = new_keyring(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keyring.json"


def test_keyring_is_read_as_it_was_written_and_private(path):
    write_keyring(path, KEYRING)
    assert read_keyring(path) == KEYRING
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["keyring.json"]


def test_missing_keyring_says_how_to_make_one(path):
    with pytest.raises(MissingKeyError, match=r"there is no keyring at .*; make one with `tokumei keys init`"):
        read_keyring(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777, 0o610])
def test_keyring_that_others_may_touch_is_refused(path, mode):
    write_keyring(path, KEYRING)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"has mode {mode:o}; others may read it: set it to 600"):
        read_keyring(path)


SECRET = KEYRING.keys[0].secret
DAMAGED = {
    "empty": b"",
    "no text": b"\xff" + SECRET.encode(),
    "no JSON": SECRET.encode(),
    "another document": b"[]",
    "half of it": dump_keyring(KEYRING).encode()[:-40],
    "a secret that is no hexadecimal text": dump_keyring(KEYRING).replace(SECRET, "zz" + SECRET).encode(),
    "a secret that is a number": dump_keyring(KEYRING).replace(f'"{SECRET}"', "7").encode(),
    "a short secret": dump_keyring(KEYRING).replace(SECRET, SECRET[:20]).encode(),
    "unknown fields": json.dumps({"keys": [{"id": SECRET, "other": 1}]}).encode(),
}


@pytest.mark.parametrize("content", [pytest.param(value, id=name) for name, value in DAMAGED.items()])
def test_damaged_keyring_is_refused_without_a_word_of_it(path, content):
    write_secret(path, content)
    with pytest.raises(MissingKeyError, match="restore the keyring from its backup") as refused:
        read_keyring(path)
    assert refused.value.__context__ is None
    assert not any(SECRET[start : start + 6] in str(refused.value) for start in range(len(SECRET) - 6))


def test_directory_in_place_of_the_keyring_is_told_so(path):
    path.mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\)"):
        read_keyring(path)


def test_what_a_crash_left_is_neither_read_nor_trusted(path):
    leftover = path.with_name(".keyring.json.new")
    leftover.write_text("half a keyr")
    leftover.chmod(0o644)
    write_keyring(path, KEYRING)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not leftover.exists()
