"""A source file's way into the lake: read, parse, end identifiers, enrich, measure, gate, reconcile, commit once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipelines.control.contents import Extent, begin_commit, follow_rewritings, list_extents, take_turn
from pipelines.control.deliveries import (
    Delivery,
    LineCounts,
    find_deliveries,
    record_delivery,
    settle_file,
    unsettled_files,
    was_entered,
)
from pipelines.control.subjects import suppression_version
from pipelines.errors import ConfigurationError, DataQualityError, FileUnfinishedError, StorageBusyError
from pipelines.ingestion.content import Content, digest_content, look_again
from pipelines.ingestion.file_names import FileNames, read_file_names
from pipelines.ingestion.landing import is_still_written, mark_file, open_landing, remove_unchanged
from pipelines.ingestion.sources import (
    WILDCARDS,
    SourceFile,
    find_source_files,
    locate_place,
    match_place,
)
from pipelines.journeys.chunk import Stage, describe_error, discard_on_error, discard_stage
from pipelines.journeys.copies import require_in_step
from pipelines.journeys.house import House
from pipelines.journeys.keys import hold_keys, renew_keyring
from pipelines.journeys.stage import EXPECTED, UNEXPECTED, commit_stage, stage_safely
from pipelines.journeys.watch import still_watches
from pipelines.telemetry import logger, record_step

INGESTED_SOURCES = ("accounts", "access", "devices", "searches", "surveys")
RESTAGE_ATTEMPTS = 5


def ingest(house: House, files: Iterable[SourceFile]) -> tuple[Delivery, ...]:
    """Take in files one by one; a bad one is held, one that is still being written is left, and the others go on.

    RestoredCopyError, and nothing is taken in, when a copy was restored that does not know who left.
    """
    require_in_step(house)
    _settle_gone_files(house)
    return tuple(delivery for file in files if (delivery := ingest_file(house, file)))


def find_files(house: House, sources: Sequence[str] = INGESTED_SOURCES) -> tuple[SourceFile, ...]:
    """What waits in landing, accounts first, so that consent is known before anything else is stored."""
    return find_source_files(open_landing(house.settings.landing_uri), house.catalogue, sources, _read_names(house))


def _read_names(house: House) -> FileNames:
    return read_file_names(house.catalogue, house.keyring.current("membership"))


def name_files(house: House, named: Sequence[str]) -> tuple[SourceFile, ...]:
    """The files that paths, directories, globs or URIs name, in the order in which they are to be ingested.

    Those ingested already are left out. ConfigurationError for what is not below landing, or where no file is nor was.
    """
    landing = open_landing(house.settings.landing_uri)
    chosen: dict[tuple[str, str], SourceFile] = {}
    for each in named:
        source, place = locate_place(each, landing, house.settings.landing_uri, house.catalogue)
        matches = [file for file in find_files(house, (source,)) if match_place(place, file.place)]
        if not matches and place and not WILDCARDS & set(place):
            _require_known(house, source, _read_names(house).show(place))
        chosen |= {(file.source, file.name): file for file in matches}
    return tuple(sorted(chosen.values(), key=_rank))


def accept_rejects_of(files: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """The same files, of which whatever can be read is to be taken in: the way out for those beyond the limit."""
    return tuple(replace(file, accepts_rejects=True) for file in files)


def _rank(file: SourceFile) -> tuple[bool, str, str]:
    return file.source in INGESTED_SOURCES[1:], file.source, file.name


def _require_known(house: House, source: str, name: str) -> None:
    if not was_entered(house.ledger, source, name):
        raise ConfigurationError(f"there is no file {source}/{name} in landing", hint="check its name")


def _settle_gone_files(house: House) -> None:
    """Finish what a crash left between removing a file and noting it; lift the hold on files that somebody took out."""
    unsettled = unsettled_files(house.ledger)
    waiting = find_files(house, sorted({source for source, _ in unsettled}))
    for source, name in set(unsettled).difference((file.source, file.name) for file in waiting):
        settle_file(house.ledger, source, name)


def ingest_file(house: House, file: SourceFile) -> Delivery | None:
    """One file, exactly once: committed, known as a duplicate, held or left; None when another run took it away.

    StorageBusyError, with the file still in landing, for whatever else goes wrong outside of the file's own lines.
    """
    with record_step("ingest_file", file.source) as step:
        try:
            delivery = _deliver(house, file)
        except FileUnfinishedError as error:
            return replace(_describe(house, file, "", "left", LineCounts()), reason=str(error))
        except EXPECTED:
            raise
        except UNEXPECTED as error:
            if isinstance(error, FileNotFoundError) and not file.path.exists():
                return None
            found = describe_error(error)
        else:
            step.count(state=delivery.state, read=delivery.counts.read, accepted=delivery.counts.accepted)
            if delivery.state != "held" and not delivery.counts.read:
                logger.warning("tokumei: %s/%s is empty", file.source, file.name)
            return delivery
        # Raised out here, so that no traceback can follow the context to the first error's text.
        raise StorageBusyError(
            f"{file.source}/{file.name} cannot be taken in: {found}",
            hint="it stays in landing; see to the disk and its permissions, then run ingest again",
        )


def _deliver(house: House, file: SourceFile) -> Delivery:
    """Take in what is new, enter it in the ledger, and only then remove the landing file."""
    if is_still_written(file.path, house.settings.quiet_seconds):
        raise _unfinished(file)
    content = _read_content(house, file)
    delivery = _enter(house, file, content)
    if delivery.state != "held" and remove_unchanged(file.path, content.mark):
        settle_file(house.ledger, file.source, file.name)
    return delivery


def _read_content(house: House, file: SourceFile) -> Content:
    return digest_content(file, list_extents(house.ledger, file.source))


def _unfinished(file: SourceFile) -> FileUnfinishedError:
    return FileUnfinishedError(
        f"{file.source}/{file.name} is still being written", hint="it stays in landing for a later run"
    )


def _enter(house: House, file: SourceFile, content: Content) -> Delivery:
    """The delivery of a file, entered in the ledger now or before; FileNotFoundError when another run removed it."""
    known = find_deliveries(house.ledger, file.source, content.digest)
    unfinished = _find_unfinished(known, file)
    if unfinished is not None:
        return unfinished
    earlier = _count_earlier(house, file.source, content.digest)
    if earlier is None:
        return _take_in(house, file, content)
    _require_unchanged(file, content)
    duplicate = _describe(house, file, content.digest, "duplicate", LineCounts(read=earlier, duplicate=earlier))
    record_delivery(house.ledger, duplicate)
    return duplicate


def _count_earlier(house: House, source: str, digest: str) -> int | None:
    """How many lines a content had that was committed before, itself or what deletions had left of it in landing."""
    for each, removed_count in ((digest, 0), *follow_rewritings(house.ledger, source, digest)):
        for delivery in find_deliveries(house.ledger, source, each):
            if delivery.state == "committed":
                return delivery.counts.read + removed_count
    return None


def _find_unfinished(known: Iterable[Delivery], file: SourceFile) -> Delivery | None:
    """The delivery that was entered for this very file, when the file was not removed after it."""
    named = (each for each in known if each.file_name == file.name)
    return next((each for each in named if each.state != "held" and not each.settled), None)


def _take_in(house: House, file: SourceFile, content: Content) -> Delivery:
    """What becomes of a file whose content was not committed yet: committed now, or held."""
    try:
        delivery = _stage_and_commit(house, file, content)
    except DataQualityError as error:
        delivery = _describe(house, file, content.digest, "held", LineCounts())
        delivery = replace(delivery, reason=f"no line of it is stored; {error}")
        record_delivery(house.ledger, delivery)
    return delivery or _enter(house, file, content)  # another run has entered it meanwhile


def _require_unchanged(file: SourceFile, content: Content) -> None:
    if mark_file(file.path) != content.mark:
        raise _unfinished(file)


def _describe(house: House, file: SourceFile, digest: str, state: str, counts: LineCounts) -> Delivery:
    now = house.now()
    return Delivery(digest, file.source, file.name, state, now, now.date(), counts)


def _stage_and_commit(house: House, file: SourceFile, content: Content) -> Delivery | None:
    """Stage under what holds now, and commit while it still does, else stage again; None when another run was faster.

    What holds: the tombstones, or who just left would be stored; the keys, or rows under a destroyed one would be,
    which no deletion could find; how much of the file's beginning was taken in before; and which of its events.
    """
    for _ in range(RESTAGE_ATTEMPTS):
        content = _finish_beginnings(house, file, content)
        current = renew_keyring(house)
        stage = stage_safely(current, file, content)
        with discard_on_error(stage), take_turn(house.ledger, file.source), hold_keys(current) as keys_are_live:
            _require_unchanged(file, content)
            latest = _look_again(house, file, content)
            if keys_are_live and latest.beginnings == content.beginnings and still_holds(house, stage):
                return _commit(current, file, content, stage)
        content = latest
        discard_stage(stage)
    raise StorageBusyError(
        "tombstones or keys changed during every attempt", hint="run ingest again when deletions are done"
    )


def still_holds(house: House, stage: Stage) -> bool:
    """Whether tombstones, requests, and the events stored by others, are still those under which a stage was made."""
    if stage.suppression_version != suppression_version(house.ledger):
        return False
    if not still_watches(house, stage.watch, stage.key_ids):
        return False
    return stage.event_ids is None or not stage.event_ids.came_meanwhile()


def _look_again(house: House, file: SourceFile, content: Content) -> Content:
    return look_again(file, content, list_extents(house.ledger, file.source))


def _commit(house: House, file: SourceFile, content: Content, stage: Stage) -> Delivery | None:
    """Make a stage visible and enter it; should this end halfway, the next run finishes it from the same bytes."""
    begin_commit(house.ledger, file.source, _measure_extent(content, stage))
    commit_stage(house, stage, file.source, content.digest)
    delivery = _describe(house, file, content.digest, "committed", stage.tally.counts)
    delivery = replace(delivery, event_dates=tuple(sorted(stage.tally.dates)))
    return delivery if record_delivery(house.ledger, delivery, stage.judgement) else None


def _measure_extent(content: Content, stage: Stage) -> Extent:
    line_count = stage.tally.last_line.count_settled(content.line_count, is_ended=content.is_ended)
    return Extent(content.digest, content.prefix_digest, content.byte_count, line_count, is_open=True)


def _finish_beginnings(house: House, file: SourceFile, content: Content) -> Content:
    """Take in first what a crashed run had half committed of a file that grew since, from the beginning of that file.

    Else its lines would be doubled in the tables that it reached, or missing from the others.
    """
    while content.half_committed:
        with take_turn(house.ledger, file.source):
            content = _look_again(house, file, content)
        if extent := content.half_committed:
            beginning = replace(file, byte_limit=extent.byte_count)
            _stage_and_commit(house, beginning, replace(_read_content(house, beginning), mark=content.mark))
    return content
