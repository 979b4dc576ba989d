"""Which files wait in landing, and by what each is known."""

import gzip

import pytest

from pipelines.contracts.model import load_catalogue
from pipelines.errors import ConfigurationError
from pipelines.ingestion.sources import UNKNOWN_FORMAT, digest_content, find_source_files, locate_path
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
    assert [(file.source, file.name, file.format.files) for file in found] == [
        ("surveys", "s.jsonl", "*.jsonl"),
        ("access", "a.log", "*.log"),
        ("access", "b.log.gz", "*.log"),
        ("access", "host1/a.jsonl", "*.jsonl"),
    ]


@pytest.mark.parametrize("name", ["x.txt", "x", "x.log.bz2", "x.csv.gz"])
def test_suffix_that_the_contract_does_not_read_has_no_format(landing, name):
    assert locate_path(landing / "access" / name, landing, CATALOGUE).format is UNKNOWN_FORMAT


def test_path_is_located_whether_its_file_is_there_or_not(landing):
    assert locate_path(landing / "access" / "gone.log", landing, CATALOGUE).name == "gone.log"


@pytest.mark.parametrize("path", ["a.log", "unknown/a.log", "access/../../a.log", "../keys/keyring.json", "access"])
def test_path_outside_of_the_sources_is_refused(landing, path):
    with pytest.raises(ConfigurationError, match=r"is not below .*landing/<source>; move it"):
        locate_path(landing / path, landing, CATALOGUE)


def test_content_is_known_whatever_its_compression(tmp_path):
    plain, packed, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    plain.write_bytes(b"one\ntwo\n")
    packed.write_bytes(gzip.compress(b"one\ntwo\n", mtime=1))
    other.write_bytes(b"one\ntwo")
    assert digest_content(plain) == digest_content(packed) != digest_content(other)


def test_torn_file_is_the_content_that_it_began_only_when_no_line_is_missing(tmp_path):
    plain, unsigned, torn = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    plain.write_bytes(b"one\ntwo\n")
    unsigned.write_bytes(gzip.compress(b"one\ntwo\n")[:-3])
    torn.write_bytes(gzip.compress(b"one\ntwo\nthr")[:-3])
    longer = gzip.compress(b"one\ntwo\nthree\n")[:-3]
    assert digest_content(plain) == digest_content(unsigned) == digest_content(torn)
    torn.write_bytes(longer)
    assert digest_content(plain) != digest_content(torn)
