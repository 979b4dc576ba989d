"""An open request learns what stands for its member under later keys, from raw lines, and keeps no identifier."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from anonymization.keyring import Keyring
from anonymization.operators import pseudonym_of
from pipelines.control.requests import DeletionRequest
from pipelines.deletion.extension import (
    NOBODY,
    add_sightings,
    list_lacking,
    open_watch,
    read_key_ids,
    sight,
)
from pipelines.deletion.request import new_request, unseal_subject
from pipelines.proof.scan import scan

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
USER, OTHER = "u123456789", "u987654321"
PHONE, TABLET = "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a11", "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a12"
LINK_SCHEMA = {"user_pseudonym": pl.Binary, "device_pseudonym": pl.Binary}


@pytest.fixture(scope="module")
def rotated(keyring: Keyring) -> Keyring:
    return keyring.rotated("usage", NOON).rotated("security", NOON)


@pytest.fixture
def request_of(keyring: Keyring) -> DeletionRequest:
    return new_request(keyring, USER, request_key="key", channel="web", requested_at=NOON)


def member_links(keyring: Keyring, *pairs: tuple[str, str]) -> pl.DataFrame:
    key = keyring.current("membership")
    rows = [(pseudonym_of(user, "user", key), pseudonym_of(device, "device", key)) for user, device in pairs]
    return pl.DataFrame(rows, schema=LINK_SCHEMA, orient="row")


def lines(*pairs: tuple[str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema={"user_id": pl.String, "device_id": pl.String}, orient="row")


def watch(request: DeletionRequest, keyring: Keyring, *pairs: tuple[str, str], planned: tuple[str, ...] = ()):
    subjects = {request.request_id: unseal_subject(request, keyring)}
    return open_watch(subjects, member_links(keyring, *pairs), keyring, planned)


def test_only_requests_filed_before_a_key_of_now_lack_any(
    request_of: DeletionRequest, keyring: Keyring, rotated: Keyring
):
    assert list_lacking([request_of], read_key_ids(keyring)) == ()
    assert list_lacking([request_of], read_key_ids(rotated)) == (request_of,)
    assert list_lacking([replace(request_of, known_keys=None)], read_key_ids(keyring)), "filed by an earlier version"


def test_member_who_passes_by_is_seen_under_every_key_of_now(request_of: DeletionRequest, rotated: Keyring):
    seen = sight(lines((USER, None), (USER, None), (OTHER, None), (None, None)), watch(request_of, rotated), rotated)
    expected = {
        name: pseudonym_of(USER, "user", rotated.current(name)) for name in ("usage", "satisfaction", "security")
    }
    assert dict(seen.select("purpose", "pseudonym").iter_rows()) == expected
    assert seen.height == 3


def test_device_that_a_link_joins_to_them_is_seen_until_they_are_planned(request_of: DeletionRequest, rotated: Keyring):
    passing = lines((None, PHONE), (OTHER, TABLET))
    pairs = ((USER, PHONE), (OTHER, TABLET))
    assert sight(passing, watch(request_of, rotated, *pairs), rotated)["kind"].to_list() == ["device"] * 3
    planned = watch(request_of, rotated, *pairs, planned=(request_of.request_id,))
    assert sight(passing, planned, rotated).height == 0


def test_nobody_is_seen_when_nobody_is_watched_for(rotated: Keyring):
    assert sight(lines((USER, PHONE)), NOBODY, rotated).height == 0


def test_what_was_seen_is_added_sealed_and_only_once(request_of: DeletionRequest, rotated: Keyring, tmp_path):
    seen = sight(lines((USER, PHONE)), watch(request_of, rotated, (USER, PHONE)), rotated)
    sealed = add_sightings(request_of, seen, rotated)
    extended = replace(request_of, sealed_extension=sealed)
    subject = unseal_subject(extended, rotated)
    assert subject.users["usage"][-1] == pseudonym_of(USER, "user", rotated.current("usage"))
    assert len(subject.users["usage"]) == 3
    (device,) = subject.aliases
    assert device == pseudonym_of(PHONE, "device", rotated.current("membership"))
    assert subject.aliases[device]["security"] == (pseudonym_of(PHONE, "device", rotated.current("security")),)
    assert subject.devices == {}, "whose it is, is decided when it is planned"
    assert add_sightings(extended, seen, rotated) is None
    (tmp_path / "sealed").write_bytes(sealed)
    assert scan([tmp_path], [USER, PHONE, *seen["pseudonym"].to_list(), *seen["known"].to_list()]).clean


def test_sightings_of_another_request_add_nothing(request_of: DeletionRequest, rotated: Keyring):
    seen = sight(lines((USER, None)), watch(request_of, rotated), rotated)
    assert add_sightings(request_of, seen.with_columns(request_id=pl.lit("another")), rotated) is None
