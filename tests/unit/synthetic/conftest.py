"""One generated period, shared by all tests of the generator, and how to read it back."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from pipelines.synthetic import Generated, generate
from pipelines.synthetic.world import World, draw_world

START = date(2026, 11, 16)
USERS, DAYS, SEED = 300, 4, 7

COMBINED = re.compile(
    r"(?P<remote_addr>[0-9A-Fa-f:.]+) - (?P<user_id>u\d{9}|-) "
    r"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0900)\]"
    r' "(?P<request_method>GET|POST) (?P<request_uri>/[^ "]*) HTTP/(?:1\.1|2\.0)"'
    r" (?P<status>\d{3}) (?P<body_bytes_sent>\d+)"
    r' "(?P<http_referer>[^"]+)" "(?P<http_user_agent>[^"]+)"'
)


@dataclass(frozen=True)
class Landing:
    """A landing directory as the ingest finds it."""

    out: Path
    generated: Generated
    planted: frozenset[str]
    world: World

    def list_files(self, pattern: str) -> list[Path]:
        return sorted(self.out.glob(pattern))

    def read_bytes(self, path: Path) -> bytes:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content

    def read_lines(self, path: Path) -> list[str]:
        """The lines of a file; bytes that are no UTF-8 become U+FFFD."""
        return self.read_bytes(path).decode("utf-8", "replace").removesuffix("\n").split("\n")

    def read_text(self) -> str:
        """Everything that was written, as one text."""
        return "\n".join("\n".join(self.read_lines(path)) for path in self.generated.files)

    def read_records(self, pattern: str) -> list[dict[str, object]]:
        """The good lines of the matching files, of whichever format."""
        return [record for path in self.list_files(pattern) for record in self.parse_file(path)]

    def parse_file(self, path: Path) -> Iterator[dict[str, object]]:
        parse = parse_object if "json" in path.name else parse_combined
        return (record for line in self.read_lines(path) if (record := parse(line)) is not None)


def parse_combined(line: str) -> dict[str, object] | None:
    """The fields of a good line in the combined format."""
    match = COMBINED.fullmatch(line)
    if match is None or "31/Feb" in line or "�" in line:
        return None
    fields: dict[str, object] = {name: None if text == "-" else text for name, text in match.groupdict().items()}
    return fields | {"status": int(match["status"])}


def parse_object(line: str) -> dict[str, object] | None:
    """The object of a good line of JSON."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    is_whole = isinstance(record, dict) and len(record) >= 4
    return record if is_whole and "T25:61" not in line and "�" not in line else None


def make_landing(out: Path, *, users: int, days: int, seed: int) -> Landing:
    generated = generate(out, days=days, users=users, seed=seed, start=START, plant=out.with_name("plant.txt"))
    planted = frozenset(out.with_name("plant.txt").read_text(encoding="utf-8").splitlines())
    return Landing(out, generated, planted, draw_world(users, seed))


@pytest.fixture(scope="session")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Landing:
    return make_landing(tmp_path_factory.mktemp("generated") / "landing", users=USERS, days=DAYS, seed=SEED)
