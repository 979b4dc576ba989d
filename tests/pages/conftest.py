"""Pages written of hand-made marts, and a real Chromium that notes whatever a page asks for or complains of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page

from pipelines.languages import LANGUAGES
from pipelines.report.page import write_page
from pipelines.report.wording import Wording
from tests.pages.handmade import BUILT_AT, WEEK, every_mart


@dataclass
class Opened:
    """A page in the browser, and what happened since it was opened."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By language, a page with every section; beside them, one of an empty warehouse."""
    directory = tmp_path_factory.mktemp("reports")
    written = {}
    for language in LANGUAGES:
        for name, marts in (("full", every_mart()), ("empty", empty_marts())):
            path = directory / f"{name}.{language}.html"
            path.write_text(write_page(marts, WEEK, Wording(language), BUILT_AT), encoding="utf-8")
            written[f"{name}-{language}"] = path
    return written


def empty_marts() -> dict[str, pl.DataFrame]:
    return {name: frame.clear() for name, frame in every_mart().items()}


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Opens a file in a window of a width, in a colour scheme."""
    contexts = []

    def open_one(path: Path, *, width: int = 1280, scheme: str = "light") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.goto(path.as_uri())
        return opened

    yield open_one
    for context in contexts:
        context.close()
