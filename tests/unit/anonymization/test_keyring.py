"""Keys are made, rotated, destroyed and kept as text; their secrets appear nowhere else."""

import copy
import json
import pickle
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import pytest

from anonymization.errors import AnonymizationError, NoSuchKeyError
from anonymization.keyring import (
    PURPOSES,
    Key,
    Keyring,
    Secret,
    dump_keyring,
    name_day_key,
    new_keyring,
    parse_keyring,
    seal,
    seal_under,
    unseal,
    unseal_under,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return new_keyring(NOW)


def list_errors(error: BaseException | None) -> list[BaseException]:
    """An error with everything that its chain keeps alive, shown or not."""
    return [] if error is None else [error, *list_errors(error.__cause__), *list_errors(error.__context__)]


def test_new_keyring_has_one_key_a_purpose_and_no_secret_twice(keyring: Keyring):
    assert [key.id for key in keyring.keys] == [f"{purpose}-1" for purpose in PURPOSES]
    assert len({key.secret for key in keyring.keys}) == len(PURPOSES)
    assert all(len(bytes.fromhex(key.secret)) == 32 for key in keyring.keys)


def test_keyring_survives_its_own_text(keyring: Keyring):
    rotated = keyring.rotated("usage", NOW).rotated("usage", NOW).without("usage-1")

    assert parse_keyring(dump_keyring(rotated)) == rotated


def test_keyring_written_before_keys_were_retired_is_read(keyring: Keyring):
    document = json.loads(dump_keyring(keyring))
    del document["retired"]

    assert parse_keyring(json.dumps(document)) == keyring


def test_rotation_keeps_the_old_key_live_and_makes_the_new_one_current(keyring: Keyring):
    rotated = keyring.rotated("usage", NOW)

    assert rotated.current("usage").id == "usage-2"
    assert rotated.live("usage") == (keyring.current("usage"), rotated.current("usage"))
    assert rotated.live("security") == keyring.live("security")


def test_destroyed_key_is_gone_and_its_id_is_never_given_again(keyring: Keyring):
    destroyed = keyring.rotated("usage", NOW).without("usage-1").rotated("usage", NOW).without("usage-3")

    assert [key.id for key in destroyed.live("usage")] == ["usage-2"]
    assert destroyed.rotated("usage", NOW).current("usage").id == "usage-4"
    assert keyring.current("usage").secret not in dump_keyring(destroyed)


def test_missing_key_stops_with_the_purpose_or_id_named(keyring: Keyring):
    with pytest.raises(NoSuchKeyError, match="no key for the purpose usage"):
        new_keyring(NOW, ["search"]).current("usage")
    with pytest.raises(NoSuchKeyError, match="no key usage-9"):
        keyring.without("usage-9")


def test_secrets_show_in_no_representation(keyring: Keyring):
    shown = f"{keyring} {keyring!r} {keyring.keys[0]} {[keyring.keys[0]]!r} {keyring.keys[0]!a}"

    assert "usage-1" in shown
    assert not any(key.secret in shown for key in keyring.keys)


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy, asdict])
def test_key_can_be_neither_pickled_nor_copied(carry, keyring: Keyring):
    key = keyring.keys[0]
    with pytest.raises(AnonymizationError, match="does not leave the process") as caught:
        carry(key if carry is asdict else Secret(key.secret))

    assert key.secret not in str(list_errors(caught.value))


def test_key_is_no_json_and_its_text_for_json_holds_no_secret(keyring: Keyring):
    key = keyring.keys[0]

    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(key)
    assert key.secret not in json.dumps({"key": key}, default=str)


def test_keys_are_equal_when_all_their_parts_are(keyring: Keyring):
    key = keyring.keys[0]
    again = Key(key.id, key.purpose, key.secret, key.created_at)

    assert (again == key, hash(again) == hash(key)) == (True, True)
    assert Key(key.id, key.purpose, "ab" * 32, key.created_at) != key


def test_derived_keys_tell_nothing_of_each_other_or_of_their_key(keyring: Keyring):
    first, second = keyring.keys[:2]
    derived = {key.derive(label) for key in (first, second) for label in ("ipcrypt-deterministic", "ipcrypt-pfx")}

    assert {len(secret) for secret in derived} == {32}
    assert len(derived | {bytes.fromhex(first.secret), bytes.fromhex(second.secret)}) == 6


def test_a_day_has_one_visitor_key_which_lives_until_it_is_destroyed():
    days = [DAY, DAY - timedelta(days=1), DAY]
    keyring = Keyring(()).with_days(days, NOW)

    assert [key.id for key in keyring.keys] == ["visitor-20261121", "visitor-20261122"]
    assert keyring.with_days(days, NOW) == keyring
    assert keyring.of_days(days) == {day: keyring.keys[day == DAY] for day in days}
    assert parse_keyring(dump_keyring(keyring)) == keyring


def test_days_of_one_purpose_end_no_day_of_another():
    keyring = Keyring(()).with_days([DAY], NOW).with_days([DAY], NOW, "quarantine")

    assert [key.id for key in keyring.keys] == ["visitor-20261122", "quarantine-20261122"]
    assert keyring.of_days([DAY], "quarantine") == {DAY: keyring.keys[1]}
    assert keyring.without_days_before(DAY + timedelta(days=1), "quarantine").keys == keyring.keys[:1]


def test_what_is_sealed_under_a_key_opens_under_it_and_in_its_place_only(keyring: Keyring):
    first, second = keyring.keys[:2]
    sealed = seal_under(first, b"line", b"here")

    assert b"line" not in sealed
    assert unseal_under(first, sealed, b"here") == b"line"
    assert unseal_under(first, sealed, b"there") is None
    assert unseal_under(second, sealed, b"here") is None
    assert unseal_under(first, sealed[:-1], b"here") is None
    assert unseal_under(first, b"", b"here") is None


def test_destroyed_visitor_key_is_never_made_again():
    keyring = Keyring(()).with_days([DAY, DAY - timedelta(days=1)], NOW).without_days_before(DAY)

    assert keyring.retired == ("visitor-20261121",)
    assert keyring.with_days([DAY - timedelta(days=1)], NOW) == keyring
    assert keyring.of_days([DAY - timedelta(days=1)]) == {}
    assert keyring.without_days_before(DAY) == keyring


def test_days_end_no_other_key(keyring: Keyring):
    mixed = keyring.with_days([DAY], NOW).without_days_before(DAY + timedelta(days=1))

    assert mixed.keys == keyring.keys
    assert mixed.retired == (name_day_key(DAY),)


@pytest.mark.parametrize("secret", ["", "ab" * 31, "AB" * 32, "zz" * 32, "ab" * 32 + "\n", "ab" * 32 + "a"])
def test_key_that_is_no_32_bytes_is_refused_without_being_shown(secret: str):
    with pytest.raises(AnonymizationError) as caught:
        Key("usage-1", "usage", secret, NOW.isoformat())

    assert not secret or secret not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"keys"', '"locks"'),
        lambda text: text.replace('"secret": "', '"secret": "x'),
        lambda text: text.replace('"secret": "', '"secret": 7, "other": "'),
        lambda text: text.replace('"id": "usage-1"', '"id": "usage"'),
        lambda text: text.replace('"id": "search-1"', '"id": "usage-1"'),
        lambda text: text.replace('"retired": []', '"retired": ["usage-1"]'),
        lambda _: "[]",
        lambda _: "null",
        lambda _: "",
    ],
    ids=["cut", "no keys", "no hex", "no text", "odd id", "id twice", "retired and live", "list", "null", "empty"],
)
def test_damaged_keyring_is_refused_and_no_error_holds_a_secret(damage, keyring: Keyring):
    with pytest.raises(AnonymizationError) as caught:
        parse_keyring(damage(dump_keyring(keyring)))

    kept = " ".join(f"{error!r} {vars(error)} {getattr(error, 'doc', '')}" for error in list_errors(caught.value))
    assert not any(key.secret in kept for key in keyring.keys)


def test_sealed_bytes_open_under_any_live_sealing_key(keyring: Keyring):
    sealed = seal(keyring, b"subject")
    rotated = keyring.rotated("sealing", NOW)

    assert b"subject" not in sealed
    assert seal(keyring, b"subject") != sealed
    assert unseal(rotated, sealed) == b"subject"
    with pytest.raises(AnonymizationError, match="no live sealing key opens"):
        unseal(rotated.without("sealing-1"), sealed)


def test_sealed_bytes_that_anybody_touched_do_not_open(keyring: Keyring):
    sealed = seal(keyring, b"subject")
    flipped = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]

    for damaged in [*flipped, *(sealed[:length] for length in range(len(sealed))), sealed + b"\x00"]:
        with pytest.raises(AnonymizationError) as caught:
            unseal(keyring, damaged)
        assert list_errors(caught.value) == [caught.value]
