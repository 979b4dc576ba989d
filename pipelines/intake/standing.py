"""Where a request stands, in words for the person who asked: states gathered to what they need to know, and reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from pipelines.control.intake import AskedRight
from pipelines.journeys.intake import UNLINKED
from pipelines.languages import Language, Texts, read_languages
from pipelines.report.wording import Wording

STATES: Mapping[str, str] = {
    "received": "received",
    "waiting": "waiting",
    "held": "held",
    "completed": "completed",
    "refused": "refused",
}
IN_PROGRESS = "in_progress"
EXPLAINED = ("waiting", "refused")
# How reasons in the ledger begin, the longer ones first; whatever else is there was written by a person.
REASONS: Mapping[str, str] = {
    "no account facts are known yet": "no_facts",
    "there are open trades and open listings": "trades_and_listings",
    "there are open trades": "trades",
    "there are open listings": "listings",
    "a month since the last transaction": "month",
    UNLINKED: "unlinked",
    "harm": "harm",
    "hindrance": "hindrance",
    "unlawful": "unlawful",
    "unverified": "unverified",
    "the member was deleted": "deleted",
    "the member was deleted and did not return: nothing of theirs is stored": "deleted",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A request as the person who asked may know it; each day is left out where it says nothing to them."""

    kind: str
    state: str
    reason: str | None
    asked_on: date
    due_on: date | None
    eligible_on: date | None
    completed_on: date | None

    def record(self) -> dict[str, str | None]:
        """As programs read it."""
        days = {name: getattr(self, name) for name in ("asked_on", "due_on", "eligible_on", "completed_on")}
        dates = {name: None if day is None else day.isoformat() for name, day in days.items()}
        return {"kind": self.kind, "state": self.state, "reason": self.reason, **dates}


def read_texts() -> Texts:
    """Every text by language and key."""
    return read_languages(Path(__file__).with_name("texts.yaml"))


def describe_standing(right: AskedRight, due_on: date, zone: ZoneInfo, language: Language) -> Standing:
    """What the person who asked is told; nothing of plans, datasets or pseudonyms."""
    state, text = STATES.get(right.state, IN_PROGRESS), read_texts()[language]
    is_open = state not in {"completed", "refused"}
    completed_on = right.completed_at.astimezone(zone).date() if right.completed_at else None
    return Standing(
        kind=right.kind,
        state=state,
        reason=_word_reason(right.reason, text) if state in EXPLAINED else None,
        asked_on=right.requested_at.astimezone(zone).date(),
        due_on=due_on if is_open and state != "held" else None,
        eligible_on=right.eligible_on if state == "waiting" else None,
        completed_on=completed_on if state == "completed" else None,
    )


def _word_reason(reason: str | None, text: Mapping[str, str]) -> str | None:
    """In the page's language where it is one that we know; an officer's own words stand as they are written."""
    if reason is None:
        return None
    beginning = next(
        (known for known in REASONS if reason.startswith((f"{known},", f"{known}:")) or reason == known),
        "",
    )
    if not beginning:
        return reason
    worded, rest = text[f"reason.{REASONS[beginning]}"], reason.removeprefix(beginning)
    note = rest.removeprefix(":").strip()
    return f"{worded} {note}" if rest.startswith(":") and note else worded


def list_facts(standing: Standing, language: Language) -> Iterator[tuple[str, str]]:
    """What there is to say besides the state: terms, which are keys of texts, each with its value in words."""
    write_date = Wording(language).full_date
    yield "kind", read_texts()[language][f"kind.{standing.kind}"]
    if standing.reason:
        yield "reason", standing.reason
    for term in ("asked_on", "eligible_on", "due_on", "completed_on"):
        day = getattr(standing, term)
        if day is not None:
            yield term, write_date(day)
