"""The naive reader on single lines: the golden ones, and good ones broken at random; the parsers must agree with it.

Times are left whole here, since one that is broken may still be read in several ways.
"""

import random
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.parse import parse_chunk
from pipelines.ingestion.readers import Chunk
from pipelines.settings import REPOSITORY
from pipelines.synthetic import generate
from tests.oracle.contract import read_contract
from tests.oracle.lines import RejectedLineError
from tests.oracle.reader import SOURCES, read_line

CONTRACTS = REPOSITORY / "data_contracts"
CATALOGUE = load_catalogue(CONTRACTS)
GOLDEN = yaml.safe_load((Path(__file__).parents[1] / "golden" / "lines.yaml").read_text(encoding="utf-8"))
CASES = [(spelling, case) for spelling in ("combined", "json_lines") for case in GOLDEN[spelling]]
FILES = [("access", "combined", "*.log"), *((name, "json_lines", "*.jsonl") for name in SOURCES)]
TIME = re.compile(r"\[[^\]]*\]|\"(?:time|as_of|requested_at)\":\"[^\"]*\"|\"\w+_date\":\"[^\"]*\"")
PIECES = (
    '"',
    '\\"',
    "\\",
    " ",
    "[",
    "]",
    "-",
    "{",
    "}",
    ",",
    ":",
    "0",
    "60",
    "\u3000",
    "é",
    "\x85",
    "\x1f",
    "\t",
    "\r",
)
PIECES += (
    "null",
    "true",
    "1.5",
    '""',
    '"-"',
    "[]",
    " - ",
    "T",
    "\\ud800",
    "\\u0000",
    "NaN",
    "-1",
    "%20",
    "?",
    "#",
    "//",
)
MUTANTS = 2_000


def judge(line: bytes, spelling: str, contract) -> tuple[str, dict]:
    try:
        return "", {name: value for name, value in read_line(line, spelling, contract).items() if value is not None}
    except RejectedLineError as reject:
        return str(reject), {}


@pytest.mark.parametrize(
    ("spelling", "case"), [pytest.param(*each, id=f"{each[0]}: {each[1]['name']}") for each in CASES]
)
def test_naive_reader_agrees_with_golden_lines(spelling, case):
    line = bytes.fromhex(case["hex"]) if "hex" in case else case["line"].encode()
    ending = case.get("ending", "\n").encode().removesuffix(b"\n")
    reason, columns = judge(line.removeprefix(b"\xef\xbb\xbf") + ending, spelling, read_contract(contract_of("access")))
    assert reason == case.get("reason", "")
    golden = {name: value for name, value in case.get("columns", {}).items() if name != "event_date"}
    assert {name: strip_zone(value) for name, value in columns.items()} == golden


def strip_zone(value: object) -> object:
    """Moments as YAML gives them: without their zone, which is UTC."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def contract_of(source: str) -> Path:
    return CONTRACTS / "sources" / f"{source}.odcs.yaml"


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    directory = tmp_path_factory.mktemp("landing")
    generate(directory, days=3, users=40, seed=3, start=date(2026, 11, 1), plant=None)
    return directory


@pytest.mark.parametrize(("source", "spelling", "pattern"), FILES)
def test_broken_lines_are_judged_as_the_naive_reader_judges_them(landing, source, spelling, pattern):
    content = b"".join(path.read_bytes() for path in sorted((landing / source).glob(pattern)))
    good = [line for line in content.decode(errors="replace").splitlines() if line]
    broken = break_lines(good, random.Random(source))
    # The first line is no line of theirs, so that a byte order mark is nothing special.
    parsed = parse_chunk(
        Chunk(b"".join([b"#\n", *broken]), 1, 0), spelling, CATALOGUE.get("sources", source), "Asia/Tokyo"
    )
    rejects = dict(parsed.rejects.select("line_number", "reason").rows())
    rows = {row.pop("line_number"): row for row in parsed.rows.to_dicts()}
    contract = read_contract(contract_of(source))
    for number, line in enumerate(broken, start=2):
        reason, columns = judge(line.removesuffix(b"\n"), spelling, contract)
        assert rejects.get(number, "") == reason, line
        assert {name: rows[number][name] for name in columns} == columns if number in rows else not columns, line


def break_lines(lines: list[str], chance: random.Random) -> list[bytes]:
    """Copies of the lines with pieces put in, cut out, exchanged or repeated, but their times whole."""
    broken = []
    while len(broken) < MUTANTS:
        line = chance.choice(lines)
        mutant = line
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            mutant = break_line(mutant, chance)
        if TIME.findall(line) == TIME.findall(mutant) and "\n" not in mutant:
            broken.append(mutant.encode() + b"\n")
    return broken


def break_line(line: str, chance: random.Random) -> str:
    start = chance.randrange(len(line) + 1)
    stop = min(len(line), start + chance.choice([0, 0, 1, 2, 5, 20]))
    piece = chance.choice([*PIECES, "", line[stop : stop + 30]])
    return line[:start] + piece + line[stop:]
