"""A member's own devices go with them; a device that somebody who stays has used stays with that one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl
import pytest

from pipelines.deletion.closure import LINK_COLUMNS, Closure, close_identities, gather_links
from pipelines.deletion.request import Subject

SCHEMA = {"purpose": pl.String, "user_pseudonym": pl.Binary, "device_pseudonym": pl.Binary}
ME, MINE, OTHER = b"me", (b"me", b"me under an older key"), b"other"
SUBJECT = Subject(users={"usage": MINE, "membership": (b"m-me",), "satisfaction": (b"s-me",)})
NEIGHBOUR = Subject(users={"usage": (b"neighbour",), "membership": (b"m-neighbour",)})

Link = Sequence[str | bytes]


def frame(*links: Link) -> pl.DataFrame:
    return pl.DataFrame(list(links), schema=SCHEMA, orient="row")


def close(*links: Link) -> Closure:
    return close_identities({"request": SUBJECT}, frame(*links))["request"]


def counts(closure: Closure) -> tuple[int, int, int]:
    return closure.own_device_count, closure.joint_device_count, closure.shared_device_count


def test_device_that_only_the_member_used_is_their_own():
    closure = close(("usage", ME, b"phone"), ("membership", b"m-me", b"m-phone"))
    assert closure.subject.devices == {"usage": (b"phone",), "membership": (b"m-phone",)}
    assert counts(closure) == (1, 0, 0)


def test_device_that_somebody_who_stays_used_as_well_is_shared():
    links = [("membership", b"m-me", b"tablet"), ("membership", b"m-other", b"tablet"), ("membership", b"m-me", b"pc")]
    closure = close(*links)
    assert closure.subject.devices == {"membership": (b"pc",)}
    assert counts(closure) == (1, 0, 1)


def test_device_used_under_an_older_key_is_the_members_too():
    closure = close(("usage", MINE[1], b"old phone"), ("usage", ME, b"phone"), ("usage", ME, b"phone"))
    assert closure.subject.devices == {"usage": (b"old phone", b"phone")}


def test_device_under_two_keys_is_counted_once():
    links = [("usage", MINE[1], b"phone-1"), ("usage", ME, b"phone-2"), ("membership", b"m-me", b"m-phone")]
    assert counts(close(*links)) == (1, 0, 0)


def test_purposes_do_not_mix():
    closure = close(("usage", ME, b"same bytes"), ("security", OTHER, b"same bytes"))
    assert closure.subject.devices == {"usage": (b"same bytes",)}


@pytest.mark.parametrize("links", [(), (("membership", OTHER, b"phone"),)])
def test_member_without_devices_has_none(links: tuple[Link, ...]):
    closure = close(*links)
    assert (dict(closure.subject.devices), counts(closure)) == ({}, (0, 0, 0))


def test_subject_without_pseudonyms_has_no_devices():
    empty = Subject(users={})
    assert close_identities({"request": empty}, frame(("usage", OTHER, b"phone"))) == {"request": Closure(empty)}


def test_device_whose_users_all_leave_together_goes_whole_for_each_of_them():
    links = frame(("membership", b"m-me", b"tablet"), ("membership", b"m-neighbour", b"tablet"))
    closures = close_identities({"mine": SUBJECT, "neighbours": NEIGHBOUR}, links)
    for closure in closures.values():
        assert closure.subject.devices == {"membership": (b"tablet",)}
        assert counts(closure) == (0, 1, 0)


def test_device_that_a_third_person_uses_stays_shared_though_two_leave():
    users = (b"m-me", b"m-neighbour", b"m-other")
    links = frame(*(("membership", user, b"tablet") for user in users))
    closures = close_identities({"mine": SUBJECT, "neighbours": NEIGHBOUR}, links)
    assert [(counts(closure), dict(closure.subject.devices)) for closure in closures.values()] == [((0, 0, 1), {})] * 2


def test_who_is_being_deleted_already_keeps_no_device_from_going_whole():
    links = frame(("membership", b"m-me", b"tablet"), ("membership", b"m-neighbour", b"tablet"))
    closure = close_identities({"mine": SUBJECT}, links, leaving=[NEIGHBOUR])["mine"]
    assert closure.subject.devices == {"membership": (b"tablet",)}
    assert counts(closure) == (0, 1, 0)


def test_two_requests_of_one_person_know_all_that_either_knows():
    later = Subject(users={"usage": (b"me under a newer key",), "membership": (b"m-me",)})
    links = frame(("usage", ME, b"phone"), ("usage", b"me under a newer key", b"phone under a newer key"))
    first, second = close_identities({"first": SUBJECT, "second": later}, links).values()
    assert first.subject.users["usage"] == (*MINE, b"me under a newer key")
    assert set(second.subject.users["usage"]) == set(first.subject.users["usage"])
    assert second.subject.users["satisfaction"] == (b"s-me",)
    assert first.subject.devices == second.subject.devices == {"usage": (b"phone", b"phone under a newer key")}
    assert (first.other_request_count, second.other_request_count) == (1, 1)


def test_closure_keeps_the_member_and_forgets_devices_of_an_earlier_one():
    before = close(("usage", ME, b"phone")).subject
    after = close_identities({"request": before}, frame(("usage", ME, b"phone"), ("usage", OTHER, b"phone")))["request"]
    assert (after.subject.users, dict(after.subject.devices), after.subject.facts) == (SUBJECT.users, {}, None)


def test_device_that_no_link_leads_to_any_more_goes_all_the_same():
    known = replace(SUBJECT, devices={"membership": (b"phone",)})
    closure = close_identities({"request": known}, frame())["request"]
    assert (dict(closure.subject.devices), counts(closure)) == ({"membership": (b"phone",)}, (1, 0, 0))


def test_device_that_no_link_leads_to_any_more_is_its_next_owners_and_nothing_of_the_leaver_is_at_it():
    known = replace(SUBJECT, devices={"membership": (b"phone",)})
    links = gather_links(lambda: [frame(("membership", OTHER, b"phone"))], [known])
    closure = close_identities({"request": known}, links)["request"]
    assert (dict(closure.subject.devices), counts(closure)) == ({}, (0, 0, 0))


def test_links_of_other_peoples_devices_are_not_gathered():
    links = [("usage", ME, b"tablet"), ("usage", OTHER, b"tablet"), ("usage", OTHER, b"phone"), ("usage", ME, b"pc")]

    def read_each() -> Iterator[pl.DataFrame]:
        return (frame(link).with_columns(file_id=pl.lit("one more column")) for link in [*links, *links])

    gathered = gather_links(read_each, [SUBJECT])
    assert gathered.columns == list(LINK_COLUMNS)
    assert sorted(gathered.iter_rows()) == sorted(link for link in links if link[2] != b"phone")
