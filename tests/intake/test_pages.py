"""The status page in a real browser, on a phone: it fits, it can be read, and everybody can use it."""

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from pipelines.journeys.decide import decide_requests, refuse_request
from tests.intake.calls import PLENTY, Service, create_application, deletion
from tests.intake.served import find_port

PHONE, DESK = 375, 1280
LONG = "unverified: " + "W" * 300 + " <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def pages(service: Service) -> Iterator[dict[str, str]]:
    """URLs of a page in each form, served as they are outside of tests."""
    port = find_port()
    waiting, refused = (service.file(deletion()).json() for _ in range(2))
    decide_requests(service.house)
    refuse_request(service.house, refused["request_id"], reason=LONG, refused_by="officer")
    application = create_application(service.settings, limits=PLENTY)
    server = uvicorn.Server(
        uvicorn.Config(application, port=port, log_level="error", lifespan="off", server_header=False)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    codes = {"waiting": waiting["confirmation_code"], "refused": refused["confirmation_code"], "unknown": "A" * 24}
    yield {name: f"http://127.0.0.1:{port}/status/{code}" for name, code in codes.items()}
    server.should_exit = True
    thread.join()


def open_page(browser: Browser, url: str, *, width: int, scheme: str = "light") -> tuple[Page, list[str], list[str]]:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.type))
    page.goto(url)
    return page, asked, complaints


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", ["waiting", "refused", "unknown"])
def test_the_page_fits_a_phone_and_keeps_to_itself(browser: Browser, pages, name: str, language: str):
    for width in (PHONE, DESK):
        page, asked, complaints = open_page(browser, f"{pages[name]}?lang={language}", width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("html").get_attribute("lang") == language
        assert len(page.locator("h1").inner_text()) > 5
        assert (
            page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "576px"
        )  # the style is used
        assert asked == [f"{pages[name]}?lang={language}"]
        assert [each for each in complaints if "404" not in each] == []
        page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["waiting", "refused", "unknown"])
def test_axe_finds_no_violation(browser: Browser, pages, name: str, scheme: str):
    for language in ("en", "ja"):
        page, *_ = open_page(browser, f"{pages[name]}?lang={language}", width=PHONE, scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.context.close()


@pytest.mark.slow
def test_the_other_language_is_one_key_press_away(browser: Browser, pages):
    page, *_ = open_page(browser, f"{pages['waiting']}?lang=en", width=PHONE)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**lang=ja")
    assert page.locator("html").get_attribute("lang") == "ja"
    page.context.close()
