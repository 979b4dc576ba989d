"""A house in a few hands: files land in it, its rows are read back as places, and crashes close and open it."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

from anonymization.operators import pseudonym_of
from pipelines.control.keyring_source import open_keyring
from pipelines.control.ledger import open_ledger
from pipelines.ingestion.sources import FILE_ID_DIGITS
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.retain import _files_in_open_plans
from pipelines.lake.compact import Aim, compact_table
from pipelines.lake.layout import open_lake, read_columns
from pipelines.lake.purge import purge_table
from pipelines.settings import load_settings
from tests.integration.conftest import visit
from tests.integration.houses import found_house
from tests.property.deletion_oracle import PURPOSES, TABLES, File, Line, Place

MEMBERS = tuple(f"u10000000{number}" for number in range(4))
STRANGER = "u999999999"
PEOPLE = (*MEMBERS, STRANGER)
DEVICES = tuple(f"7d444840-9dc0-4a1d-8f5c-00000000000{number}" for number in range(5))
NAMES = {"user": PEOPLE, "device": DEVICES}
TABLET = DEVICES[-1]
REFUSED = {"request_method": "POST", "request_uri": "/login", "status": 401}
OPENINGS = [Line("devices", user, device, 1, 0) for user, device in zip((*MEMBERS, None), DEVICES, strict=True)]
VISITS = [
    *(Line("access", user, device, 2, 0) for user, device in zip(MEMBERS, DEVICES, strict=False)),
    *(Line("refused", user, TABLET, 2, 0) for user in MEMBERS[:2]),
    *(Line("access", None, device, 2, 0) for device in DEVICES),
]
LONG_AGO = 2 * 3600


@dataclass
class Town:
    """An open house, and the files that were brought to it, with their bytes, in the order of landing."""

    house: House
    files: list[File] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    serials: Iterator[int] = field(default_factory=count)

    @property
    def home(self) -> Path:
        return self.house.settings.home

    def copy(self, home: Path) -> "Town":
        """The same town in another place; the contracts are not read again."""
        shutil.copytree(self.home, home)
        return Town(open_again(self.house, home), [*self.files], {**self.contents}, count(100))

    def reopen(self) -> None:
        """As the next process finds it."""
        self.close()
        self.house = open_again(self.house, self.home)

    def close(self) -> None:
        self.house.ledger.dispose()

    def land(self, source: str, lines: Sequence[Line]) -> File:
        serial = next(self.serials)
        content = "".join(write_line(line, self.house.now().date(), serial) + "\n" for line in lines).encode()
        file = File(source, f"{serial}.jsonl", sha256(content).hexdigest()[:FILE_ID_DIGITS], tuple(lines))
        self.write(source, file.name, content)
        self.files.append(file)
        self.contents[file.file_id] = content
        return file

    def land_again(self, file: File) -> None:
        self.write(file.source, f"{next(self.serials)}-again.jsonl", self.contents[file.file_id])

    def land_request(self, person: str, key: str) -> None:
        request = {"requested_at": f"{self.house.now():%Y-%m-%dT%H:%M:%S%z}", "channel": "web"}
        content = json.dumps({**request, "request_key": key, "user_id": person}) + "\n"
        self.write("requests", f"{next(self.serials)}.jsonl", content.encode())

    def write(self, source: str, name: str, content: bytes) -> None:
        (self.house.settings.landing / source / name).write_bytes(content)

    def waiting(self, *sources: str) -> list[Path]:
        """What lies in landing."""
        directories = [self.house.settings.landing / source for source in sources or ("",)]
        return [path for directory in directories for path in directory.rglob("*") if path.is_file()]

    def merge(self, *, spares_plans: bool) -> None:
        """Every two small files of a partition become one, and the old ones leave the disk."""
        planned = _files_in_open_plans(self.house)
        for table in TABLES:
            contract = self.house.catalogue.get("lake", table)
            spared = planned[table] if spares_plans else frozenset[str]()
            compact_table(self.house.lake, contract, Aim(date.max, 100_000, few_files=1, spared=spared))
            purge_table(self.house.lake, contract)

    def copy_lake(self) -> None:
        shutil.rmtree(self.home.parent / "copy", ignore_errors=True)
        shutil.copytree(self.home / "lake", self.home.parent / "copy")

    def restore_lake(self) -> None:
        shutil.rmtree(self.home / "lake")
        shutil.copytree(self.home.parent / "copy", self.home / "lake")

    def let_time_pass(self) -> None:
        """So much of it that whatever lies unused in the lake is no longer being written."""
        for path in (self.home / "lake").rglob("*"):
            if path.exists():
                written = path.stat().st_mtime - LONG_AGO
                os.utime(path, (written, written))

    def pseudonyms(self, person: str, *purposes: str) -> list[bytes]:
        keys = (key for purpose in purposes for key in self.house.keyring.live(purpose))
        return [pseudonym_of(person, "user", key) for key in keys]

    def read_places(self) -> Counter[tuple[Place, str]]:
        """Every stored row: its place, and the key that it is stored under."""
        names = {
            pseudonym_of(name, kind, key): name
            for kind, known in NAMES.items()
            for purpose in PURPOSES
            for key in self.house.keyring.live(purpose)
            for name in known
        }
        return Counter(
            (Place(table, file_id, part, user and names[user], names[device]), key_id)
            for table in TABLES
            for file_id, part, user, device, key_id in self.read_rows(table)
        )

    def read_rows(self, table: str) -> Iterator[tuple[str, int | str, bytes | None, bytes, str]]:
        part = "purpose" if table == "identity_links" else "line_number"
        columns = ["file_id", part, "user_pseudonym", "device_pseudonym", "key_id"]
        rows = read_columns(self.house.lake, self.house.catalogue.get("lake", table), columns)
        return rows.select(columns).iter_rows()


def open_again(house: House, home: Path) -> House:
    opened = load_settings({"TOKUMEI_HOME": str(home), "TOKUMEI_GUARD_SHARE": "1"})
    return replace(
        house,
        settings=opened,
        ledger=open_ledger(opened.control_url),
        keyring=open_keyring(opened),
        lake=open_lake(opened.lake_uri),
    )


def write_line(line: Line, today: date, serial: int) -> str:
    """A line of a source file; the serial tells it from those of every other file, and leaves nothing in its row."""
    day = (today - timedelta(days=line.day)).isoformat()
    if line.kind != "devices":
        changes = REFUSED if line.kind == "refused" else {}
        return json.dumps(visit(line.user, line.device, day, line.minute, body_bytes_sent=serial, **changes))
    opening = {"event": "app_open", "platform": "ios", "os_version": "26.1", "app_version": f"8.{serial}"}
    who = {"time": f"{day}T10:{line.minute:02}:00+09:00", "user_id": line.user, "device_id": line.device}
    return json.dumps(who | opening)


def write_account(user: str, day: date) -> str:
    facts = {"open_listings": 0, "open_trades": 0, "last_transaction_date": "2020-01-31", "consent": True}
    person = {"email": None, "phone": None, "registered_date": "2020-01-01", "display_name": "name"}
    return json.dumps({"as_of": day.isoformat(), "user_id": user, **person, **facts})


def found_town(home: Path) -> Town:
    """A town whose members are known, and used their devices and a tablet, with marts built."""
    town = Town(found_house(home))
    accounts = "".join(write_account(user, town.house.now().date()) + "\n" for user in MEMBERS)
    town.write("accounts", "members.jsonl", accounts.encode())
    town.land("devices", OPENINGS)
    town.land("access", VISITS)
    assert {delivery.state for delivery in ingest(town.house, find_files(town.house))} == {"committed"}
    build_marts(town.house)
    town.close()
    return town
