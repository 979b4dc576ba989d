"""What messages to members say: nothing of a person but the number and the page of the request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml

from pipelines.errors import ConfigurationError

LANGUAGES = ("en", "ja")
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


@cache
def read_texts() -> Mapping[str, Mapping[str, str]]:
    """Every text by key and language."""
    texts = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text(encoding="utf-8"))
    return MappingProxyType({key: MappingProxyType(both) for key, both in texts.items()})


def render(template: str, language: str, facts: Mapping[str, str], *, channel: str = SHORT) -> tuple[str, str]:
    """Subject and text of a message for a channel.

    facts: request_id; status_url where the request has a page; of a delay, its reason, one of REASONS.
    ConfigurationError for a template or a language that there is none of. No fact is ever read as a template.
    """
    if template not in TEMPLATES or language not in LANGUAGES:
        raise ConfigurationError(
            "a message asks for a template or a language that there is none of",
            hint=f"there are {', '.join(TEMPLATES)} in {' and '.join(LANGUAGES)}",
        )
    length = SHORT if channel == SHORT else "mail"
    reason = facts.get("reason") if facts.get("reason") in REASONS else "unknown"
    said = _text(f"{template}.{length}", language, reason=_text(f"reason.{reason}.{length}", language))
    closing = "status" if facts.get("status_url") else "number"
    whole = _text(
        f"{closing}.{length}",
        language,
        text=said,
        request_id=facts["request_id"],
        status_url=facts.get("status_url", ""),
    )
    return _text(f"{template}.subject", language), whole


def _text(key: str, language: str, **values: str) -> str:
    return read_texts()[key][language].format_map(values)
