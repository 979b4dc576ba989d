"""Nobody gets through a door of the console without the role that it takes, nor a form without our own token."""

import httpx
import pytest
from fastapi.routing import APIRoute

from pipelines.console.application import ROUTES, Route
from pipelines.console.authority import ROLES
from tests.console.conftest import Town, read_token
from tests.console.landed import GONE

Clients = dict[str, httpx.Client]


def fill(path: str, town: Town) -> str:
    """The path with something that exists in place of its parameters."""
    known = {"request_id": town.ids[GONE], "form": "json", "hold_id": "1", "message_id": "1", "name": "desk.css"}
    return path.format_map(known)


def name_route(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=name_route)
def test_every_door_takes_a_login_and_its_role(clients: Clients, town: Town, route: Route):
    path = fill(route.path, town)
    assert clients[""].request(route.method, path).status_code == 401
    for role in ROLES[: ROLES.index(route.role)]:
        assert clients[role].request(route.method, path).status_code == 403


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "POST"], ids=name_route)
@pytest.mark.parametrize("token", ["", "forged", "0" * 64])
def test_every_form_needs_a_token_of_ours(clients: Clients, town: Town, route: Route, token: str):
    answer = clients["admin"].post(fill(route.path, town), data={"token": token, "user_id": "u1"})
    assert answer.status_code == 403
    assert "Your account may not do this" in answer.text


def test_a_token_is_good_for_nobody_else(clients: Clients):
    token = read_token(clients["admin"].get("/find").text)
    assert token
    assert clients["officer"].post("/find", data={"token": token, "user_id": "u1"}).status_code == 403


def test_a_form_from_another_site_is_refused(clients: Clients):
    token = read_token(clients["officer"].get("/find").text)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        answer = clients["officer"].post("/find", data={"token": token, "user_id": "u1"}, headers=headers)
        assert answer.status_code == 403


def test_there_is_no_door_beside_those_that_are_listed(town: Town):
    served = town.application().routes
    assert all(isinstance(route, APIRoute) for route in served)
    assert {(method, route.path) for route in served for method in route.methods} == {
        (route.method, route.path) for route in ROUTES
    }
    assert all(route.dependant.dependencies for route in served)


def test_viewers_are_shown_no_form_that_changes_anything(clients: Clients, town: Town):
    for path in ("/", "/holds", "/notices", *(f"/requests/{each}" for each in town.ids.values())):
        assert 'method="post"' not in clients["viewer"].get(path).text
