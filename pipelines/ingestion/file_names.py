"""What is shown and kept of a file's name, which may hold identifiers: an export is often named after its person."""

from __future__ import annotations

import re
from dataclasses import dataclass

from anonymization.keyring import Key
from anonymization.operators import pseudonym_of
from pipelines.contracts.model import Catalogue

DOMAIN = "file"
MARK_DIGITS = 12
# No telephone numbers: runs of digits are the dates and sequence numbers of most names.
GENERAL_PATTERNS = {
    "EMAIL_ADDRESS": r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+",
    "UUID": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "IP_ADDRESS": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
}


@dataclass(frozen=True, slots=True)
class FileNames:
    """Which parts of a name are identifiers, by entity, and the key of the mark that then tells two names apart."""

    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    key: Key

    def show(self, place: str) -> str:
        """The name with each identifier replaced by its kind, and then a mark; one without identifiers as it is."""
        shown = place
        for entity, pattern in self.patterns:
            shown = pattern.sub(f"<{entity}>", shown)
        if shown == place:
            return place
        return f"{shown}~{pseudonym_of(place, DOMAIN, self.key).hex()[:MARK_DIGITS]}"


def read_file_names(catalogue: Catalogue, key: Key) -> FileNames:
    """The patterns that any source's contract declares for its identifiers, and the general ones.

    key: one that never rotates, for a file must keep its name while it waits.
    """
    sources = catalogue.layer("sources")
    declared = (item for source in sources for item in source.properties.get("identifierPatterns", ()))
    patterns = {item["entity"]: item["pattern"] for item in declared} | GENERAL_PATTERNS
    bounded = ((entity, rf"(?<![0-9A-Za-z])(?:{pattern})(?![0-9A-Za-z])") for entity, pattern in patterns.items())
    return FileNames(tuple((entity, re.compile(pattern)) for entity, pattern in bounded), key)
