"""By what a file is known: its content, whatever its name and compression, and the contents that it begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.control.contents import Extent
from pipelines.ingestion.landing import Mark, mark_file
from pipelines.ingestion.readers import LINE_END, Decompressed, count_line_ends
from pipelines.ingestion.sources import SourceFile

DAMAGED = b"\x00damaged"


@dataclass(frozen=True, slots=True)
class Content:
    """What a file held when it was read.

    digest: what it is known by, SHA-256 in hexadecimal; of a file that is cut off, that of its whole lines, which are
    what is taken in of it. prefix_digest: that of its byte_count bytes. line_count: its lines, the last one perhaps
    without a line end (is_ended is then False). beginnings: the earlier contents of its source that it begins with, the
    shortest first. compared: the digests of all contents that were looked for.
    """

    digest: str
    prefix_digest: str
    byte_count: int
    line_count: int
    is_ended: bool
    beginnings: tuple[Extent, ...]
    compared: frozenset[str]
    mark: Mark

    @property
    def known_line_count(self) -> int:
        """How many of its first lines were taken in before."""
        return max((extent.line_count for extent in self.beginnings if not extent.is_open), default=0)

    @property
    def half_committed(self) -> Extent | None:
        """A beginning whose commit ended halfway, to be finished before anything else of this content."""
        return next((extent for extent in self.beginnings if extent.is_open), None)


class PrefixDigest:
    """SHA-256 of a content, fed block by block, which notes each extent that proves to be the content's beginning.

    No line has a digest of its own: whoever guesses a line could prove the guess by it.
    """

    def __init__(self, extents: Sequence[Extent]) -> None:
        self.digest, self.byte_count = hashlib.sha256(), 0
        self.beginnings: list[Extent] = []
        self._waiting = sorted(extents, key=lambda extent: extent.byte_count, reverse=True)

    def update(self, block: bytes) -> None:
        """Take the content's next bytes."""
        view = memoryview(block)
        while self._waiting and self._waiting[-1].byte_count <= self.byte_count + len(view):
            extent = self._waiting.pop()
            missing = extent.byte_count - self.byte_count
            self._feed(view[:missing])
            view = view[missing:]
            if self.digest.hexdigest() == extent.prefix_digest:
                self.beginnings.append(extent)
        self._feed(view)

    def _feed(self, data: memoryview) -> None:
        self.digest.update(data)
        self.byte_count += len(data)


def digest_content(file: SourceFile, extents: Sequence[Extent] = ()) -> Content:
    """Read a file once for everything it is known by; extents: the earlier contents of its source."""
    mark, prefix, line_count, whole_lines = mark_file(file.path), PrefixDigest(extents), 0, hashlib.sha256()
    is_ended = True
    with Decompressed(file.path, file.byte_limit) as stream:
        while block := stream.read_block():
            end = block.rfind(LINE_END) + 1
            prefix.update(block[:end])
            whole_lines = prefix.digest.copy() if end else whole_lines
            prefix.update(block[end:])
            line_count, is_ended = line_count + count_line_ends(block), end == len(block)
    digest = _choose_digest(stream, prefix, whole_lines if line_count else None)
    return Content(
        digest=digest,
        prefix_digest=prefix.digest.hexdigest(),
        byte_count=prefix.byte_count,
        line_count=line_count + (not is_ended),
        is_ended=is_ended,
        beginnings=tuple(extent for extent in prefix.beginnings if extent.content_digest != digest),
        compared=frozenset(extent.content_digest for extent in extents),
        mark=mark,
    )


def _choose_digest(stream: Decompressed, prefix: PrefixDigest, whole_lines: hashlib._Hash | None) -> str:
    if stream.cut_off and whole_lines:
        return whole_lines.hexdigest()
    own = prefix.digest.copy()
    if stream.cut_off or stream.contradicted:
        own.update(DAMAGED)  # or a file of which nothing can be read would pass for an empty one
    return own.hexdigest()


def look_again(file: SourceFile, content: Content, extents: Sequence[Extent]) -> Content:
    """The content as these extents tell of it; of the file only as much is read as extents not compared yet need."""
    others = {extent.content_digest: extent for extent in extents if extent.content_digest != content.digest}
    found = [others[each.content_digest] for each in content.beginnings if each.content_digest in others]
    unseen = [each for name, each in others.items() if name not in content.compared]
    fitting = [extent for extent in unseen if extent.byte_count <= content.byte_count]
    if fitting:
        found += _find_beginnings(file, fitting)
    found.sort(key=lambda extent: extent.byte_count)
    return replace(content, beginnings=tuple(found), compared=content.compared.union(others))


def _find_beginnings(file: SourceFile, extents: Sequence[Extent]) -> list[Extent]:
    prefix = PrefixDigest(extents)
    with Decompressed(file.path, max(extent.byte_count for extent in extents)) as stream:
        while block := stream.read_block():
            prefix.update(block)
    return prefix.beginnings
