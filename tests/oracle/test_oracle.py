"""Ingestion of generated traffic, defects and all, beside an independent reader that goes line by line."""

import random
import shutil
from datetime import timedelta

import pytest

from pipelines.journeys.house import open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import make_keys
from pipelines.settings import load_settings, prepare_home
from pipelines.synthetic import generate
from tests.oracle.breakage import break_lines
from tests.oracle.comparison import (
    compare_page_views,
    count_expected,
    count_stored,
    reasons_expected,
    reasons_stored,
)
from tests.oracle.contract import read_contract
from tests.oracle.lines import RejectedLineError
from tests.oracle.pseudonyms import read_keys
from tests.oracle.reader import Reader, read_line

pytestmark = pytest.mark.slow

MEMBERS = 2600  # leave about a hundred thousand lines
ODDITIES = 5_000


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    settings = load_settings({"TOKUMEI_HOME": str(tmp_path_factory.mktemp("oracle") / "home")})
    prepare_home(settings)
    make_keys(settings)
    return open_house(settings)


def land_oddities(directory, contract):
    """Broken lines that are lines still: what stands in their fields is odd in every way."""
    for suffix in (".log", ".jsonl"):
        whole = b"".join(path.read_bytes() for path in sorted(directory.glob(f"*{suffix}")))
        good = [line for line in whole.decode(errors="replace").splitlines() if line]
        broken = break_lines(good, ODDITIES, random.Random(suffix))
        odd = [line for line in broken if is_accepted(line, contract.find_kind(f"odd{suffix}"), contract)]
        assert len(odd) > ODDITIES / 4
        (directory / f"odd{suffix}").write_bytes(b"".join(odd))


def is_accepted(line, kind, contract):
    try:
        return bool(read_line(line.removesuffix(b"\n"), kind, contract))
    except RejectedLineError:
        return False


@pytest.fixture(scope="module")
def reader(house, tmp_path_factory):
    """Has read what the house took in: two days that have visitor keys, also after midnight, and one too old for it."""
    landing, copy, today = house.settings.landing, tmp_path_factory.mktemp("oracle") / "landing", house.now().date()
    generate(landing, days=2, users=MEMBERS, seed=7, start=today - timedelta(days=2), plant=None)
    generate(landing, days=1, users=MEMBERS // 8, seed=8, start=today - timedelta(days=9), plant=None)
    land_oddities(landing / "access", read_contract(house.settings.contracts / "sources" / "access.odcs.yaml"))
    shutil.copytree(landing, copy)
    ingest(house, find_files(house))
    return Reader(copy, house.settings.contracts / "sources", house.settings.timezone)


@pytest.fixture(scope="module")
def differences(house, reader):
    return compare_page_views(house, reader.read_page_views(read_keys(house.settings.keyring_file.parent)))


def test_every_page_view_is_what_a_naive_reader_makes_of_its_line(differences):
    assert differences == {}


def test_every_file_has_the_counts_of_a_naive_reader(house, reader, differences):
    assert count_stored(house) == count_expected(reader.accounts)
    assert sum(account.read for account in reader.accounts) > 90_000


def test_every_rejected_line_has_the_reason_of_a_naive_reader(house, reader, differences):
    assert reasons_stored(house) == reasons_expected(reader.accounts)
    assert len({reason for _, reason in reasons_expected(reader.accounts)}) >= 6


def test_traffic_has_what_is_hard_to_count(reader, differences):
    assert {account.state for account in reader.accounts} == {"committed", "duplicate"}
    assert any(account.suppressed for account in reader.accounts)
