"""Landing, a directory or a prefix of an object store: what lies in it, whether it is whole, and how it leaves."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal, TypeVar, cast

import pyarrow.fs

T = TypeVar("T")
REWRITTEN = ".rewritten-"
UNFINISHED_SUFFIXES = frozenset({".tmp", ".part", ".partial", ".filepart"})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object or prefix in an object store, with those methods of a Path that landing asks for."""

    filesystem: pyarrow.fs.FileSystem
    key: str

    def __truediv__(self, name: str) -> StoredObject:
        return StoredObject(self.filesystem, f"{self.key}/{name}")

    def __str__(self) -> str:
        return self.key

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name

    def open(self, _: Literal["rb"]) -> io.BufferedReader:
        return io.BufferedReader(cast("io.RawIOBase", self.filesystem.open_input_stream(self.key, compression=None)))

    def exists(self) -> bool:
        return self.filesystem.get_file_info(self.key).type == pyarrow.fs.FileType.File


LandedPath = Path | StoredObject


@dataclass(frozen=True, slots=True)
class Mark:
    """What shows that a file is still the one that was read. version: device and inode, or an object's ETag."""

    byte_count: int
    modified_at: int
    version: str


def open_landing(uri: str) -> LandedPath:
    """Landing at a path, or at a URI that pyarrow.fs knows, such as s3://bucket/landing."""
    if "://" not in uri:
        return Path(uri)
    filesystem, key = pyarrow.fs.FileSystem.from_uri(uri)
    return StoredObject(filesystem, key.rstrip("/"))


def list_files(landing: LandedPath, source: str) -> list[tuple[str, LandedPath]]:
    """Every finished file of a source: its place below landing/<source>, and the file, by place."""
    found = _list_stored(landing / source) if isinstance(landing, StoredObject) else _list_local(landing / source)
    return sorted((item for item in found if not is_unfinished(item[0])), key=lambda item: PurePosixPath(item[0]))


def _list_local(directory: Path) -> Iterator[tuple[str, LandedPath]]:
    return ((path.relative_to(directory).as_posix(), path) for path in directory.rglob("*") if path.is_file())


def _list_stored(prefix: StoredObject) -> Iterator[tuple[str, LandedPath]]:
    selector = pyarrow.fs.FileSelector(prefix.key, allow_not_found=True, recursive=True)
    for info in prefix.filesystem.get_file_info(selector):
        if info.type == pyarrow.fs.FileType.File:
            yield info.path.removeprefix(f"{prefix.key}/"), StoredObject(prefix.filesystem, info.path)


def is_unfinished(place: str) -> bool:
    """True for the names under which copying programs write before they rename: hidden ones, .part and the like."""
    path = PurePosixPath(place)
    return any(part.startswith(".") for part in path.parts) or path.suffix.lower() in UNFINISHED_SUFFIXES


def mark_file(path: LandedPath) -> Mark:
    """The file's mark as it is now; FileNotFoundError when it is gone."""
    if isinstance(path, Path):
        found = path.stat()
        return Mark(found.st_size, found.st_mtime_ns, f"{found.st_dev}:{found.st_ino}")
    with path.filesystem.open_input_stream(path.key, compression=None) as stream:
        described = {str(name): value for name, value in stream.metadata().items()}
    info = path.filesystem.get_file_info(path.key)
    return Mark(info.size or 0, info.mtime_ns or 0, str(described.get("ETag")))


def is_still_written(path: LandedPath, quiet_seconds: float) -> bool:
    """True while somebody has the file open for writing; where the kernel cannot tell, while it is not quiet yet.

    quiet_seconds: how long a file must have been left alone then. Objects appear whole, so none is ever unfinished.
    """
    if not isinstance(path, Path):
        return False
    with path.open("rb") as file, _keep_writers_out(file) as alone:
        return time.time() - path.stat().st_ctime < quiet_seconds if alone is None else not alone


def remove_unchanged(path: LandedPath, mark: Mark) -> bool:
    """Remove a file that is what it was when it was marked, or is gone already; False, untouched, when it changed.

    On this machine nobody can open it for writing between the look and the removal. Neither system promises that no
    other file takes its name in that moment, by rename or upload, and is lost: each delivery needs a name of its own.
    """
    try:
        if not isinstance(path, Path):
            return _remove_object(path, mark)
        with path.open("rb") as file, _keep_writers_out(file) as alone:
            if alone is False or mark_file(path) != mark:
                return False
            path.unlink()
    except FileNotFoundError:
        pass
    return True


def write_beside(path: LandedPath, write: Callable[[IO[bytes]], T]) -> tuple[LandedPath, T]:
    """Write a file that is to take another's place, hidden from everybody until then; and what write returns."""
    name = f"{REWRITTEN}{hashlib.sha256(path.name.encode()).hexdigest()[:16]}"
    if isinstance(path, Path):
        new = path.with_name(name)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            result = write(sink)
            sink.flush()
            os.fsync(sink.fileno())
        return new, result
    stored = StoredObject(path.filesystem, f"{PurePosixPath(path.key).parent}/{name}")
    with stored.filesystem.open_output_stream(stored.key, compression=None) as stream:
        return stored, write(cast("IO[bytes]", stream))


def replace_unchanged(path: LandedPath, mark: Mark, new: LandedPath) -> bool:
    """Put a file that was written beside another in its place, in one step; False, untouched, when that one changed.

    It keeps the other's mode and times. As with `remove_unchanged`, nobody can open the file for writing meanwhile.
    """
    try:
        if isinstance(path, StoredObject) or isinstance(new, StoredObject):
            return _replace_object(path, mark, new)
        with path.open("rb") as file, _keep_writers_out(file) as alone:
            if alone is False or mark_file(path) != mark:
                return False
            shutil.copystat(path, new)
            new.replace(path)
        _sync_directory(path.parent)
    except FileNotFoundError:
        return False
    return True


def remove_beside(landing: LandedPath, source: str) -> None:
    """Remove what a crash left of files that were to take another's place."""
    if isinstance(landing, Path):
        for path in (landing / source).rglob(f"{REWRITTEN}*"):
            path.unlink()
        return
    for _, stored in _list_stored(landing / source):
        if stored.name.startswith(REWRITTEN):
            landing.filesystem.delete_file(str(stored))


def _replace_object(path: LandedPath, mark: Mark, new: LandedPath) -> bool:
    if isinstance(path, Path) or mark_file(path) != mark:
        return False
    path.filesystem.move(str(new), path.key)
    return True


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_object(path: StoredObject, mark: Mark) -> bool:
    if mark_file(path) != mark:
        return False
    path.filesystem.delete_file(path.key)
    return True


@contextmanager
def _keep_writers_out(file: IO[bytes]) -> Iterator[bool | None]:
    """Whether nobody has the file open for writing, and nobody can open it so meanwhile; None when nobody can say.

    A read lease is the kernel's word for it. Whoever opens the file for writing waits until the lease is returned, and
    we are told by a signal: one that is ignored, since the usual one would end the process.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        yield False
        return
    except (OSError, AttributeError):  # another owner's file, NFS, or no Linux
        yield None
        return
    try:
        yield True
    finally:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
