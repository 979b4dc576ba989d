"""What people meet when something is wrong: one clear line on stderr through the real command, and nothing lost."""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.journeys.keys import make_keys
from pipelines.settings import REPOSITORY, load_settings, prepare_home

TOKUMEI = Path(sys.executable).parent / "tokumei"
ADDRESS = "203.0.113.7"
GOOD = f'{ADDRESS} - u000000042 [22/Nov/2026:10:45:00 +0900] "GET /login HTTP/1.1" 200 7 "-" "Mozilla/5.0"\n' * 5
TORN = gzip.compress(GOOD.replace("10:45", "10:46").encode())[:-12]
DENIED = gzip.compress(GOOD.replace("10:45", "10:47").encode())[:-8] + bytes(8)
HELD = {
    "binary.log": (
        bytes(range(256)) * 40,
        r"access: 41 of 41 lines rejected (100.0 %, limit 5 %); the file stays in landing",
    ),
    "denied.log.gz": (DENIED, "its compressed content is damaged, before line 6; deliver it again"),
    "no_gzip.log.gz": (b"\x1f\x8b" + b"\x00" * 50, "its compressed content is damaged, before line 1"),
    "nothing.log.gz": (TORN[:20], "access: the file is damaged or cut off within its first line; deliver it whole"),
    "bad_lines.log": (f"{ADDRESS} said hello\n".encode() * 9, "access: 9 of 9 lines rejected (100.0 %, limit 5 %)"),
    "list.csv": (GOOD[:-1].encode(), "access: the file's name is not one that its contract reads"),
    "objects.jsonl": (json.dumps({"time": ADDRESS}).encode(), "access: 1 of 1 lines rejected (100.0 %, limit 5 %)"),
}


def tokumei(home, *arguments, **variables):
    environment = {"TOKUMEI_HOME": str(home), "PATH": "/usr/bin:/bin", **variables}
    command = [str(TOKUMEI), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def new_home(home):
    settings = load_settings({"TOKUMEI_HOME": str(home)})
    prepare_home(settings)
    make_keys(settings)
    return settings


def deliver(settings, name, content):
    path = settings.landing / "access" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture(scope="module")
def mixed_run(tmp_path_factory):
    """One run over a good file, an empty one, and every kind that is held."""
    settings = new_home(tmp_path_factory.mktemp("mixed"))
    deliver(settings, "empty.log", b"")
    deliver(settings, "good.log", GOOD)
    for name, (content, _) in HELD.items():
        deliver(settings, name, content)
    return settings, tokumei(settings.home, "ingest")


@pytest.mark.parametrize("name", HELD)
def test_unusable_file_stays_in_landing_with_one_line_that_says_why(mixed_run, name):
    settings, run = mixed_run
    content, reason = HELD[name]
    (line,) = [line for line in run.stderr.splitlines() if name in line]
    assert line.startswith(f"tokumei: access/{name} is held: no line of it is stored; {reason}")
    assert (settings.landing / "access" / name).read_bytes() == content


def test_file_that_is_cut_off_is_taken_in_as_far_as_it_goes_and_known_when_it_comes_again(tmp_path):
    settings = new_home(tmp_path / "home")
    for told in (
        "committed: 2 read = 1 accepted + 1 rejected + 0 dup",
        "duplicate: 2 read = 0 accepted + 0 rejected + 2",
    ):
        deliver(settings, "torn.log.gz", TORN)
        run = tokumei(settings.home, "ingest")
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.startswith(f"access/torn.log.gz {told}")
    assert list((settings.landing / "access").iterdir()) == []


def test_small_file_with_one_bad_line_has_a_way_out(tmp_path):
    settings = new_home(tmp_path / "home")
    path = deliver(settings, "small.log", GOOD[: GOOD.index("\n") + 1] * 2 + "torn\n")
    held, unnamed = tokumei(settings.home, "ingest"), tokumei(settings.home, "ingest", "--accept-rejects")
    assert (held.returncode, unnamed.returncode) == (1, 1)
    assert "or take in the rest of it with `tokumei ingest --accept-rejects FILE`" in held.stderr
    assert "--accept-rejects is for files that you have looked at; name them" in unnamed.stderr
    taken = tokumei(settings.home, "ingest", "--accept-rejects", str(path))
    assert (taken.returncode, taken.stderr) == (0, "")
    assert taken.stdout == "access/small.log committed: 3 read = 2 accepted + 1 rejected + 0 duplicate + 0 suppressed\n"


def test_empty_file_is_told_in_one_line(mixed_run):
    _, run = mixed_run
    assert run.stderr.splitlines().count("tokumei: access/empty.log is empty") == 1


def test_bad_files_say_one_line_each_without_a_value_and_the_good_one_is_taken(mixed_run):
    settings, run = mixed_run
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == len(HELD) + 1
    assert ADDRESS not in run.stderr + run.stdout
    assert "access/good.log committed: 5 read = 5 accepted" in run.stdout
    assert sorted(path.name for path in (settings.landing / "access").iterdir()) == sorted(HELD)


def test_empty_file_alone_is_no_error_and_neither_is_the_same_batch_again(tmp_path):
    settings = new_home(tmp_path / "home")
    deliver(settings, "empty.log", b"")
    deliver(settings, "good.log", GOOD)
    first = tokumei(settings.home, "ingest")
    deliver(settings, "good.log", GOOD)
    second = tokumei(settings.home, "ingest")
    third = tokumei(settings.home, "ingest")
    assert (first.returncode, first.stderr) == (0, "tokumei: access/empty.log is empty\n")
    told = "access/good.log duplicate: 5 read = 0 accepted + 0 rejected + 5 duplicate + 0 suppressed\n"
    assert (second.returncode, second.stdout, second.stderr) == (0, told, "")
    assert (third.returncode, third.stdout, third.stderr) == (0, "landing is empty\n", "")


def without_treatment(tmp_path):
    contracts = tmp_path / "contracts"
    shutil.copytree(REPOSITORY / "data_contracts", contracts)
    contract = contracts / "lake" / "page_views.odcs.yaml"
    lines = contract.read_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if "part: browser_family" in line)
    contract.write_text("".join(lines[: place - 1] + lines[place + 1 :]))
    return {"TOKUMEI_CONTRACTS": str(contracts)}


def without_keyring(tmp_path):
    (tmp_path / "home/keys/keyring.json").unlink()
    return {}


def with_keyring_for_all(tmp_path):
    (tmp_path / "home/keys/keyring.json").chmod(0o644)
    return {}


def with_damaged_keyring(tmp_path):
    keyring = tmp_path / "home/keys/keyring.json"
    keyring.write_text(keyring.read_text()[:-100])
    return {}


def with_home_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    return {"TOKUMEI_HOME": str(tmp_path / "file" / "home")}


def with_ledger_that_is_none(tmp_path):
    (tmp_path / "home/control.db").write_text("no database at all " * 100)
    return {}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_treatment, ["page_views.odcs.yaml", "browser_family", "treatment"]),
        (without_keyring, ["there is no keyring at", "make one with `tokumei keys init`"]),
        (with_keyring_for_all, ["has mode 644; others may read it: set it to 600"]),
        (with_damaged_keyring, ["is not a keyring; restore the keyring from its backup"]),
        (with_home_below_a_file, ["cannot be written (Not a directory); point TOKUMEI_HOME at a directory"]),
        (with_ledger_that_is_none, ["the control ledger cannot be used"]),
    ],
)
def test_broken_installation_says_one_line_and_leaves_the_file_in_landing(tmp_path, spoil, told):
    settings = new_home(tmp_path / "home")
    path = deliver(settings, "good.log", GOOD)
    run = tokumei(settings.home, "ingest", **spoil(tmp_path))
    (line,) = run.stderr.splitlines()
    assert line.startswith("tokumei: ")
    assert all(part in line for part in told)
    assert (run.returncode, run.stdout) == (1, "")
    assert path.read_text() == GOOD
    assert not list(settings.home.glob("lake/*/event_date=*"))
