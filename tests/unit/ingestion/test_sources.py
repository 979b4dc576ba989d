"""Which files wait in landing, and by what each is known."""

from pathlib import Path

import pytest

from anonymization.keyring import Key
from pipelines.contracts.model import load_catalogue
from pipelines.errors import ConfigurationError, DataQualityError
from pipelines.ingestion.file_names import read_file_names
from pipelines.ingestion.sources import SourceFile, find_source_files, locate_place, match_place, require_format
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
NAMES = read_file_names(CATALOGUE, Key("membership-1", "membership", "00" * 32, "2026-11-22T00:00:00+00:00"))


@pytest.fixture
def landing(tmp_path):
    for name in ("access/b.log.gz", "access/a.log", "access/host1/a.jsonl", "access/.part.log", "surveys/s.jsonl"):
        path = tmp_path / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "landing"


def test_files_are_found_in_the_order_of_sources_and_then_of_names(landing):
    found = find_source_files(landing, CATALOGUE, ("surveys", "access", "devices"), NAMES)
    assert [(file.source, file.name, file.format.files) for file in found] == [
        ("surveys", "s.jsonl", "*.jsonl"),
        ("access", "a.log", "*.log"),
        ("access", "b.log.gz", "*.log"),
        ("access", "host1/a.jsonl", "*.jsonl"),
    ]


@pytest.mark.parametrize("name", ["x.txt", "x", "x.log.bz2", "x.csv.gz"])
def test_suffix_that_the_contract_does_not_read_has_no_format(landing, name):
    (landing / "access" / name).touch()
    found = {file.name: file.format for file in find_source_files(landing, CATALOGUE, ("access",), NAMES)}
    assert found[name] is None


def test_file_of_unknown_format_is_held():
    with pytest.raises(DataQualityError, match="name is not one that its contract reads"):
        require_format(SourceFile("access", "x.csv", Path("x.csv"), None))


@pytest.mark.parametrize("name", [".a.log", "a.log.tmp", "a.log.PART", "a.log.partial", "a.filepart", ".~tmp~/a.log"])
def test_unfinished_names_are_no_files(landing, name):
    before = find_source_files(landing, CATALOGUE, ("access",), NAMES)
    (landing / "access" / name).parent.mkdir(exist_ok=True)
    (landing / "access" / name).touch()
    assert find_source_files(landing, CATALOGUE, ("access",), NAMES) == before


def locate(path, landing):
    return locate_place(str(path), landing, str(landing), CATALOGUE)


@pytest.mark.parametrize("place", ["gone.log", "host1", "2026-*.log"])
def test_path_is_located_whether_its_file_is_there_or_not(landing, place):
    assert locate(landing / "access" / place, landing) == ("access", place)


def test_a_source_is_a_place_of_its_own(landing):
    assert locate(landing / "access", landing) == ("access", "")


@pytest.mark.parametrize("path", ["a.log", "unknown/a.log", "access/../../a.log", "../keys/keyring.json"])
def test_path_outside_of_the_sources_is_refused(landing, path):
    with pytest.raises(ConfigurationError, match=r"is not below .*landing/<source>; move it"):
        locate(landing / path, landing)


@pytest.mark.parametrize(
    ("place", "matched"),
    [
        ("", ["a.log", "b.log.gz", "host1/a.jsonl"]),
        ("a.log", ["a.log"]),
        ("host1", ["host1/a.jsonl"]),
        ("host1/", ["host1/a.jsonl"]),
        ("*.log*", ["a.log", "b.log.gz"]),
        ("*/a.*", ["host1/a.jsonl"]),
        ("host", []),
    ],
)
def test_place_is_a_file_a_directory_or_a_glob(place, matched):
    assert [name for name in ("a.log", "b.log.gz", "host1/a.jsonl") if match_place(place, name)] == matched


ID = "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a11"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("export-u123456789.log", "export-<MEMBER_ID>.log"),
        ("u123456789/taro@example.jp.csv", "<MEMBER_ID>/<EMAIL_ADDRESS>"),
        (f"phone_{ID}.jsonl.gz", "phone_<UUID>.jsonl.gz"),
        ("edge-203.0.113.7.log", "edge-<IP_ADDRESS>.log"),
    ],
)
def test_name_is_kept_without_its_identifiers_and_still_tells_files_apart(place, shown):
    name, mark = NAMES.show(place).split("~")
    assert name == shown
    assert len(mark) == 12
    assert NAMES.show(place) == NAMES.show(place) != NAMES.show(f"2/{place}")


@pytest.mark.parametrize(
    "place", ["access.log", "host1/access-20261122103000.log.gz", "E2ABC.2026-11-22-10.aabbccdd.gz", "app.jsonl.1"]
)
def test_name_without_identifiers_stays_as_it_is(place):
    assert NAMES.show(place) == place
