"""What becomes of a line that cannot be read: with and without a quarantine, no byte of it is anywhere in the clear."""

import gzip
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.journeys.keys import make_keys
from pipelines.proof.scan import scan
from pipelines.settings import REPOSITORY, SOURCES, Settings, load_settings, prepare_home

pytestmark = pytest.mark.slow

TOKUMEI = Path(sys.executable).with_name("tokumei")
PLANTED = (
    *("203.0.113.77", "2001:db8::4a7", "u100200300", "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a11", "090-1234-5678"),
    *("hanako.yamada@example.jp", "山田花子", "4111111111111111", "rare vintage tea bowl"),
)
ALL = " ".join(PLANTED)
MALFORMED = (
    f"{ALL}",
    f'{{"time":"2026-11-22T10:45:00+09:00","user_id":["{ALL}"]}}',
    f'{{"time":"{ALL}","remote_addr":"203.0.113.77","user_id":"u100200300","request_method":"GET"',
    f'{{"{ALL}":NaN}}',
    f'203.0.113.77 - u100200300 [22/Nov/2026:10:45:00 +0900] "GET /?q={ALL} HTTP/1.1" 999 1 "-" "a "b""',
    f"{ALL}\x00",
    f"{ALL} {'x' * 70_000}",
)


@dataclass(frozen=True)
class Lived:
    """A home in which every source brought malformed lines, and everything that was said and left behind."""

    settings: Settings
    traces: Path
    said: str


def write_contracts(directory: Path, *, quarantine: bool) -> Path:
    """Contracts that put up with any number of rejects."""
    shutil.copytree(REPOSITORY / "data_contracts", directory)
    asked = "\n      - {property: quarantine, value: {days: 7}}" if quarantine else ""
    for source in SOURCES:
        path = directory / "sources" / f"{source}.odcs.yaml"
        lines = path.read_text().splitlines()
        limit = next(number for number, line in enumerate(lines) if "maximumRejectPercent" in line)
        lines[limit] = "      - {property: maximumRejectPercent, value: 100}" + asked
        path.write_text("\n".join(lines) + "\n")
    return directory


def land(settings: Settings) -> None:
    content = b"\n".join([line.encode() for line in MALFORMED] + [ALL.encode() + b"\xff", ALL.encode()])
    packed = gzip.compress(content * 20, compresslevel=0)
    for source in SOURCES:
        directory = settings.landing / source
        (directory / "plain.jsonl").write_bytes(content)
        (directory / "cut.jsonl.gz").write_bytes(packed[: -len(content) - 9])
        (directory / "held.csv").write_bytes(content)
    (settings.landing / "access" / "plain.log").write_bytes(content)


@pytest.fixture(scope="module", params=[False, True], ids=["no quarantine", "quarantine"])
def lived(request, tmp_path_factory) -> Lived:
    root = tmp_path_factory.mktemp("rejects")
    contracts = write_contracts(root / "contracts", quarantine=request.param)
    variables = {"TOKUMEI_HOME": str(root / "home"), "TOKUMEI_CONTRACTS": str(contracts)}
    settings, traces = load_settings(variables), root / "traces"
    traces.mkdir()
    prepare_home(settings)
    make_keys(settings)
    land(settings)
    assert not scan([settings.landing], PLANTED).clean, "the positive control: what is planted can be found"
    environment = {**variables, "PATH": "/usr/bin:/bin", "TMPDIR": str(traces), "HOME": str(traces)}
    said = []
    for arguments in (["ingest"], ["delete", "plan"], ["ingest", "--replay-rejected"]):
        command = [TOKUMEI, "--verbose", *arguments]
        run = subprocess.run(command, env=environment, cwd=traces, capture_output=True, text=True, check=False)
        assert "Traceback" not in run.stderr
        said.append(run.stdout + run.stderr)
    (traces / "said.txt").write_text("\n".join(said))
    return Lived(settings, traces, "\n".join(said))


def test_no_byte_of_a_malformed_line_is_left_in_the_clear(lived):
    keys = lived.settings.keyring_file.parent
    report = scan([lived.settings.home, lived.traces], PLANTED, excluded=[lived.settings.landing, keys])
    assert (report.findings, report.unreachable) == ((), ())


def test_nothing_that_was_said_quotes_a_line(lived):
    assert "held" in lived.said
    assert "committed" in lived.said
    assert [identifier for identifier in PLANTED if identifier in lived.said] == []


def test_lines_are_kept_only_where_a_contract_asks_for_it(lived, request):
    is_kept = request.node.callspec.id == "quarantine"
    assert bool(list(lived.settings.home.glob("lake/quarantined_lines/expires_on=*/*.parquet"))) is is_kept
    assert (lived.settings.keyring_file.parent / "quarantine_keys.json").exists() is is_kept


def test_what_is_kept_is_nowhere_but_in_its_table(lived, request):
    """The same lines quarantined add no other file to the home than the table and its keys."""
    shown = {path.relative_to(lived.settings.home).parts[:2] for path in lived.settings.home.rglob("*.parquet")}
    assert shown <= {("lake", "rejected_lines"), ("lake", "quarantined_lines")}
