"""The weekly page in a real browser: whole, quiet, readable by everybody, and on any width."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.pages.conftest import Opened
from tests.pages.handmade import HOSTILE, LONG, QUOTED

pytestmark = pytest.mark.slow

Open = Callable[..., Opened]
Reports = dict[str, Path]
PAGES = ("full-en", "full-ja", "empty-en", "empty-ja")
CHARTS = 29
ALL_OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true })"
# Text for screen readers alone is clipped; tables scroll inside their own frames.
OVERFLOWING = """
() => [...document.querySelectorAll('body *')]
    .filter(each => !each.closest('.hidden, .skip') && !each.closest('.scroll > *'))
    .filter(each => !each.matches('title, desc, style, svg path.background, svg path.foreground'))
    .map(each => [each.getBoundingClientRect(), each])
    .filter(([box]) => box.width > 0 && (box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5))
    .map(([box, each]) => `${each.tagName} ${each.className?.baseVal ?? each.className} ${box.left} ${box.right}`)
"""
EMPTY_CHARTS = """
() => [...document.querySelectorAll('svg.chart')].filter(chart => {
    const marks = [...chart.querySelectorAll('.role-mark:not(.role-axis *) :is(path, line, text)')]
    const drawn = marks.map(each => each.getBoundingClientRect()).filter(box => box.width > 0 || box.height > 0)
    const shapes = chart.querySelectorAll('.mark-rect.role-mark path, .mark-symbol.role-mark path')
    const sized = [...shapes].map(each => each.getBoundingClientRect()).filter(box => box.width > 0 && box.height > 0)
    return drawn.length === 0 || sized.length === 0
}).map(chart => chart.querySelector('title').textContent)
"""


@pytest.mark.parametrize("name", PAGES)
def test_page_asks_for_nothing_but_itself_and_the_browser_complains_of_nothing(
    open_page: Open, reports: Reports, name: str
):
    opened = open_page(reports[name])
    opened.page.evaluate(ALL_OPEN)
    opened.page.emulate_media(color_scheme="dark")
    opened.page.evaluate("document.fonts.ready.then(() => null)")
    assert opened.requests == [reports[name].as_uri()]
    assert opened.complaints == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_chart_is_empty(open_page: Open, reports: Reports, language: str):
    page = open_page(reports[f"full-{language}"]).page
    assert page.locator("svg.chart").count() == CHARTS
    assert page.evaluate(EMPTY_CHARTS) == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_window(open_page: Open, reports: Reports, name: str):
    page = open_page(reports[name]).page
    for script in ("null", ALL_OPEN):
        page.evaluate(script)
        for width in (320, 375, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(open_page: Open, reports: Reports, name: str):
    page = open_page(reports[name], width=375).page
    page.evaluate(ALL_OPEN)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []


def test_text_in_charts_is_readable_in_both_schemes(open_page: Open, reports: Reports):
    """Contrast by WCAG 2 of each text and mark against the page; text needs 4.5, marks 3."""
    contrast = Path(__file__).with_name("contrast.js").read_text()
    for scheme in ("light", "dark"):
        page = open_page(reports["full-en"], scheme=scheme).page
        lowest_text, lowest_mark = page.evaluate(contrast)
        assert lowest_text >= 4.5
        assert lowest_mark >= 3


def test_every_chart_says_in_words_what_it_shows(open_page: Open, reports: Reports):
    page = open_page(reports["full-en"]).page
    charts = page.get_by_role("img")
    assert charts.count() == CHARTS
    names = [chart.evaluate("each => each.getAttribute('aria-labelledby')") for chart in charts.all()]
    assert len(set(names)) == CHARTS
    visits = page.get_by_role("img", name="Visits Most on Sunday (2,117), fewest on Monday (1,675).")
    assert visits.count() == 1


def test_every_table_of_figures_opens_by_keyboard_alone(open_page: Open, reports: Reports):
    page = open_page(reports["full-ja"]).page
    opened = 0
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Enter")
            opened += 1
    assert opened == CHARTS
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("table").count() == CHARTS


def test_what_has_the_focus_is_seen_and_the_first_of_it_skips_to_the_figures(open_page: Open, reports: Reports):
    page = open_page(reports["full-en"]).page
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.text_content() == "Skip to the figures"
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('section').id") == "usage"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_people_typed_is_text_and_never_markup(open_page: Open, reports: Reports, language: str):
    opened = open_page(reports[f"full-{language}"])
    assert "gone" not in opened.page.title()
    assert opened.page.locator("script, img, iframe, object, embed, link").count() == 0
    drawn = opened.page.locator("svg.chart text").all_text_contents()
    tabled = opened.page.locator("tbody th").all_text_contents()
    for term in (HOSTILE, QUOTED):
        assert term in drawn
        assert term in tabled
    assert LONG in tabled


def test_no_script_runs_on_the_page_whoever_puts_it_there(open_page: Open, reports: Reports, tmp_path: Path):
    forged = tmp_path / "forged.html"
    script = "<script>document.title = 'gone'</script><img src='x.png' onerror='document.title = 1'></main>"
    forged.write_text(reports["full-en"].read_text().replace("</main>", script))
    opened = open_page(forged)
    assert opened.page.title().startswith("The week in figures")
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)


@pytest.mark.parametrize(("language", "words"), [("en", "Nothing to show for this week yet"), ("ja", "まだありません")])
def test_page_of_an_empty_warehouse_says_so_kindly(open_page: Open, reports: Reports, language: str, words: str):
    page = open_page(reports[f"empty-{language}"]).page
    assert words in page.get_by_role("heading", level=2).inner_text()
    assert page.locator("svg, table").count() == 0


def test_printed_page_is_light_and_cuts_no_chart(open_page: Open, reports: Reports):
    page = open_page(reports["full-en"], width=794, scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper')") == "#fdfdfb"
    assert page.evaluate("getComputedStyle(document.querySelector('figure')).breakInside") == "avoid"
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    assert page.evaluate(EMPTY_CHARTS) == []


def test_every_mart_has_its_section(open_page: Open, reports: Reports):
    page = open_page(reports["full-en"]).page
    assert page.get_by_role("heading", level=2).all_inner_texts() == [
        "Usage",
        "Environment",
        "Where visits come from",
        "Pages",
        "Active members",
        "Search",
        "Satisfaction",
        "Abuse",
        "Data quality",
        "Deletion requests",
    ]
    for section in page.locator("section").all():
        assert section.bounding_box()["height"] > 100
