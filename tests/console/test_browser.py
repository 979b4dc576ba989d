"""The console in a real browser: readable by everybody, on any width, in both languages and schemes, by keyboard."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.console.conftest import ROLE_HEADER, Town
from tests.console.landed import GONE, OPEN, REFUSED

pytestmark = pytest.mark.slow

PAGES = ("/", "/find", "/file", "/file?kind=correct", "/holds", "/deadlines", "/audits", "/datasets", "/notices")
PAGES += ("/recipients", "/requests/{open}", "/requests/{gone}", "/requests/{gone}/certificate", "/nowhere")
ALL_OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true })"
OVERFLOWING = """
() => [...document.querySelectorAll('body *')]
    .filter(each => !each.closest('.hidden, .skip, thead'))
    .map(each => [each.getBoundingClientRect(), each])
    .filter(([box]) => box.width > 0 && (box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5))
    .map(([box, each]) => `${each.tagName} ${each.className} ${box.left} ${box.right}`)
"""


@dataclass
class Opened:
    """A page in the browser, and what happened since it was opened."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


@pytest.fixture
def open_page(browser: Browser, served: str, town: Town) -> Iterator[Open]:
    """Opens a page of the console in a window of a width, in a colour scheme and a language, as somebody."""
    contexts = []

    def open_one(
        path: str, *, width: int = 1280, scheme: str = "light", language: str = "en", **more: object
    ) -> Opened:
        role = more.pop("role", "admin")
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            locale={"en": "en-GB", "ja": "ja-JP"}[language],
            extra_http_headers={ROLE_HEADER: role},
            **more,
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.goto(served + path.format(open=town.ids[OPEN], gone=town.ids[GONE], refused=town.ids[REFUSED]))
        return opened

    yield open_one
    for context in contexts:
        context.close()


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_window(open_page: Open, path: str, language: str):
    opened = open_page(path, language=language)
    page, edge_contrast = opened.page, Path(__file__).with_name("edge_contrast.js").read_text()
    page.evaluate(ALL_OPEN)
    for width, scheme in ((1280, "light"), (375, "dark"), (375, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERFLOWING) == []
        assert page.evaluate(edge_contrast) >= 3
        if (width, scheme) in ((375, "dark"), (1280, "light")):
            found = Axe().run(page).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.evaluate("document.documentElement.lang") == language
    assert [url for url in opened.requests if not url.startswith(page.url.partition("/privacy")[0])] == []
    assert [text for text in opened.complaints if "404" not in text] == []


def test_what_people_typed_is_text(open_page: Open):
    for path in ("/holds", "/recipients", "/notices", "/requests/{refused}", "/requests/{open}"):
        page = open_page(path).page
        assert "gone" not in page.title()
        assert "<script>document.title='gone'</script>&\"'" in page.locator("main").inner_text()


def test_what_has_the_focus_is_seen_and_the_first_of_it_skips_to_the_content(open_page: Open):
    page = open_page("/").page
    page.keyboard.press("Tab")
    assert page.locator(":focus").text_content() == "Skip to the content"
    assert page.locator(":focus").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_current_page_is_told_and_every_field_has_its_label(open_page: Open):
    for path in ("/holds", "/file", "/find", "/", "/requests/{open}"):
        page = open_page(path).page
        assert page.locator("header nav [aria-current]").count() == 1
        fields = page.locator("input:not([type=hidden]), select, textarea")
        assert fields.evaluate_all("each => each.filter(field => !field.labels.length).length") == 0


def test_an_officer_finds_a_member_by_keyboard_and_the_id_is_nowhere_afterwards(open_page: Open):
    page = open_page("/find", role="officer").page
    page.get_by_label("Member id").fill(OPEN)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 request").wait_for()
    assert OPEN not in page.content()
    assert OPEN not in page.url
    assert page.get_by_label("Member id").input_value() == ""
    page.get_by_role("link", name="日本語").click()
    assert page.get_by_role("heading", level=1).inner_text() == "会員の請求を探す"


def test_pages_work_without_javascript(open_page: Open):
    page = open_page("/requests/{open}", role="officer", java_script_enabled=False).page
    assert page.get_by_role("button", name="Approve the plan").is_visible()
    page.get_by_text("Refuse this request instead").click()
    assert page.get_by_label("Reason").is_visible()


def test_the_page_follows_the_state_of_its_request_unless_somebody_writes(open_page: Open):
    opened = open_page("/requests/{open}", role="officer")
    page = opened.page
    moved = '{"state": "approved", "done": 1, "total": 5, "words": "", "state_name": ""}'
    page.get_by_label("Note (optional)").fill("I am still writing")
    page.route("**/progress", lambda route: route.fulfill(body=moved, content_type="application/json"))
    page.get_by_text("It has gone on meanwhile.").wait_for(timeout=15_000)
    assert page.get_by_label("Note (optional)").input_value() == "I am still writing"
    page.get_by_label("Note (optional)").fill("")
    with page.expect_navigation(timeout=15_000):
        pass
