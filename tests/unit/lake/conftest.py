from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract, load_catalogue
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import DataFile, Lake, live_files, open_lake, open_table, read_files
from pipelines.lake.rewrite import Rewrite, Subjects, remove_subjects
from pipelines.settings import REPOSITORY

DAY = date(2026, 11, 20)
Pairs = Iterable[tuple[int, int]]


@dataclass(frozen=True)
class LinkTable:
    """identity_links, the smallest table that names people, told in pairs of user and device numbers."""

    lake: Lake
    contract: Contract

    @property
    def root(self) -> Path:
        return Path(self.lake.table_uri(self.contract.name))

    def pseudonym(self, number: int) -> bytes:
        return bytes([number]) * 8 + b"~subject"

    def subject(self, user: int, *devices: int) -> Subjects:
        return {
            "user_pseudonym": [self.pseudonym(user)],
            "device_pseudonym": [self.pseudonym(device) for device in devices],
        }

    def build(self, pairs: Pairs, day: date = DAY) -> pl.DataFrame:
        """Rows in two buckets a day, by the user's number."""
        rows = [
            {
                "event_date": day,
                "subject_bucket": user % 2,
                "purpose": "usage",
                "user_pseudonym": self.pseudonym(user),
                "device_pseudonym": self.pseudonym(device),
                "key_id": "usage-1",
                "file_id": f"{user:08d}{device:08d}",
            }
            for user, device in pairs
        ]
        return pl.DataFrame(rows, schema=polars_schema(self.contract))

    def write(self, pairs: Pairs, day: date = DAY) -> tuple[DataFile, ...]:
        return self.write_rows(self.build(pairs, day))

    def write_rows(self, rows: pl.DataFrame) -> tuple[DataFile, ...]:
        return write_parts(self.lake, self.contract, rows)

    def append(self, pairs: Pairs, batch: str, day: date = DAY) -> bool:
        return commit_parts(self.lake, self.contract, self.write(pairs, day), batch)

    def remove(self, requests: dict[str, Subjects], plan: str = "plan") -> list[Rewrite]:
        """Remove subjects, and return what was announced."""
        announced: list[Rewrite] = []
        done = remove_subjects(self.lake, self.contract, requests, plan=plan, announce=announced.append)
        assert done == (announced[-1] if announced else None)
        return announced

    def pairs(self) -> list[tuple[int, int]]:
        """What the table holds now, in order."""
        found = [text for frame in read_files(self.lake, self.contract, ["file_id"]) for text in frame["file_id"]]
        return sorted((int(text[:8]), int(text[8:])) for text in found)

    def files(self) -> tuple[DataFile, ...]:
        return live_files(open_table(self.lake, self.contract))

    def paths(self) -> set[str]:
        return {file.path for file in self.files()}


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_catalogue(REPOSITORY / "data_contracts").get("lake", "identity_links")


@pytest.fixture
def table(tmp_path: Path, contract: Contract) -> LinkTable:
    return LinkTable(open_lake(str(tmp_path / "lake")), contract)


@pytest.fixture
def table_in(contract: Contract):
    """The table in a lake of any URI."""
    return lambda uri: LinkTable(open_lake(uri), contract)
