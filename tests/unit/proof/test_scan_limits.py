"""A scan that read nothing proves nothing, and one that met damage says in which files."""

from pathlib import Path

import pytest

from pipelines.errors import ConfigurationError
from pipelines.proof.scan import scan

USER = "u123456789"


def test_directory_without_a_file_is_refused(tmp_path: Path):
    (tmp_path / "empty" / "too").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="no file was read under"):
        scan([tmp_path], [USER])


def test_each_directory_must_hold_a_file(tmp_path: Path):
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    (full / "file").write_bytes(b"nothing here")
    with pytest.raises(ConfigurationError, match="empty"):
        scan([full, empty], [USER])
    assert scan([full, full], [USER]).clean


def test_directory_that_is_left_out_whole_is_refused(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"nothing here")
    with pytest.raises(ConfigurationError, match="no file was read"):
        scan([tmp_path], [USER], excluded=[tmp_path])


def test_refused_directory_is_named_without_the_identifier_in_its_path(tmp_path: Path):
    (tmp_path / USER / "empty").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="identifier 2") as raised:
        scan([tmp_path / USER / "empty"], ["anybody", USER])
    assert USER not in str(raised.value)


def test_missing_directory_and_found_name_are_reported_rather_than_refused(tmp_path: Path):
    assert not scan([tmp_path / "missing"], [USER]).clean
    (tmp_path / "name" / USER).mkdir(parents=True)
    assert scan([tmp_path / "name"], [USER]).finding_count == 1


def test_damaged_files_are_named_once_each(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"PAR1 torn")
    (tmp_path / "whole").write_bytes(b"text")
    report = scan([tmp_path], [USER])
    assert (report.undecodable, report.damaged) == (2, (f"{tmp_path}/a", f"{tmp_path}/b"))
