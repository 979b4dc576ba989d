"""The naive reader on single lines: the golden ones, and good ones broken at random; the parsers must agree with it."""

import random
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from pipelines.contracts.formats import find_format
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.parse import parse_chunk
from pipelines.ingestion.readers import Chunk
from pipelines.settings import REPOSITORY
from pipelines.synthetic import generate
from tests.oracle.breakage import break_lines
from tests.oracle.contract import read_contract
from tests.oracle.lines import RejectedLineError
from tests.oracle.reader import SOURCES, read_line

CONTRACTS = REPOSITORY / "data_contracts"
CATALOGUE = load_catalogue(CONTRACTS)
GOLDEN = yaml.safe_load((Path(__file__).parents[1] / "golden" / "lines.yaml").read_text(encoding="utf-8"))
KINDS = {"combined": "combined", "json_lines": "json"}
CASES = [(kind, case) for name, kind in KINDS.items() for case in GOLDEN[name]]
FILES = [("access", "*.log"), *((name, "*.jsonl") for name in SOURCES)]
MUTANTS = 2_000


def judge(line: bytes, kind: str, contract) -> tuple[str, dict]:
    try:
        return "", {name: value for name, value in read_line(line, kind, contract).items() if value is not None}
    except RejectedLineError as reject:
        return str(reject), {}


@pytest.mark.parametrize(("kind", "case"), [pytest.param(*each, id=f"{each[0]}: {each[1]['name']}") for each in CASES])
def test_naive_reader_agrees_with_golden_lines(kind, case):
    line = bytes.fromhex(case["hex"]) if "hex" in case else case["line"].encode()
    ending = case.get("ending", "\n").encode().removesuffix(b"\n")
    reason, columns = judge(line.removeprefix(b"\xef\xbb\xbf") + ending, kind, read_contract(contract_of("access")))
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


@pytest.mark.parametrize(("source", "pattern"), FILES)
def test_broken_lines_are_judged_as_the_naive_reader_judges_them(landing, source, pattern):
    content = b"".join(path.read_bytes() for path in sorted((landing / source).glob(pattern)))
    good = [line for line in content.decode(errors="replace").splitlines() if line]
    broken = break_lines(good, MUTANTS, random.Random(source))
    # The first line is no line of theirs, so that a byte order mark is nothing special.
    held, name = CATALOGUE.get("sources", source), pattern.replace("*", "broken")
    parsed = parse_chunk(Chunk(b"".join([b"#\n", *broken]), 1, 0), find_format(held, name), held, "Asia/Tokyo")
    rejects = dict(parsed.rejects.select("line_number", "reason").rows())
    rows = {row.pop("line_number"): row for row in parsed.rows.to_dicts()}
    contract = read_contract(contract_of(source))
    kind = contract.find_kind(name)
    for number, line in enumerate(broken, start=2):
        reason, columns = judge(line.removesuffix(b"\n"), kind, contract)
        assert rejects.get(number, "") == reason, line
        assert {name: rows[number][name] for name in columns} == columns if number in rows else not columns, line
