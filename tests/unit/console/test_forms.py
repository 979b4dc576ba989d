"""A form is obeyed that our own page sent, within a day, for the person whom it was drawn for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import Depends, FastAPI, Form
from hypothesis import given
from hypothesis import strategies as st

from anonymization.keyring import Secret
from pipelines.console import csrf
from pipelines.console.authority import ROLES, FindPerson, Login, Person, Role
from pipelines.console.csrf import is_token, issue_token, require_token
from pipelines.control.desk_secrets import open_desk_secrets
from pipelines.control.desk_tables import desk_acts
from pipelines.journeys.house import House, open_house
from pipelines.journeys.keys import make_keys
from pipelines.settings import load_settings, prepare_home

SECRET = Secret("a secret of the desk")
OFFICER = Person("officer", "officer")
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}


class Everybody:
    """Lets everybody in as the officer."""

    def require(self, _role: Role) -> FindPerson:
        return lambda: OFFICER


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path_factory.mktemp("forms") / "home")})
    prepare_home(settings)
    make_keys(settings)
    return open_house(settings)


@pytest.fixture(scope="module")
def desk(house: House) -> FastAPI:
    application = FastAPI()
    door = require_token(Everybody(), "officer", lambda: open_house(house.settings))

    @application.post("/place")
    def place(person: Annotated[Person, Depends(door)], dataset: Annotated[str, Form()]) -> dict[str, str]:
        return {"by": person.name, "dataset": dataset}

    return application


def send(desk: FastAPI, **form: Any) -> httpx.Response:
    """Post to the application itself, without a server."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(desk)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.post("/place", **form)

    return asyncio.run(ask())


def token_of(house: House, person: Person = OFFICER) -> str:
    return issue_token(open_desk_secrets(house.settings).form, person)


def post(desk: FastAPI, token: str | None, headers: dict[str, str] = OWN) -> httpx.Response:
    given = {} if token is None else {"token": token}
    return send(desk, data={"dataset": "searches", **given}, headers=headers)


def acts(house: House) -> list[tuple[str, str, str, str | None]]:
    with house.ledger.begin() as connection:
        query = sa.select(desk_acts.c.actor, desk_acts.c.act, desk_acts.c.outcome, desk_acts.c.reason)
        return [tuple(row) for row in connection.execute(query.order_by(desk_acts.c.act_id))]


def test_form_of_our_own_page_is_obeyed_with_its_other_fields(desk: FastAPI, house: House):
    answer = post(desk, token_of(house))
    assert (answer.status_code, answer.json()) == (200, {"by": "officer", "dataset": "searches"})


@pytest.mark.parametrize("token", [None, "", "0" * 64, "\u00e9", "' OR 1=1", "a" * 5000])
def test_form_without_a_token_or_with_a_made_up_one_is_refused_and_noted(desk: FastAPI, house: House, token):
    before = len(acts(house))
    assert post(desk, token).status_code == 403
    assert acts(house)[before:] == [("officer", "post", "refused", "forged form")]


def test_token_that_was_issued_to_somebody_else_is_refused(desk: FastAPI, house: House):
    assert post(desk, token_of(house, Person("another-officer", "officer"))).status_code == 403


def test_file_in_place_of_the_token_is_refused(desk: FastAPI, house: House):
    files = {"token": ("token.txt", token_of(house).encode())}
    assert send(desk, data={"dataset": "searches"}, files=files, headers=OWN).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "http://testserver:8080"},
        {"Origin": "null"},
    ],
)
def test_form_that_the_browser_says_another_site_sent_is_refused_though_its_token_is_right(desk, house, headers):
    assert post(desk, token_of(house), headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}])
def test_browser_that_says_less_is_believed_by_the_token(desk: FastAPI, house: House, headers):
    assert post(desk, token_of(house), headers).status_code == 200


def test_form_is_refused_though_the_ledger_cannot_note_it(desk: FastAPI, house: House):
    ledger = house.settings.home / "control.db"
    hidden = ledger.rename(ledger.with_suffix(".away"))
    ledger.mkdir()
    try:
        with pytest.raises(Exception, match="ledger"):  # the application says so on a page of its own
            post(desk, "0" * 64)
    finally:
        ledger.rmdir()
        hidden.rename(ledger)


def test_token_is_good_until_the_day_after_next_begins(monkeypatch: pytest.MonkeyPatch):
    token, today = issue_token(SECRET, OFFICER), datetime.now(UTC).date()
    for days, good in ((0, True), (1, True), (2, False), (-1, False)):
        monkeypatch.setattr(csrf, "_today", lambda days=days: today + timedelta(days=days))
        assert is_token(SECRET, OFFICER, token) is good


@given(st.text(), st.text(), st.text())
def test_no_text_but_the_token_itself_is_one(text: str, name: str, secret: str):
    person = Person(name, "officer")
    token = issue_token(Secret(secret), person)
    assert is_token(Secret(secret), person, token)
    assert is_token(Secret(secret), person, text) is (text == token)
    assert is_token(Secret(secret + "x"), person, token) is False


def test_a_role_may_what_those_below_it_may():
    allowed = {role: [each for each in ROLES if Person("anybody", role).may(each)] for role in ROLES}
    assert allowed == {
        "viewer": ["viewer"],
        "officer": ["viewer", "officer"],
        "admin": ["viewer", "officer", "admin"],
    }


def test_person_shows_nothing_of_their_login():
    assert "token" not in repr(Person("officer", "officer", Login("http://airflow", Secret("token"))))
