"""Every page tells what the ledger holds, in two languages, and nothing that people typed is ever markup."""

import re
from dataclasses import replace

import httpx
import pytest

from pipelines.console.application import ROUTES, create_application
from pipelines.console.wording import read_texts
from tests.console.conftest import FixedAuthority, Town, open_client, serve
from tests.console.landed import EVERYBODY, GONE, HOSTILE, OPEN, REFUSED, WAITING

Clients = dict[str, httpx.Client]
LISTS = ("/", "/find", "/file", "/file?kind=correct", "/file?kind=access", "/holds", "/deadlines", "/audits")
LISTS += ("/datasets", "/notices", "/recipients")


@pytest.fixture(scope="module")
def pages(town: Town) -> list[str]:
    """The address of every page that there is."""
    each = [f"/requests/{request_id}" for request_id in town.ids.values()]
    return [*LISTS, *each, *(f"{path}/certificate" for path in each)]


def test_every_page_is_there_in_both_languages(clients: Clients, pages: list[str]):
    for path in pages:
        for language in ("en", "ja"):
            answer = clients["admin"].get(path, params={"lang": language})
            assert answer.status_code == 200
            assert f'<html lang="{language}">' in answer.text
    clients["admin"].cookies.clear()


def test_nothing_that_people_typed_is_markup(clients: Clients, pages: list[str]):
    seen = 0
    for path in pages:
        text = clients["admin"].get(path).text
        assert "<script>document" not in text
        seen += text.count("&lt;script&gt;document")
    assert seen > 10
    answer = clients["admin"].get("/", params={"text": HOSTILE, "state": HOSTILE, "kind": HOSTILE, "told": HOSTILE})
    assert answer.status_code == 200
    assert "<script>document" not in answer.text


def test_every_text_is_there_in_both_languages_with_the_same_values():
    english, japanese = read_texts()["en"], read_texts()["ja"]
    assert english.keys() == japanese.keys()
    for key, text in english.items():
        assert japanese[key].strip()
        assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", japanese[key])), key


def test_answers_are_kept_by_nobody_and_load_nothing_of_outside(clients: Clients, pages: list[str]):
    for path in (*pages, "/nowhere"):
        headers = clients["viewer"].get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_switch_of_languages_keeps_the_page_and_its_filters(clients: Clients, served: str):
    with open_client(served, "viewer") as client:
        page = client.get("/", params={"state": "open", "kind": "deletion"}).text
        switch = re.search(r'href="/privacy(/[^"]*lang=ja)"', page)
        assert switch
        turned = client.get(switch[1].replace("&amp;", "&"))
        assert '<option value="deletion" selected>削除</option>' in turned.text
        assert '<html lang="ja">' in client.get("/holds").text


def test_requests_are_found_by_state_kind_due_date_and_id(clients: Clients, town: Town):
    def find(**wishes: str) -> set[str]:
        text = clients["viewer"].get("/", params=wishes).text
        return {name for name, request_id in town.ids.items() if f"/requests/{request_id}" in text}

    assert find() == {GONE, REFUSED, WAITING, OPEN, "access"}
    assert find(state="open") == {WAITING, OPEN, "access"}
    assert find(state="refused") == {REFUSED}
    assert find(kind="access") == {"access"}
    assert find(due="overdue") == {WAITING}
    assert find(text=town.ids[OPEN][:13].upper()) == {OPEN}
    assert find(text="nothing") == set()


def test_a_plan_is_told_dataset_by_dataset_with_what_a_hold_keeps(clients: Clients, town: Town):
    text = clients["officer"].get(f"/requests/{town.ids[OPEN]}").text
    assert "to be approved" in text
    assert "Nothing is deleted: a legal hold keeps 1 rows." in text
    assert text.count("The rows are deleted from") == 2
    assert "Approve the plan" in text


def test_a_certificate_is_read_verified_and_downloaded(clients: Clients, town: Town):
    text = clients["viewer"].get(f"/requests/{town.ids[GONE]}/certificate").text
    assert "The certificate is genuine" in text
    assert "number 1 of 1" in text
    answer = clients["viewer"].get(f"/requests/{town.ids[GONE]}/certificate.jws")
    path = town.house.settings.certificates / f"{town.ids[GONE]}.jws"
    assert answer.content == path.read_bytes()
    assert "attachment" in answer.headers["Content-Disposition"]
    assert clients["viewer"].get(f"/requests/{town.ids[OPEN]}/certificate.jws").status_code == 404


def test_a_certificate_that_was_changed_is_said_to_be_broken(clients: Clients, town: Town):
    path = town.house.settings.certificates / f"{town.ids[GONE]}.jws"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-8] + b"AAAAAAAA")
        text = clients["viewer"].get(f"/requests/{town.ids[GONE]}/certificate").text
    finally:
        path.write_bytes(whole)
    assert "The certificate does not verify." in text
    assert "genuine" not in text


@pytest.mark.parametrize(
    "trick",
    [
        "..%2f..%2fcontrol.db",
        "%2e%2e",
        "%2e%2e%2fholds",
        "%2e%2e%2fcontrol",
        "nothing",
        "%00",
        "c780",
        "' or 1=1 --",
        "x" * 4000,
    ],
)
def test_tricks_with_ids_find_nothing(clients: Clients, town: Town, trick: str):
    for suffix in ("", "/progress", "/certificate", "/certificate.jws", "/export.json"):
        answer = clients["admin"].get(f"/requests/{trick}{suffix}")
        if str(answer.url).rpartition("/privacy")[2].startswith("/requests/"):
            assert answer.status_code == 404
    assert clients["admin"].get(f"/static/{trick}").status_code == 404
    assert clients["admin"].get(f"/requests/{town.ids[GONE]}/export.jws").status_code == 400


def test_an_export_is_for_officers_alone_and_taking_it_is_noted(clients: Clients, town: Town):
    directory = town.house.settings.access_exports
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{town.ids['access']}.json"
    path.write_text('{"held": []}')
    place = f"/requests/{town.ids['access']}"
    try:
        assert "For machines (JSON)" in clients["officer"].get(place).text
        assert "For machines (JSON)" not in clients["viewer"].get(place).text
        assert clients["officer"].get(f"{place}/export.json").json() == {"held": []}
        assert clients["officer"].get(f"{place}/export.html").status_code == 404
    finally:
        path.unlink()
    assert "took a disclosure" in clients["viewer"].get("/audits").text


def test_no_page_shows_a_member(clients: Clients, pages: list[str]):
    text = "".join(clients["admin"].get(path).text for path in pages)
    assert not [user for user in EVERYBODY if user in text]


def test_datasets_tell_when_they_were_last_proved_clean(clients: Clients):
    text = clients["viewer"].get("/datasets").text
    lake = text.partition('id="lake-heading"')[2].partition('id="marts-heading"')[0]
    assert "page_views" in lake
    assert "not yet" not in lake
    assert lake.count("until Jan 1, 2099") == 1


@pytest.fixture(scope="module")
def unledgered(town: Town) -> httpx.Client:
    """The console of a house whose ledger cannot be opened."""
    settings = replace(town.house.settings, control_url=f"sqlite:///{town.house.settings.home}/nowhere/control.db")

    def open_broken():
        from pipelines.journeys.house import open_house

        return open_house(settings)

    with serve(create_application(open_broken, FixedAuthority())) as address, open_client(address, "admin") as client:
        yield client


@pytest.mark.parametrize("route", [route for route in ROUTES if "static" not in route.path], ids=lambda each: each.path)
def test_a_ledger_that_is_down_is_told_in_words_on_every_page(unledgered: httpx.Client, town: Town, route):
    path = route.path.format_map({"request_id": town.ids[GONE], "form": "json", "hold_id": "1", "message_id": "1"})
    for language, words in (("en", "The records cannot be read right now"), ("ja", "現在、記録を読み出せません")):
        answer = unledgered.request(route.method, path, params={"lang": language})
        assert answer.status_code == 503
        assert words in answer.text
    unledgered.cookies.clear()
