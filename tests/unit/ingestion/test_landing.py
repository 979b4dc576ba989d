"""Whether a file in landing is whole, and how it leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.ingestion import landing
from pipelines.ingestion.landing import is_still_written, mark_file, remove_unchanged

HOUR = 3600


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("line\n")
    return path


@pytest.fixture
def leaseless(monkeypatch):
    """A file system that does not tell who has a file open."""

    def refuse(*_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(landing.fcntl, "fcntl", refuse)


def test_file_is_written_while_any_process_has_it_open_for_writing(path):
    assert not is_still_written(path, HOUR)
    with path.open("a"):
        assert is_still_written(path, 0)
    command = [
        sys.executable,
        "-c",
        f"import sys; file = open({str(path)!r}, 'a'); print(flush=True); sys.stdin.read()",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        assert is_still_written(path, 0)
        writer.communicate()
    assert not is_still_written(path, HOUR)


def test_reader_is_no_writer(path):
    with path.open("rb"):
        assert not is_still_written(path, HOUR)


def test_file_must_be_quiet_where_the_kernel_cannot_tell(path, leaseless):
    assert is_still_written(path, HOUR)
    assert not is_still_written(path, 0)


def test_age_cannot_be_forged(path, leaseless):
    os.utime(path, (0, 0))
    assert is_still_written(path, HOUR)


def test_unchanged_file_is_removed_and_one_that_is_gone_is_no_matter(path):
    mark = mark_file(path)
    assert remove_unchanged(path, mark)
    assert not path.exists()
    assert remove_unchanged(path, mark)


def rewrite_with_same_length(path: Path):
    path.write_text("eins\n")


def replace_with_same_content(path: Path):
    path.with_suffix(".new").write_text("line\n")
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize("change", [rewrite_with_same_length, replace_with_same_content])
def test_changed_file_stays(path, change):
    mark = mark_file(path)
    change(path)
    assert not remove_unchanged(path, mark)
    assert path.exists()


def test_file_that_somebody_opened_for_writing_stays(path):
    mark = mark_file(path)
    with path.open("a"):
        assert not remove_unchanged(path, mark)
    assert remove_unchanged(path, mark)


def test_file_is_removed_where_the_kernel_cannot_tell_of_writers(path, leaseless):
    assert remove_unchanged(path, mark_file(path))
    assert not path.exists()


def test_writer_waits_for_the_look_and_nobody_is_killed_by_it(path):
    """The kernel tells a lease's holder of each writer by a signal, whose usual form would end this process."""
    command = [sys.executable, "-c", f"[open({str(path)!r}, 'a').close() for _ in range(20000)]"]
    with subprocess.Popen(command) as writer:
        while writer.poll() is None:
            is_still_written(path, 0)
    assert writer.returncode == 0
