"""Which files wait in landing, and by what each is known."""

import pytest

from pipelines.contracts.model import load_catalogue
from pipelines.errors import ConfigurationError
from pipelines.ingestion.sources import find_source_files, locate_place, match_place
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")


@pytest.fixture
def landing(tmp_path):
    for name in ("access/b.log.gz", "access/a.log", "access/host1/a.jsonl", "access/.part.log", "surveys/s.jsonl"):
        path = tmp_path / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "landing"


def test_files_are_found_in_the_order_of_sources_and_then_of_names(landing):
    found = find_source_files(landing, CATALOGUE, ("surveys", "access", "devices"))
    assert [(file.source, file.name, file.format) for file in found] == [
        ("surveys", "s.jsonl", "json_lines"),
        ("access", "a.log", "combined"),
        ("access", "b.log.gz", "combined"),
        ("access", "host1/a.jsonl", "json_lines"),
    ]


@pytest.mark.parametrize("name", ["x.txt", "x", "x.log.bz2", "x.csv.gz"])
def test_suffix_that_the_contract_does_not_read_has_no_format(landing, name):
    (landing / "access" / name).touch()
    found = {file.name: file.format for file in find_source_files(landing, CATALOGUE, ("access",))}
    assert found[name] == "unknown"


@pytest.mark.parametrize("name", [".a.log", "a.log.tmp", "a.log.PART", "a.log.partial", "a.filepart", ".~tmp~/a.log"])
def test_unfinished_names_are_no_files(landing, name):
    before = find_source_files(landing, CATALOGUE, ("access",))
    (landing / "access" / name).parent.mkdir(exist_ok=True)
    (landing / "access" / name).touch()
    assert find_source_files(landing, CATALOGUE, ("access",)) == before


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
