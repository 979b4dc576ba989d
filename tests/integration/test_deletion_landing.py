"""Files in landing that ingestion cannot take lose the lines of who left, and nothing else of them changes."""

import gzip
import json
import stat

import pyarrow as pa
import pytest

from pipelines.control.deliveries import find_held
from pipelines.control.requests import list_requests
from pipelines.control.subjects import AccountFacts
from pipelines.errors import DeletionIncompleteError
from pipelines.ingestion.content import digest_content
from pipelines.ingestion.readers import Decompressed
from pipelines.journeys import certify, landed_lines
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.delete import accept_landed, find_open_plans, request_deletion, run_plan
from pipelines.journeys.ingest import accept_rejects_of, find_files, ingest
from pipelines.proof.scan import scan

TORN = "torn line, kept as it is \u3042\r\n".encode()


@pytest.fixture(autouse=True)
def without_pause(monkeypatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)


def spell(*visits) -> list[bytes]:
    return [json.dumps(visit).encode() + b"\n" for visit in visits]


def list_lines(town) -> list[bytes]:
    """Lines of a neighbour, of who leaves, of the leaver's own phone, and many that nobody can read."""
    day = town.days[0]
    others = [town.visit(town.neighbour, None, day, minute) for minute in range(3)]
    mine = [town.visit(town.leaver, None, day, 10), town.visit(None, town.phone(town.leaver), day, 11)]
    first, second, third, fourth, fifth = spell(others[0], mine[0], others[1], mine[1], others[2])
    return [TORN, first, second, TORN, third, fourth, TORN, TORN, fifth.rstrip(b"\n")]


def keep_others(lines: list[bytes]) -> bytes:
    return b"".join(line for number, line in enumerate(lines) if number not in {2, 5})


def pack_zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as frames:
        frames.write(data)
    return sink.getvalue().to_pybytes()


def unpack_zstd(data: bytes) -> bytes:
    return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()


PACKINGS = {
    "": (bytes, bytes),
    ".gz": (lambda data: gzip.compress(data[:500]) + gzip.compress(data[500:]), gzip.decompress),
    ".zst": (pack_zstd, unpack_zstd),
}


def land_held(town, name: str, content: bytes):
    """A file that the reject limit keeps in landing."""
    path = town.house.settings.landing / "access" / name
    path.write_bytes(content)
    [delivery] = ingest(town.house, find_files(town.house))
    assert delivery.state == "held"
    return path


def states(town) -> set[str]:
    return {request.state for request in list_requests(town.house.ledger)}


@pytest.mark.parametrize("suffix", PACKINGS)
def test_held_file_loses_the_lines_of_who_left_and_the_deletion_is_certified(town, suffix):
    pack, unpack = PACKINGS[suffix]
    lines = list_lines(town)
    accept_landed(town.house)
    digest = town.approve()
    path = land_held(town, f"held.jsonl{suffix}", pack(b"".join(lines)))
    path.chmod(0o640)
    before = path.stat()
    assert len(town.finish(digest)) == 2
    after = path.stat()
    assert unpack(path.read_bytes()) == keep_others(lines)
    assert (stat.S_IMODE(after.st_mode), after.st_mtime_ns) == (0o640, before.st_mtime_ns)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    [held], [file] = find_held(town.house.ledger), find_files(town.house, ("access",))
    assert (held.file_name, held.content_digest) == (path.name, digest_content(file).digest)
    assert held.reason
    assert scan([town.house.settings.landing], [town.leaver, town.phone(town.leaver)]).clean
    [delivery] = ingest(town.house, accept_rejects_of(find_files(town.house)))
    assert (delivery.counts.accepted, delivery.counts.rejected, delivery.counts.suppressed) == (3, 4, 0)
    assert not path.exists()


def test_held_file_that_was_cut_off_stays_so(town):
    lines = list_lines(town)
    accept_landed(town.house)
    digest = town.approve()
    for suffix, torn in ((".gz", gzip.compress(b"".join(lines))[:-8]), (".zst", pack_zstd(b"".join(lines))[:-3])):
        path = land_held(town, f"held.jsonl{suffix}", torn)
        run_plan(town.house, digest)
        [file] = find_files(town.house, ("access",))
        with Decompressed(path) as stream:
            content = stream.read_block() + stream.read_block()
        assert stream.cut_off
        assert keep_others(lines).startswith(content)
        assert town.leaver.encode() not in content
        assert find_held(town.house.ledger)[0].content_digest == digest_content(file).digest
        path.unlink()
    assert len(town.finish(digest)) == 2


def test_file_without_lines_of_who_left_is_not_touched(town):
    content = b"".join(line for number, line in enumerate(list_lines(town)) if number not in {2, 5})
    accept_landed(town.house)
    digest = town.approve()
    path = land_held(town, "held.jsonl", content)
    before = path.stat()
    assert len(town.finish(digest)) == 2
    assert (path.read_bytes(), path.stat()) == (content, before)


def test_file_still_being_written_is_left_and_the_request_stays_in_verifying(town):
    lines = list_lines(town)
    accept_landed(town.house)
    digest = town.approve()
    path = land_held(town, "held.jsonl", b"".join(lines))
    with path.open("ab") as writer:
        writer.write(b"\n")
        writer.flush()
        run_plan(town.house, digest)
        assert path.read_bytes() == b"".join(lines) + b"\n"
        with pytest.raises(DeletionIncompleteError, match=r"of access in landing .* is still being written"):
            certify_deletions(town.house, digest)
        assert states(town) == {"verifying"}
    assert find_open_plans(town.house) == (digest,)
    assert len(town.finish(digest)) == 2
    assert path.read_bytes() == keep_others(lines) + b"\n"


def test_file_that_changes_at_the_last_moment_is_left(town, monkeypatch):
    accept_landed(town.house)
    digest = town.approve()
    path = land_held(town, "held.jsonl", b"".join(list_lines(town)))
    replace_unchanged = landed_lines.replace_unchanged

    def change_first(place, mark, new):
        place.write_bytes(b"another delivery\n")
        return replace_unchanged(place, mark, new)

    monkeypatch.setattr(landed_lines, "replace_unchanged", change_first)
    run_plan(town.house, digest)
    assert path.read_bytes() == b"another delivery\n"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_crash_after_the_file_was_replaced_is_made_good_by_the_next_run(town, monkeypatch):
    lines = list_lines(town)
    accept_landed(town.house)
    digest = town.approve()
    path = land_held(town, "held.jsonl", b"".join(lines))
    (path.parent / ".rewritten-0123").write_bytes(b"".join(lines))

    def crash(*_):
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(landed_lines, "_follow", crash)
        with pytest.raises(InterruptedError):
            run_plan(town.house, digest)
    assert path.read_bytes() == keep_others(lines)
    assert len(town.finish(digest)) == 2
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    [held], [file] = find_held(town.house.ledger), find_files(town.house, ("access",))
    assert held.content_digest == digest_content(file).digest


def test_lines_taken_in_before_a_file_grew_are_not_doubled_after_its_beginning_was_rewritten(town):
    """The file was taken in, grew, and is held since: its beginning is known by other bytes then."""
    day, path = town.days[0], town.house.settings.landing / "access" / "growing.jsonl"
    who = [(town.neighbour, 1), (town.leaver, 2), (town.neighbour, 3)]
    beginning = spell(*(town.visit(user, None, day, minute) for user, minute in who))
    path.write_bytes(b"".join(beginning))
    copy = path.read_bytes()
    town.take_in()
    accept_landed(town.house)
    digest = town.approve()
    rest = spell(town.visit(town.neighbour, None, day, 4), town.visit(town.leaver, None, day, 5))
    path = land_held(town, "growing.jsonl", copy + b"".join(rest) + TORN * 5)
    views = town.rows("page_views").height
    assert len(town.finish(digest)) == 2
    assert path.read_bytes() == beginning[0] + beginning[2] + rest[0] + TORN * 5
    gone = views - town.rows("page_views").height
    [delivery] = ingest(town.house, accept_rejects_of(find_files(town.house)))
    assert (delivery.counts.duplicate, delivery.counts.accepted, delivery.counts.rejected) == (2, 1, 5)
    assert town.rows("page_views").height == views - gone + 1


@pytest.mark.parametrize("suffix", PACKINGS)
def test_original_that_comes_again_after_the_rewritten_file_was_taken_in_is_a_duplicate_as_a_whole(town, suffix):
    original = b"".join(list_lines(town))
    accept_landed(town.house)
    digest = town.approve()
    path = land_held(town, "held.jsonl", original)
    town.finish(digest)
    request_deletion(town.house, town.neighbour, request_key="a second rewriting", facts=AccountFacts(0, 0, None))
    assert town.finish(town.approve())
    assert path.read_bytes() == TORN * 4
    rewritten = accept_rejects_of(find_files(town.house))
    again = path.with_name(f"again.jsonl{suffix}")
    again.write_bytes(PACKINGS[suffix][0](original))
    [delivery] = ingest(town.house, find_files(town.house, ("access",))[:1])
    assert delivery.state == "held", "nothing of it is stored yet"
    [delivery] = ingest(town.house, rewritten)
    assert (delivery.state, delivery.counts.read, delivery.counts.rejected) == ("committed", 4, 4)
    rows = {table: town.rows(table).height for table in ("page_views", "rejected_lines")}
    [delivery] = ingest(town.house, accept_rejects_of(find_files(town.house)))
    assert (delivery.state, delivery.counts.read, delivery.counts.duplicate) == ("duplicate", 9, 9)
    assert {table: town.rows(table).height for table in rows} == rows
    assert not again.exists()


def test_original_that_comes_again_is_taken_in_when_nothing_of_the_rewritten_file_was(town):
    original = b"".join(list_lines(town))
    accept_landed(town.house)
    digest = town.approve()
    path = land_held(town, "held.jsonl", original)
    town.finish(digest)
    path.write_bytes(original)
    [delivery] = ingest(town.house, accept_rejects_of(find_files(town.house)))
    assert (delivery.state, delivery.counts.accepted, delivery.counts.suppressed) == ("committed", 3, 2)


def test_rewritten_file_belongs_to_its_owner_alone_while_it_is_made(town, monkeypatch):
    accept_landed(town.house)
    digest = town.approve()
    land_held(town, "held.jsonl", b"".join(list_lines(town)))
    seen = []
    replace_unchanged = landed_lines.replace_unchanged

    def look(place, mark, new):
        seen.append((stat.S_IMODE(new.stat().st_mode), new.name.startswith("."), "held" in new.name))
        return replace_unchanged(place, mark, new)

    monkeypatch.setattr(landed_lines, "replace_unchanged", look)
    run_plan(town.house, digest)
    assert seen == [(0o600, True, False)]
