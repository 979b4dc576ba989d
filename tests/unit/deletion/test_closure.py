"""A member's own devices go with them; a device that somebody else used stays with that one."""

from collections.abc import Sequence

import polars as pl
import pytest

from pipelines.deletion.closure import Closure, close_identity
from pipelines.deletion.request import Subject

SCHEMA = {"purpose": pl.String, "user_pseudonym": pl.Binary, "device_pseudonym": pl.Binary}
ME, MINE, OTHER = b"me", (b"me", b"me under an older key"), b"other"
SUBJECT = Subject(users={"usage": MINE, "membership": (b"m-me",), "satisfaction": (b"s-me",)})


def close(*links: Sequence[str | bytes]) -> Closure:
    return close_identity(SUBJECT, pl.DataFrame(list(links), schema=SCHEMA, orient="row"))


def test_device_that_only_the_member_used_is_their_own():
    closure = close(("usage", ME, b"phone"), ("membership", b"m-me", b"m-phone"))
    assert closure.subject.devices == {"usage": (b"phone",), "membership": (b"m-phone",)}
    assert (closure.own_device_count, closure.shared_device_count) == (1, 0)


def test_device_that_somebody_else_used_as_well_is_shared():
    closure = close(("usage", ME, b"tablet"), ("usage", OTHER, b"tablet"), ("usage", ME, b"phone"))
    assert closure.subject.devices == {"usage": (b"phone",)}
    assert (closure.own_device_count, closure.shared_device_count) == (1, 1)


def test_device_used_under_an_older_key_is_the_members_too():
    closure = close(("usage", MINE[1], b"old phone"), ("usage", ME, b"phone"), ("usage", ME, b"phone"))
    assert closure.subject.devices == {"usage": (b"old phone", b"phone")}


def test_purposes_do_not_mix():
    closure = close(("usage", ME, b"same bytes"), ("security", OTHER, b"same bytes"))
    assert closure.subject.devices == {"usage": (b"same bytes",)}


@pytest.mark.parametrize("links", [(), (("usage", OTHER, b"phone"),)])
def test_member_without_devices_has_none(links: tuple[tuple[str, bytes, bytes], ...]):
    closure = close(*links)
    assert (dict(closure.subject.devices), closure.own_device_count, closure.shared_device_count) == ({}, 0, 0)


def test_closure_keeps_the_member_and_forgets_devices_of_an_earlier_one():
    before = close(("usage", ME, b"phone")).subject
    links = [("usage", ME, b"phone"), ("usage", OTHER, b"phone")]
    after = close_identity(before, pl.DataFrame(links, schema=SCHEMA, orient="row")).subject
    assert (after.users, dict(after.devices), after.facts) == (SUBJECT.users, {}, None)
