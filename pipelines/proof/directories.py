"""What lies under the scanned directories: files, directories and links, none of them followed or passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["file", "directory", "link", "other", "unreachable"]
KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory; `reason` says why an unreachable one could not be listed."""

    path: Path
    kind: Kind
    reason: str = ""


def distinct(directories: Sequence[Path]) -> list[Path]:
    """The directories, one given twice only once."""
    return list({path.resolve(): path for path in reversed(directories)}.values())


def list_entries(root: Path, excluded: Sequence[Path]) -> Iterator[Entry]:
    """Every entry below a directory, and the directory itself, in a stable order, excluded subtrees left out.

    Only the given path may be a link; below it no link is followed, for what it leads to is listed where it lies.
    """
    left_out = {path.resolve() for path in excluded}
    base = root.resolve()
    if not os.path.lexists(base):
        yield Entry(root, "unreachable", "does not exist or cannot be reached")
        return
    pending = [Entry(root, classify(base))]
    while pending:
        entry = pending.pop()
        if base / entry.path.relative_to(root) in left_out:
            continue
        yield entry
        if entry.kind == "directory":
            pending += list_children(entry.path)


def list_children(directory: Path) -> list[Entry]:
    """The children, last name first; a directory that has just vanished has none."""
    try:
        paths = sorted(directory.iterdir(), reverse=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [Entry(directory, "unreachable", describe(error))]
    return [Entry(path, classify(path)) for path in paths]


def classify(path: Path) -> Kind:
    try:
        return KINDS.get(stat.S_IFMT(path.lstat().st_mode), "other")
    except OSError:
        return "file"  # opening it then tells whether it has vanished or is unreachable


def leads_out(link: Path, places: Sequence[Path]) -> bool:
    """Whether a link ends in none of these resolved places; one that is circular ends where it is."""
    end = Path(os.path.realpath(link))
    return not any(end.is_relative_to(place) for place in places)


def describe(error: OSError) -> str:
    """The system's own words for the error, without the path that it names."""
    return (error.strerror or type(error).__name__).lower()
