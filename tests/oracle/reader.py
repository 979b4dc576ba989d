"""The naive reader: file by file and line by line, what `ingest` must make of a landing directory.

It shares no code with the pipeline, and knows nothing of chunks, columns or distinct values. The standard library does
the work; YAML is read for the contracts, and ua-parser asked what is a spider. Of the formats it knows the two that are
generated, *.log and *.jsonl, and of repeats whole files: no generated line has an event id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.oracle.combined import read_combined
from tests.oracle.contract import Contract, read_contract
from tests.oracle.json_lines import read_json
from tests.oracle.lines import RejectedLineError, decode_line, digest, read_lines
from tests.oracle.page_views import Rules, build_row
from tests.oracle.pseudonyms import Keys

SOURCES = ("accounts", "access", "devices", "searches", "surveys")  # accounts first: they tell who refuses
FILE_ID_DIGITS = 16


@dataclass(slots=True)
class Account:
    """What becomes of the lines of one file; why, counts the rejected ones by reason."""

    source: str
    name: str
    state: str = "committed"
    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    suppressed: int = 0
    why: Counter[str] = field(default_factory=Counter)


class Reader:
    """Reads what waits in landing; accounts of files come to `accounts`, page views out of `read_page_views`."""

    def __init__(self, landing: Path, contracts: Path, timezone: str) -> None:
        self.landing = landing
        self.contracts = {name: read_contract(contracts / f"{name}.odcs.yaml") for name in SOURCES}
        self.zone = ZoneInfo(timezone)
        self.accounts: list[Account] = []
        self._consents: dict[str, tuple[date, bool]] = {}
        self._seen: set[tuple[str, str]] = set()

    def read_page_views(self, keys: Keys) -> Iterator[dict[str, object]]:
        """Every page view, while the accounts of all files are kept."""
        rules = Rules(self.contracts["access"], keys, self.zone)
        for source, file_id, number, line in self._read_landing():
            if source == "access":
                yield build_row(line, rules) | {"file_id": file_id, "line_number": number}

    def count_lines(self) -> list[Account]:
        """The accounts of all files, without working out any row."""
        for _ in self._read_landing():
            pass
        return self.accounts

    def _read_landing(self) -> Iterator[tuple[str, str, int, Mapping[str, object]]]:
        for source in SOURCES:
            for path in sorted((self.landing / source).rglob("*")):
                if path.is_file():
                    yield from self._read_file(source, path)

    def _read_file(self, source: str, path: Path) -> Iterator[tuple[str, str, int, Mapping[str, object]]]:
        account, content = Account(source, path.relative_to(self.landing / source).as_posix()), digest(path)
        self.accounts.append(account)
        if (source, content) in self._seen:
            account.state = "duplicate"
            account.read = account.duplicate = sum(1 for _ in read_lines(path))
            return
        self._seen.add((source, content))
        for number, line in self._judge_lines(path, account):
            yield source, content[:FILE_ID_DIGITS], number, line

    def _judge_lines(self, path: Path, account: Account) -> Iterator[tuple[int, Mapping[str, object]]]:
        contract = self.contracts[account.source]
        kind = contract.find_kind(account.name)
        for number, raw in read_lines(path):
            account.read += 1
            try:
                line = read_line(raw, kind, contract)
            except RejectedLineError as reject:
                account.why[str(reject)] += 1
                continue
            if account.source == "accounts":
                self._note_consent(line)
            elif self._refuses(line):
                account.suppressed += 1
                continue
            account.accepted += 1
            yield number, line

    def _note_consent(self, line: Mapping[str, object]) -> None:
        """A member's newest statement counts, of one day's the last."""
        user, day, consent = str(line["user_id"]).strip(), line["event_date"], line["consent"]
        assert isinstance(day, date)
        if day >= self._consents.get(user, (date.min, True))[0]:
            self._consents[user] = day, bool(consent)

    def _refuses(self, line: Mapping[str, object]) -> bool:
        user = line.get("user_id")
        return user is not None and not self._consents.get(str(user).strip(), (date.min, True))[1]


def read_line(raw: bytes, kind: str, contract: Contract) -> Mapping[str, object]:
    """The columns of one line; RejectedLineError with the first thing that is wrong with it."""
    text = decode_line(raw)
    return read_combined(text) if kind == "combined" else read_json(text, contract)
