"""What the last runs stored, beside what the naive reader says of the same lines: the check of tests/oracle."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.contenders import HOMES, OURS_COMBINED, OURS_JSON
from benchmarks.traffic import Traffic
from pipelines.journeys.house import House, open_house
from pipelines.settings import load_settings
from tests.oracle.comparison import (
    compare_page_views,
    count_expected,
    count_stored,
    reasons_expected,
    reasons_stored,
)
from tests.oracle.pseudonyms import read_keys
from tests.oracle.reader import Reader

ROWS_CHECKED = 1_000_000  # beyond, counts only: a row takes the naive reader some fifty microseconds


def check(directory: Path, traffic: Traffic) -> bool:
    """Whether nothing differs in either format; says what was compared."""
    return all([_check(directory, OURS_COMBINED, traffic.combined), _check(directory, OURS_JSON, traffic.json_lines)])


def _check(directory: Path, name: str, source: Path) -> bool:
    house = open_house(load_settings({"TOKUMEI_HOME": str(directory / HOMES[name])}))
    landing = directory / "check"
    (landing / "access").mkdir(parents=True)
    (landing / "access" / source.name).hardlink_to(source)
    reader = Reader(landing, house.settings.contracts / "sources", house.settings.timezone)
    differences = _compare(house, reader)
    house.ledger.dispose()
    shutil.rmtree(landing)
    (account,) = reader.accounts
    print(
        f"\n{name}: {account.read:,} lines, {account.accepted:,} accepted, {account.why.total():,} rejected; ", end=""
    )
    print(f"differences: {', '.join(differences) or 'none'}", flush=True)
    return not differences


def _compare(house: House, reader: Reader) -> list[str]:
    """The names of what differs: columns of rows, counts of lines, reasons of rejects."""
    (stored,) = count_stored(house)
    read_count = int(str(stored[2]))
    differences: list[str] = []
    if read_count <= ROWS_CHECKED:
        keys = read_keys(house.settings.keyring_file.parent)
        differences += compare_page_views(house, reader.read_page_views(keys))
    else:
        reader.count_lines()
    if count_stored(house) != count_expected(reader.accounts):
        differences.append("counts")
    if reasons_stored(house) != reasons_expected(reader.accounts):
        differences.append("reasons")
    return differences
