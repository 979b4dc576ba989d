"""Canaries measure the proof: planted daily among the logs, deleted like anybody, and then expected to be nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import orjson

from anonymization.operators import pseudonym_of
from pipelines.control.deletion_facts import CANARY_KEY, record_canary_check
from pipelines.control.keyring_file import write_secret
from pipelines.control.requests import list_requests
from pipelines.deletion.inventory import CANARY_REGISTER
from pipelines.deletion.request import SUBJECT_PURPOSES, identify_subject
from pipelines.errors import ConfigurationError
from pipelines.journeys.certify import find_ledger, join_reports, scan_stored
from pipelines.journeys.house import House
from pipelines.proof.scan import ScanReport, scan
from pipelines.synthetic.canaries import Canary, draw_canary, write_canary_lines, write_request
from pipelines.synthetic.landing import land_lines

AGE = timedelta(days=3)
KEPT_FOR = timedelta(days=120)


@dataclass(frozen=True, slots=True)
class CanaryCheck:
    """Deleted canaries that were looked for, those absent in every form, and the scan that tells."""

    expected_count: int
    absent_count: int
    report: ScanReport


def plant_canaries(house: House) -> tuple[int, int]:
    """Land today's canaries, and the requests of those who have come of age; returns how many of each.

    Whatever is repeated after a crash lands the same bytes, which ingestion knows, and the same request keys.
    """
    today = house.now().date()
    register = [canary for canary in read_register(house) if canary.planted_on > today - KEPT_FOR]
    if all(canary.planted_on != today for canary in register):
        register += [draw_canary(today, CANARY_KEY) for _ in range(house.settings.canary_subjects)]
    _write_register(house, register)
    landed = _advance(house, register, "drawn", "landed", today)
    requested = _advance(house, landed, "landed", "requested", today - AGE)
    return _count_newer(register, landed), _count_newer(landed, requested)


def check_canaries(house: House) -> CanaryCheck | None:
    """Look for every deleted canary in every form, and note how many are absent; None before the first is deleted."""
    completed = {request.request_key for request in list_requests(house.ledger, ("completed",))}
    departed = [canary for canary in read_register(house) if canary.request_key in completed]
    if not departed:
        return None
    report, owners = _scan_for(house, departed)
    found = {owners[finding.identifier_index - 1] for finding in report.findings}
    is_sure = report.finding_count == len(report.findings) and not report.unreachable
    absent = len(departed) - len(found) if is_sure else 0
    record_canary_check(house.ledger, house.now(), expected_count=len(departed), absent_count=absent)
    return CanaryCheck(len(departed), absent, report)


def read_register(house: House) -> list[Canary]:
    """All canaries, oldest first; the file is beside the keys, for it alone tells who is none of the service's."""
    path = _find_register(house)
    if not path.exists():
        return []
    records = orjson.loads(path.read_bytes())
    return [Canary(**record | {"planted_on": date.fromisoformat(record["planted_on"])}) for record in records]


def _find_register(house: House) -> Path:
    return house.settings.keyring_file.with_name(CANARY_REGISTER)


def _write_register(house: House, register: Sequence[Canary]) -> None:
    if register or _find_register(house).exists():
        write_secret(_find_register(house), orjson.dumps([asdict(canary) for canary in register]))


def _advance(house: House, register: Sequence[Canary], state: str, next_state: str, latest: date) -> list[Canary]:
    """Land what canaries of a state bring next, a day's together, and only then note that it was landed."""
    moving = [canary for canary in register if canary.state == state and canary.planted_on <= latest]
    for day in sorted({canary.planted_on for canary in moving}):
        of_day = [canary for canary in moving if canary.planted_on == day]
        if state == "drawn":
            _land(house, day, write_canary_lines(of_day, day))
        else:
            at = f"{day + AGE}T00:00:00+09:00"
            _land(house, day, {"requests": [write_request(canary, at) for canary in of_day]})
    moved = [replace(canary, state=next_state) if canary in moving else canary for canary in register]
    if moving:
        _write_register(house, moved)
    return moved


def _land(house: House, day: date, files: dict[str, list[str]]) -> None:
    if "://" in house.settings.landing_uri:
        raise ConfigurationError(
            "canaries cannot be planted in an object store",
            hint="unset TOKUMEI_CANARY_SUBJECTS, or let files arrive in a directory",
        )
    for source, lines in files.items():
        land_lines(house.settings.landing / source / f"canaries-{day:%Y%m%d}.jsonl", lines)


def _count_newer(before: Sequence[Canary], after: Sequence[Canary]) -> int:
    return sum(old.state != new.state for old, new in zip(before, after, strict=True))


def _scan_for(house: House, canaries: Sequence[Canary]) -> tuple[ScanReport, list[int]]:
    """The report, and whose each identifier is; only the ledger may hold membership pseudonyms, as tombstones."""
    forms = [(number, each) for number, canary in enumerate(canaries) for each in _list_forms(house, canary)]
    stones = [(number, each) for number, canary in enumerate(canaries) for each in _list_tombstones(house, canary)]
    owners = [number for number, _ in (*forms, *stones)]
    ledger = find_ledger(house)
    report = scan_stored(house, [each for _, each in (*forms, *stones)], excluded=ledger)
    if not ledger:
        return report, owners
    return join_reports(report, scan(ledger[:1], [each for _, each in forms])), owners


def _list_forms(house: House, canary: Canary) -> list[str | bytes]:
    purposes = [purpose for purpose in SUBJECT_PURPOSES if purpose != "membership"]
    return [*canary.identifiers, *_list_pseudonyms(house, canary, purposes)]


def _list_tombstones(house: House, canary: Canary) -> list[bytes]:
    return _list_pseudonyms(house, canary, ["membership"])


def _list_pseudonyms(house: House, canary: Canary, purposes: Sequence[str]) -> list[bytes]:
    """Of the member and of the device that was theirs alone, under every live key."""
    users = identify_subject(canary.user_id, house.keyring).users
    keys = [key for purpose in purposes for key in house.keyring.live(purpose)]
    members = [value for purpose in purposes for value in users[purpose]]
    return [*members, *(pseudonym_of(canary.device_id, "device", key) for key in keys)]
