"""Devices that a request knows go with it where no link leads to them, and never when somebody else uses them."""

import polars as pl

from pipelines.deletion.closure import Closure
from pipelines.deletion.known_devices import leave_out_shared, recall_devices
from pipelines.deletion.request import Subject

SCHEMA = {"purpose": pl.String, "user_pseudonym": pl.Binary, "device_pseudonym": pl.Binary}
USERS = {"usage": (b"me",), "membership": (b"m-me",)}


def recall(known: Subject, found: dict[str, tuple[bytes, ...]], *links: tuple[str, bytes, bytes]):
    frame = pl.DataFrame(list(links), schema=SCHEMA, orient="row")
    closures = {"request": Closure(Subject(USERS, found), 0, 0)}
    [closure] = recall_devices(closures, {"request": known}, lambda: [frame.clear(), frame]).values()
    return closure.subject.devices


def test_device_that_was_known_is_remembered_when_its_links_are_gone():
    known = Subject(USERS, {"usage": (b"phone",), "membership": (b"m-phone",)})
    assert recall(known, {}) == known.devices


def test_device_that_somebody_else_uses_by_now_is_theirs():
    known = Subject(USERS, {"usage": (b"phone", b"watch")})
    assert recall(known, {}, ("usage", b"other", b"phone"), ("usage", b"me", b"watch")) == {"usage": (b"watch",)}


def test_pseudonym_under_a_later_key_comes_with_its_device():
    known = Subject(USERS, aliases={b"m-phone": {"usage": (b"phone under a later key",)}})
    found = {"membership": (b"m-phone",), "usage": (b"phone",)}
    assert recall(known, found)["usage"] == (b"phone", b"phone under a later key")


def test_pseudonym_under_a_later_key_stays_where_the_device_is_shared():
    known = Subject(USERS, aliases={b"m-tablet": {"usage": (b"tablet under a later key",)}})
    assert recall(known, {"membership": (b"m-phone",)}) == {"membership": (b"m-phone",)}


def test_device_of_two_who_left_stays_where_one_of_them_has_returned():
    other = {"usage": (b"other",)}
    subjects = {"mine": Subject(USERS, {"usage": (b"phone",)}), "others": Subject(other, {"usage": (b"phone",)})}
    links = [pl.DataFrame([("usage", b"other", b"phone")], schema=SCHEMA, orient="row")]
    owned = {name: each.devices for name, each in subjects.items()}
    phone = {"usage": (b"phone",)}
    assert leave_out_shared(owned, subjects, links, leaving=subjects.values()) == {"mine": phone, "others": phone}
    assert leave_out_shared(owned, subjects, links, leaving=[subjects["mine"]]) == {"others": phone}


def test_links_are_not_read_when_there_is_nothing_to_recall():
    closures = {"request": Closure(Subject(USERS, {"usage": (b"phone",)}), 1, 0)}

    def fail():
        raise AssertionError

    assert recall_devices(closures, {"request": Subject(USERS, {"usage": (b"phone",)})}, fail) == closures
