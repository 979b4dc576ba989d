"""A browser that opens the Data Docs asks nobody for anything, has nothing to complain of, and shows the figures."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from pipelines.control.quality_results import DayOfRule, RuleFigures
from pipelines.quality.documents import write_documents

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULE = RuleFigures(
    "lake",
    "page_views",
    "1.2.0",
    1234,
    "route__nulls",
    "critical",
    "rows",
    3,
    0,
    0,
    passed=False,
    description="route is never null",
)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("quality")
    write_documents(directory, [DayOfRule("run", NOON.date(), NOON, 2, 1, RULE)])
    return directory


@pytest.mark.parametrize("width", [360, 1280])
def test_pages_ask_nobody_for_anything(browser: Browser, documents: Path, width: int):
    page = browser.new_page(viewport={"width": width, "height": 800})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(f"{documents.as_uri()}/index.html", wait_until="networkidle")
    page.get_by_role("link", name="lake.page_views").click()
    page.wait_for_load_state("networkidle")

    assert asked == [f"{documents.as_uri()}/{name}" for name in ("index.html", "lake_page_views.html")]
    assert complaints == []
    assert page.locator("h1").inner_text() == "lake.page_views"
    assert "3 rows" in page.locator("body").inner_text()
    assert page.evaluate("document.styleSheets.length") == 1
    assert page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_recording_would_have_seen_a_request(browser: Browser, tmp_path: Path):
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    beacon = tmp_path / "beacon.html"
    beacon.write_text("<img src='logo.png'>")
    page.goto(beacon.as_uri(), wait_until="networkidle")
    assert [url.rpartition("/")[2] for url in asked] == ["beacon.html", "logo.png"]
    page.close()
