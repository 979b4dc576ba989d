"""The independent scan reports where an identifier stands, what it could not read, and never the identifier."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import ConfigurationError
from pipelines.proof.pieces import WINDOW_BYTES
from pipelines.proof.scan import MOST_FINDINGS_PER_FILE, Finding, read_identifiers, scan

USER = "u123456789"


def test_clean_directory_is_clean_and_counted(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"nothing here")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_bytes(b"")
    report = scan([tmp_path], [USER, b"\x01" * 16])
    assert report.clean
    assert (report.identifier_count, report.file_count, report.byte_count, report.finding_count) == (2, 2, 12, 0)


def test_finding_says_file_place_offset_form_and_position_in_the_input(tmp_path: Path):
    path = tmp_path / "events.log"
    path.write_bytes(b"x" * 7 + USER.encode())
    report = scan([tmp_path], ["somebody else", USER])
    assert report.findings == (Finding(str(path), "bytes", 7, "utf-8", 2),)
    assert not report.clean


def test_identifier_across_a_window_boundary_is_found_once(tmp_path: Path):
    for shift in range(len(USER) + 1):
        (tmp_path / str(shift)).write_bytes(b"." * (WINDOW_BYTES - shift) + USER.encode() + b"." * WINDOW_BYTES)
    report = scan([tmp_path], [USER])
    assert sorted(WINDOW_BYTES - (finding.byte_offset or 0) for finding in report.findings) == [*range(len(USER) + 1)]
    assert report.finding_count == len(USER) + 1


def test_names_of_files_and_directories_are_searched_and_masked(tmp_path: Path):
    directory = tmp_path / f"user_id={USER}"
    directory.mkdir()
    (directory / "75313233343536373839").write_bytes(USER.encode())
    report = scan([tmp_path], [USER])
    assert [(finding.place, finding.form) for finding in report.findings] == [
        ("directory name", "utf-8"),
        ("file name", "hex"),
        ("bytes", "utf-8"),
    ]
    assert report.findings[2].path == f"{tmp_path}/user_id=[identifier 1]/[identifier 1]"
    assert USER not in repr(report)


def test_link_is_not_followed_but_its_target_is_searched(tmp_path: Path):
    scanned = tmp_path / "scanned"
    scanned.mkdir()
    (tmp_path / USER).write_bytes(USER.encode())
    (scanned / "link").symlink_to(tmp_path / USER)
    report = scan([scanned], [USER])
    assert [(finding.place, report.file_count) for finding in report.findings] == [("link target", 0)]


def test_link_to_a_directory_or_file_outside_is_unreachable_and_never_clean(tmp_path: Path):
    scanned, outside = tmp_path / "scanned", tmp_path / "outside"
    for directory in (scanned, outside):
        directory.mkdir()
        (directory / "file").write_bytes(USER.encode() if directory == outside else b"quiet")
    for name, target in {"a": outside, "b": outside / "file", "c": Path("../outside"), "d": outside / "gone"}.items():
        (scanned / name).symlink_to(target)
    report = scan([scanned], [USER])
    assert report.unreachable == tuple(f"{scanned}/{name}: a link that leads out of what is scanned" for name in "abcd")
    assert not report.findings
    assert not report.clean
    assert scan([scanned, outside], [USER]).unreachable == ()


def test_link_that_stays_inside_is_covered_as_those_of_airflow_to_its_latest_logs(tmp_path: Path):
    logs = tmp_path / "home" / "airflow" / "logs" / "dag_processor"
    (logs / "2026-11-22").mkdir(parents=True)
    (logs / "2026-11-22" / "ingest_logs.py.log").write_bytes(b"quiet")
    (logs / "latest").symlink_to("2026-11-22")
    (tmp_path / "again").symlink_to(tmp_path / "home")
    (tmp_path / "home" / "keys").symlink_to(tmp_path / "vault")
    report = scan([tmp_path / "again"], [USER], excluded=[tmp_path / "vault"])
    assert (report.clean, report.file_count) == (True, 1)


def test_loop_of_links_ends(tmp_path: Path):
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "file").write_bytes(b"quiet")
    assert scan([tmp_path], [USER]).clean


def test_file_given_directly_and_directory_given_twice_are_read_once(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(USER.encode())
    assert scan([path], [USER]).finding_count == 1
    assert scan([tmp_path, tmp_path], [USER]).finding_count == 1


def test_excluded_subtree_is_left_out(tmp_path: Path):
    for name in ("keys", "lake"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(USER.encode())
    report = scan([tmp_path], [USER], excluded=[tmp_path / "keys"])
    assert [finding.path for finding in report.findings] == [str(tmp_path / "lake" / "part")]


def test_missing_directory_is_unreachable_and_never_clean(tmp_path: Path):
    report = scan([tmp_path / "absent"], [USER])
    assert report.unreachable == (f"{tmp_path}/absent: does not exist or cannot be reached",)
    assert not report.clean


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_unreadable_file_is_unreachable(tmp_path: Path):
    (tmp_path / "secret").touch(mode=0)
    assert scan([tmp_path], [USER]).unreachable == (f"{tmp_path}/secret: permission denied",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_unreadable_file_and_directory_are_unreachable_to_an_ordinary_user(tmp_path: Path):
    (tmp_path / "secret").touch(mode=0)
    (tmp_path / "shut").mkdir(mode=0)
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(0o755)
    program = """
import os, pathlib, sys
from pipelines.proof.scan import scan
arguments = [pathlib.Path(sys.argv[1])], ["u123456789"]
scan(*arguments)  # imports what an ordinary user may be unable to import
os.setuid(65534)
print(*scan(*arguments).unreachable, sep="\\n")
"""
    shown = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [f"{tmp_path}/{name}: permission denied" for name in ("secret", "shut")]


def test_socket_and_pipe_are_passed_by_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"quiet")
    assert scan([tmp_path], [USER]).clean


def test_findings_of_one_file_are_capped_but_all_are_counted(tmp_path: Path):
    (tmp_path / "many").write_bytes(USER.encode() * 500)
    report = scan([tmp_path], [USER])
    assert len(report.findings) == MOST_FINDINGS_PER_FILE
    assert report.finding_count == 500


def test_scan_of_no_directory_is_refused():
    with pytest.raises(ConfigurationError, match="directory"):
        scan([], [USER])


def test_identifiers_are_read_one_a_line(tmp_path: Path):
    path = tmp_path / "planted.txt"
    path.write_bytes("u123456789\r\n\n  \n山田 花子\n".encode())
    assert read_identifiers(path) == ["u123456789", "山田 花子"]


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe"])
def test_identifier_file_that_is_missing_empty_or_not_text_is_refused(tmp_path: Path, content: bytes | None):
    path = tmp_path / "planted.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"planted\.txt"):
        read_identifiers(path)
