"""The pages of the compliance desk as a person uses them: by what is written on links, buttons and fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect

MILLISECONDS_TO_SHOW = 20_000  # on a busy machine
Place = Page | FrameLocator
expect.set_options(timeout=MILLISECONDS_TO_SHOW)


@dataclass(frozen=True, slots=True)
class Desk:
    """The console, alone in a window or within Airflow's own frame."""

    place: Place

    def open_request(self, request_id: str) -> None:
        self.place.get_by_role("link", name=re.compile(request_id)).click()
        expect(self.place.get_by_text(request_id).first).to_be_visible()
        expect(self.place.get_by_role("heading", name="Timeline")).to_be_visible()

    def expect_state(self, state: str, seconds: float = 20) -> None:
        expect(self.place.locator("main .badge").first).to_have_text(state, timeout=seconds * 1000)

    def expect_text(self, text: str) -> None:
        expect(self.place.get_by_role("main")).to_contain_text(text)

    def expect_no_button(self, name: str) -> None:
        expect(self.place.get_by_role("button", name=name)).to_have_count(0)

    def approve(self, note: str = "") -> None:
        self.place.get_by_label("Note (optional)").fill(note)
        self.place.get_by_role("button", name="Approve the plan").click()

    def refuse(self, reason: str) -> None:
        self.place.get_by_text("Refuse this request instead").click()
        self.place.get_by_label("Reason", exact=True).fill(reason)
        self.place.get_by_role("button", name="Refuse the request").click()

    def file_deletion(self, user_id: str) -> None:
        """A deletion of somebody who has nothing in trade or listed, and never had."""
        self.place.get_by_role("link", name="File a request").click()
        self.place.get_by_label("Member id").fill(user_id)
        self.place.get_by_label("Open trades").fill("0")
        self.place.get_by_label("Open listings").fill("0")
        self.place.get_by_role("button", name="File the request").click()
        self.expect_text("The request is filed.")

    def place_hold(self, dataset: str, basis: str, until: str) -> None:
        self.place.get_by_role("link", name="Legal holds").click()
        self.place.get_by_label("Dataset").select_option(dataset)
        self.place.get_by_label("Legal basis").fill(basis)
        self.place.get_by_label("Last day").fill(until)
        self.place.get_by_role("button", name="Place the hold").click()
        self.expect_text("The hold is placed.")

    def release_hold(self, dataset: str) -> None:
        self.place.get_by_role("link", name="Legal holds").click()
        self.place.get_by_role("button", name=f"Release {dataset}").click()
        self.expect_text("The hold is released.")

    def token(self) -> str:
        """The token of a form that is open."""
        return self.place.locator("input[name=token]").first.input_value()


class Visitor:
    """One of Airflow's users in a browser of their own, logged in through Airflow's own page."""

    def __init__(self, browser: Browser, url: str, name: str, password: str) -> None:
        self.name = name
        self.url = url
        self.context: BrowserContext = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(MILLISECONDS_TO_SHOW)
        self.page = self.context.new_page()
        self._log_in(password)

    def _log_in(self, password: str) -> None:
        self.page.goto("/")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="Dags").first).to_be_visible()

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser would send along."""
        return {cookie["name"]: cookie["value"] for cookie in self.context.cookies() if cookie["name"] == "_token"}

    def find_desk(self) -> Desk:
        """As a person finds it: by "Privacy" in Airflow's navigation."""
        self.page.goto("/")
        self.page.get_by_role("link", name="Privacy").click()
        desk = Desk(self.page.frame_locator("iframe[title=Privacy]"))
        expect(desk.place.get_by_role("heading", name="Requests", level=1)).to_be_visible()
        return desk

    def open_desk(self, path: str = "/") -> Desk:
        """By its address, outside of Airflow's frame."""
        self.page.goto(f"/privacy{path}")
        return Desk(self.page)

    def download_certificate(self, desk: Desk, folder: Path) -> Path:
        with self.page.expect_download() as waiting:
            desk.place.get_by_role("link", name="Download (.jws)").click()
        file = folder / waiting.value.suggested_filename
        waiting.value.save_as(file)
        return file

    def approve_in_airflow(self, dag_id: str, run_id: str) -> None:
        """In the task's own page, as if there were no console."""
        self.page.goto(f"/dags/{dag_id}/runs/{run_id}/tasks/approve/required_actions")
        self.page.get_by_role("button", name="Approve", exact=True).click()
        expect(self.page.get_by_text(f"{self.name}").first).to_be_visible()
