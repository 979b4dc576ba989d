"""What messages to members say: nothing of a person but the number and the page of the request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import ConfigurationError
from pipelines.languages import LANGUAGES, Language, Texts, read_languages

TEMPLATES = (
    "completed",
    "refused",
    "delayed",
    "overdue",
    "access_ready",
    "restricted",
    "unrestricted",
    "corrected",
)
REASONS = ("dealings", "checking", "approval", "held", "work", "unknown")
# Which length of text a channel has room for; any other has room for that of a letter.
SHORT = "sms"


def read_texts() -> Texts:
    """Every text by language and key."""
    return read_languages(Path(__file__).with_name("texts.yaml"))


def render(template: str, language: str, facts: Mapping[str, str], *, channel: str = SHORT) -> tuple[str, str]:
    """Subject and text of a message for a channel.

    facts: request_id; status_url where the request has a page; of a delay, its reason, one of REASONS.
    ConfigurationError for a template or a language that there is none of. No fact is ever read as a template.
    """
    spoken = next((each for each in LANGUAGES if each == language), None)
    if template not in TEMPLATES or spoken is None:
        raise ConfigurationError(
            "a message asks for a template or a language that there is none of",
            hint=f"there are {', '.join(TEMPLATES)} in {' and '.join(LANGUAGES)}",
        )
    length = SHORT if channel == SHORT else "mail"
    reason = facts.get("reason") if facts.get("reason") in REASONS else "unknown"
    said = _text(f"{template}.{length}", spoken, reason=_text(f"reason.{reason}.{length}", spoken))
    closing = "status" if facts.get("status_url") else "number"
    whole = _text(
        f"{closing}.{length}",
        spoken,
        text=said,
        request_id=facts["request_id"],
        status_url=facts.get("status_url", ""),
    )
    return _text(f"{template}.subject", spoken), whole


def _text(key: str, language: Language, **values: str) -> str:
    return read_texts()[language][key].format_map(values)
