"""The people: members and as many visitors, few of them very active, in households, in four languages."""

from __future__ import annotations

import re

import phonenumbers
import polars as pl
import pytest

from pipelines.synthetic.population import Population, draw_population


@pytest.fixture(scope="module")
def population() -> Population:
    return draw_population(2_000, seed=5)


def test_visitors_are_as_many_as_members_and_have_devices_only(population: Population):
    visitors = population.people.filter(pl.col("user_id").is_null())

    assert population.members.height == visitors.height == 2_000
    assert visitors.select("email", "phone", "full_name").null_count().row(0) == (2_000, 2_000, 2_000)


@pytest.mark.parametrize("column", ["user_id", "email", "phone"])
def test_no_two_members_share_an_identifier(population: Population, column: str):
    assert population.members[column].n_unique() == 2_000


def test_no_two_clients_share_a_device_id(population: Population):
    assert population.clients["device_id"].n_unique() == population.clients.height


@pytest.mark.parametrize(
    ("column", "shape"),
    [
        ("user_id", r"^u\d{9}$"),
        ("email", r"^[a-z]+\.[a-z]+\d+@example\.(jp|com|net)$"),
        ("device_id", r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
        ("advertising_id", r"^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$"),
    ],
)
def test_identifiers_have_the_shapes_of_the_service(population: Population, column: str, shape: str):
    frame = population.members if column in population.members.columns else population.clients

    assert frame[column].drop_nulls().str.contains(shape).all()


def test_every_phone_number_could_be_a_japanese_mobile(population: Population):
    numbers = [phonenumbers.parse(text, "JP") for text in population.members["phone"]]

    assert all(phonenumbers.is_valid_number(number) for number in numbers)
    assert all(re.fullmatch(r"0[789]0-\d{4}-\d{4}", text) for text in population.members["phone"])


def test_a_tenth_of_the_members_makes_a_third_of_the_visits(population: Population):
    activity = population.members["sessions_per_day"].sort(descending=True)

    assert activity.head(200).sum() > 0.3 * activity.sum()
    assert activity.min() > 0


def test_most_people_speak_japanese_and_others_come_too(population: Population):
    counts = dict(population.people["language"].value_counts().iter_rows())

    assert counts["ja"] > 0.85 * population.people.height
    assert set(counts) == {"ja", "en", "zh", "ko"}


def test_homes_are_shared(population: Population):
    sizes = population.people["home"].value_counts()["count"]

    assert sizes.max() > 2
    assert len(population.homes.ipv4) == sizes.len()


def test_everyone_has_a_client_and_clients_lie_together(population: Population):
    people = population.people
    owners = population.clients["person"]

    assert people["client_count"].min() >= 1
    assert owners.is_sorted()
    assert (owners.gather(people["first_client"]) == pl.Series(range(people.height))).all()


def test_only_the_app_tells_its_model_and_only_some_an_advertising_id(population: Population):
    app = population.clients.filter(kind="app")
    rest = population.clients.filter(pl.col("kind") != "app")

    assert app.select("model", "os_version", "app_version").null_count().row(0) == (0, 0, 0)
    assert 0 < app["advertising_id"].null_count() < app.height
    assert rest.select("model", "advertising_id").null_count().row(0) == (rest.height, rest.height)


def test_who_will_leave_has_the_app_as_their_own(population: Population):
    leaving = population.people.with_row_index("person").filter(pl.col("leaving").is_not_null())
    app_owners = set(population.clients.filter(kind="app")["person"])

    assert dict(leaving["leaving"].value_counts().iter_rows()) == {"eligible": 4, "waiting": 2}
    assert set(leaving["person"]) <= app_owners


@pytest.mark.parametrize("users", [1, 3, 5])
def test_a_tiny_service_has_fewer_leavers(users: int):
    assert draw_population(users, seed=1).members["leaving"].count() == users
