"""What a member is told of themselves, in a real browser: whole, quiet, readable by everybody, and on any width."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.control.disclosures import Handover
from pipelines.deletion.disclosure.datasets import Disclosure, describe_ledger, describe_tables, list_unattributable
from pipelines.deletion.disclosure.ledger import LEDGER_DATASETS
from pipelines.deletion.disclosure.page import write_page
from pipelines.settings import REPOSITORY
from tests.pages.conftest import Opened
from tests.pages.handmade import HOSTILE, LONG, QUOTED

pytestmark = pytest.mark.slow

Open = Callable[..., Opened]
CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
NOW, DAY = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC), date(2026, 11, 22)
VALUES = {"string": HOSTILE, "boolean": True, "date": DAY, "timestamp": NOW, "int32": 12345, "int64": 7}
VALUES |= {"binary16": b"p" * 16, "binary": b"q"}
TELLING = [contract for contract in CATALOGUE.layer("lake") if contract.subject_keys]


def disclose(*, full: bool) -> Disclosure:
    """A disclosure in which every table holds a hostile row, or none holds any."""
    tables = {}
    for contract in TELLING:
        row = {column.name: VALUES[column.physical_type] for column in contract.columns}
        rows = [row, row | {"route": LONG, "comment": QUOTED}, dict.fromkeys(row)]
        kept = [{name: row[name] for name in polars_schema(contract)} for row in rows if full]
        tables[contract.name] = pl.DataFrame(kept, schema=polars_schema(contract))
    facts = {
        name: [{each: VALUES[kind] for each, (kind, _) in facts.columns.items()}] if full else []
        for name, facts in LEDGER_DATASETS.items()
    }
    handover = Handover(HOSTILE, "contractor", QUOTED, "lake", "page_views", ("route",), DAY, DAY, NOW)
    return Disclosure(
        request_id="6f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11",
        made_at=NOW,
        timezone="Asia/Tokyo",
        datasets=(*describe_tables(CATALOGUE, tables, [handover]), *describe_ledger(facts)),
        unattributable=list_unattributable(CATALOGUE),
    )


@pytest.fixture(scope="session")
def disclosures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page on which every table is full of what nobody should type, and one on which all are empty."""
    directory = tmp_path_factory.mktemp("disclosures")
    pages = {name: directory / f"{name}.html" for name in ("full", "empty")}
    for name, path in pages.items():
        path.write_text(write_page(disclose(full=name == "full")), encoding="utf-8")
    return pages


@pytest.mark.parametrize("name", ["full", "empty"])
def test_page_asks_for_nothing_but_itself_runs_nothing_and_nothing_is_complained_of(
    open_page: Open, disclosures: dict[str, Path], name: str
):
    opened = open_page(disclosures[name])
    opened.page.emulate_media(color_scheme="dark")
    assert opened.requests == [disclosures[name].as_uri()]
    assert opened.complaints == []
    assert opened.page.locator("script, img, iframe, object, embed, link, form").count() == 0
    assert opened.page.title() == "あなたについて保有している情報 · What we hold about you"


def test_what_is_stored_is_text_and_never_markup(open_page: Open, disclosures: dict[str, Path]):
    page = open_page(disclosures["full"]).page
    cells = page.locator("tbody td").all_text_contents()
    for text in (HOSTILE, QUOTED, LONG):
        assert text in cells
    assert page.locator("dd li").first.text_content().startswith(HOSTILE)


@pytest.mark.parametrize("name", ["full", "empty"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_window(
    open_page: Open, disclosures: dict[str, Path], name: str, width: int
):
    page = open_page(disclosures[name], width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []


def test_both_languages_tell_of_every_table_and_the_japanese_one_has_no_name_of_ours(
    open_page: Open, disclosures: dict[str, Path]
):
    page = open_page(disclosures["full"]).page
    for language in ("ja", "en"):
        article = page.locator(f"article[lang={language}]")
        assert article.locator("section").count() == len(TELLING) + len(LEDGER_DATASETS) + 1
        assert article.locator("table").count() == len(TELLING) + len(LEDGER_DATASETS)
    said = page.locator("article[lang=ja] :is(h2, h3, th, dt, dd:not(:has(code, li)))").all_text_contents()
    allowed = re.compile(r"OS|Asia/Tokyo")
    assert [text for text in said if re.search(r"[a-z]{2,}", allowed.sub("", text))] == []


def test_tables_and_languages_are_reached_by_keyboard(open_page: Open, disclosures: dict[str, Path]):
    page = open_page(disclosures["empty"]).page
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "English"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href") == "#en-device_events"
