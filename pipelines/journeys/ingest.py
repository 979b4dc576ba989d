"""A source file's way into the lake: read, parse, end identifiers, enrich, measure, gate, reconcile, commit once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

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
from pipelines.errors import ConfigurationError, DataQualityError, StorageBusyError
from pipelines.ingestion.sources import (
    SourceFile,
    digest_content,
    find_source_files,
    locate_path,
)
from pipelines.journeys.chunk import Stage, describe_error, discard_stage
from pipelines.journeys.house import House
from pipelines.journeys.keys import hold_keys, renew_keyring
from pipelines.journeys.stage import EXPECTED, UNEXPECTED, commit_stage, stage_safely
from pipelines.telemetry import logger, record_step

INGESTED_SOURCES = ("accounts", "access", "devices", "searches", "surveys")
RESTAGE_ATTEMPTS = 5


def ingest(house: House, files: Iterable[SourceFile]) -> tuple[Delivery, ...]:
    """Take in files one by one; a bad one is held and the others go on."""
    _settle_gone_files(house)
    return tuple(delivery for file in files if (delivery := ingest_file(house, file)))


def find_files(house: House, sources: Sequence[str] = INGESTED_SOURCES) -> tuple[SourceFile, ...]:
    """What waits in landing, accounts first, so that consent is known before anything else is stored."""
    return find_source_files(house.settings.landing, house.catalogue, sources)


def name_files(house: House, paths: Sequence[Path]) -> tuple[SourceFile, ...]:
    """The source files behind paths, in the order in which they are to be ingested, without those ingested already.

    ConfigurationError for a path that is not below landing, or where no file is nor was.
    """
    named = [locate_path(path, house.settings.landing, house.catalogue) for path in paths]
    waiting = [file for file in named if _is_waiting(house, file)]
    return tuple(sorted(waiting, key=lambda file: (file.source in INGESTED_SOURCES[1:], file.source, file.path)))


def _is_waiting(house: House, file: SourceFile) -> bool:
    if file.path.is_file():
        return True
    if was_entered(house.ledger, file.source, file.name):
        return False
    raise ConfigurationError(f"there is no file {file.source}/{file.name} in landing", hint="check its name")


def _settle_gone_files(house: House) -> None:
    """Finish what a crash left between removing a file and noting it; lift the hold on files that somebody took out."""
    for source, name in unsettled_files(house.ledger):
        if not (house.settings.landing / source / name).exists():
            settle_file(house.ledger, source, name)


def ingest_file(house: House, file: SourceFile) -> Delivery | None:
    """One file, exactly once: committed, known as a duplicate, or held; None when another run took it away.

    StorageBusyError, with the file still in landing, for whatever else goes wrong outside of the file's own lines.
    """
    with record_step("ingest_file", file.source) as step:
        try:
            delivery = _deliver(house, file, digest_content(file.path))
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


def _deliver(house: House, file: SourceFile, digest: str) -> Delivery:
    """Take in what is new, enter it in the ledger, and only then remove the landing file."""
    known = find_deliveries(house.ledger, file.source, digest)
    delivery = _find_unfinished(known, file)
    if delivery is None:
        delivery = _take_in(house, file, digest, known)
        if not record_delivery(house.ledger, delivery):
            return _deliver(house, file, digest)  # another run has entered it meanwhile
    if delivery.state != "held":
        file.path.unlink(missing_ok=True)
        settle_file(house.ledger, file.source, file.name)
    return delivery


def _find_unfinished(known: Iterable[Delivery], file: SourceFile) -> Delivery | None:
    """The delivery that was entered for this very file, when the file was not removed after it."""
    named = (each for each in known if each.file_name == file.name)
    return next((each for each in named if each.state != "held" and not each.settled), None)


def _take_in(house: House, file: SourceFile, digest: str, known: Iterable[Delivery]) -> Delivery:
    """What becomes of a file that was not entered yet; FileNotFoundError when another run has just removed it."""
    earlier = next((each.counts.read for each in known if each.state == "committed"), None)
    if earlier is not None:
        file.path.stat()
        return _describe(house, file, digest, "duplicate", LineCounts(read=earlier, duplicate=earlier))
    try:
        stage = _stage_and_commit(house, file, digest)
    except DataQualityError as error:
        return replace(_describe(house, file, digest, "held", LineCounts()), reason=f"no line of it is stored; {error}")
    delivery = _describe(house, file, digest, "committed", stage.counts)
    return replace(delivery, event_dates=tuple(sorted(stage.dates)))


def _describe(house: House, file: SourceFile, digest: str, state: str, counts: LineCounts) -> Delivery:
    now = house.now()
    return Delivery(digest, file.source, file.name, state, now, now.date(), counts)


def _stage_and_commit(house: House, file: SourceFile, digest: str) -> Stage:
    """Stage under the tombstones and keys of now; when these changed meanwhile, stage again.

    Otherwise who just left would be stored, or rows under a key that was destroyed, which no deletion could find.
    """
    for _ in range(RESTAGE_ATTEMPTS):
        current = renew_keyring(house)
        stage = stage_safely(current, file, digest)
        with hold_keys(current) as keys_are_live:
            if keys_are_live and stage.suppression_version == suppression_version(house.ledger):
                commit_stage(current, stage, file.source, digest)
                return stage
        discard_stage(stage)
    raise StorageBusyError(
        "tombstones or keys changed during every attempt", hint="run ingest again when deletions are done"
    )
