"""Data Docs are drawn by Great Expectations from figures, and hold nothing that could load, run or send."""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.control.quality_results import DayOfRule, RuleFigures
from pipelines.quality.documents import draw_documents, write_documents
from pipelines.quality.private_page import draw_page, keep_plain

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE = '<script src="https://example.com/x.js"></script><img src=x onerror=alert(1)> ${route} $$ "quoted" & more'
KEPT = RuleFigures(
    "lake",
    "page_views",
    "1.2.0",
    1234,
    "route__nulls",
    "critical",
    "rows",
    0,
    0,
    0,
    passed=True,
    description="route is never null",
)
BROKEN = replace(
    KEPT,
    rule="utm__share",
    severity="warning",
    unit="percent",
    observed=12.5,
    minimum=None,
    maximum=10,
    passed=False,
    description=HOSTILE,
)
MART = replace(KEPT, layer="marts", table="usage_daily", rule="_check__is_whole", description="table: no row breaks")


def day(figures: RuleFigures, days_ago: int = 0, failed_count: int = 0) -> DayOfRule:
    moment = NOON - timedelta(days=days_ago)
    return DayOfRule(f"run-{days_ago}", moment.date(), moment, 3, failed_count, figures)


RESULTS = (day(KEPT), day(BROKEN, failed_count=2), day(MART), day(replace(KEPT, row_count=987), 1, 1))


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return draw_documents(RESULTS)


def test_every_table_has_its_page_and_the_index_links_it(pages: dict[str, str]):
    assert pages.keys() == {"index.html", "lake_page_views.html", "marts_usage_daily.html"}
    assert set(re.findall('href="([^"#]+)"', pages["index.html"])) == pages.keys() - {"index.html"}


def test_page_tells_rule_figure_limit_and_history(pages: dict[str, str]):
    page = pages["lake_page_views.html"]
    for text in ("route is never null", "must be 0 rows", "12.5 percent", "must be at most 10 percent", "warning"):
        assert text in page, text
    for text in ("2026-11-20", "2026-11-19", "1234", "987", "Unsuccessful Expectations", "50%"):
        assert text in page, text
    assert "gone" not in page


def test_pages_load_nothing_and_link_only_each_other(pages: dict[str, str]):
    for name, page in pages.items():
        assert "default-src 'none'" in page, name
        for forbidden in ("<script", "<img", "<link", "<iframe", "src=", "url(", "@import", "onerror=", "http"):
            found = page.replace('http-equiv="Content-Security-Policy"', "")
            assert forbidden not in without_escaped(found), (name, forbidden)
        links = set(re.findall('href="([^"]*)"', page))
        assert all(link.startswith("#") or link in pages for link in links), (name, links)


def without_escaped(page: str) -> str:
    """The page without the one hostile description, which stands in it as text."""
    return re.sub(r"&lt;script.*?&amp; more", "", page, flags=re.DOTALL)


def test_description_stands_as_text_and_not_as_markup(pages: dict[str, str]):
    assert "&lt;script src=" in pages["lake_page_views.html"]


def test_files_are_private_and_pages_of_tables_that_are_no_more_go(tmp_path: Path):
    directory = tmp_path / "reports" / "quality"
    write_documents(directory, RESULTS)
    write_documents(directory, [day(MART)])
    assert {path.name for path in directory.iterdir()} == {"index.html", "marts_usage_daily.html"}
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_process_left_goes_after_an_hour_and_what_is_of_others_stays(tmp_path: Path):
    old, young, other = (tmp_path / name for name in (".index.html.0a.partial", ".index.html.0b.partial", "notes.txt"))
    for path in (old, young, other):
        path.touch()
    os.utime(old, (0, 0))
    write_documents(tmp_path, [])
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


def test_nothing_judged_yet_gives_an_empty_index(tmp_path: Path):
    write_documents(tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("<script>alert(1)</script>after", "after"),
        ('<a href="https://example.com">x</a>', "<a>x</a>"),
        ('<a href="javascript:alert(1)">x</a>', "<a>x</a>"),
        ('<a href="../../secrets.html">x</a>', "<a>x</a>"),
        ('<a href="lake_page_views.html">x</a>', '<a href="lake_page_views.html">x</a>'),
        ('<p style="background:url(//example.com)" onclick="x()">y</p>', "<p>y</p>"),
        ("<img src=x><object data=y></object><svg onload=z>t</svg>", "t"),
        ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
        ("<!-- c --><br/>d", "<br>d"),
    ],
)
def test_only_plain_elements_attributes_and_neighbours_are_kept(body: str, plain: str):
    assert keep_plain(body) == plain


def test_title_is_text():
    assert "<title>a &lt;b&gt;</title>" in draw_page("a <b>", "")
