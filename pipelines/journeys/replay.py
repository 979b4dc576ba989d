"""Rejected lines after a fix: what the quarantine holds is parsed anew, and what now parses is taken in, exactly once.

Claim, take in, note, let go. A claim names its lines in the quarantine itself, and its id is the batch that no table
takes twice; so whatever a crash interrupts, the next run takes in the same lines and no others.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from functools import partial

import polars as pl

from anonymization.keyring import Key
from pipelines.control.contents import take_turn
from pipelines.control.day_keys import read_quarantine_keys
from pipelines.control.deliveries import Delivery, LineCounts, record_delivery
from pipelines.errors import DataQualityError, StorageBusyError
from pipelines.ingestion.enrich import Batch
from pipelines.ingestion.parse import ParsedLines
from pipelines.ingestion.quarantine import PLACE, QUARANTINE, open_lines, parse_opened
from pipelines.journeys.chunk import Stage, discard_on_error, discard_stage, new_batch
from pipelines.journeys.copies import require_in_step
from pipelines.journeys.house import House
from pipelines.journeys.ingest import RESTAGE_ATTEMPTS, still_holds
from pipelines.journeys.keys import hold_keys, renew_keyring
from pipelines.journeys.stage import commit_stage, guard_staging, stage_lines
from pipelines.lake.layout import read_files
from pipelines.lake.purge import purge_table
from pipelines.lake.replace import replace_rows
from pipelines.telemetry import record_step

REPLAY = "replay"
OWN = ("file_id", "line_number")


def replay_rejected(house: House) -> tuple[Delivery, ...]:
    """Take in every quarantined line that the contracts of now can read; one delivery for each source that has any."""
    with record_step("replay_rejected", QUARANTINE) as step:
        require_in_step(house)
        claimed_count = _claim_readable(house)
        deliveries = finish_replays(house)
        step.count(claimed=claimed_count, accepted=sum(delivery.counts.accepted for delivery in deliveries))
    return deliveries


def finish_replays(house: House) -> tuple[Delivery, ...]:
    """Take in whatever is claimed, also what a crash left so."""
    claims = {(row["source"], row["replay_id"]) for rows in _read_quarantine(house) for row in _list_claims(rows)}
    deliveries = tuple(_take_in(house, source, replay_id) for source, replay_id in sorted(claims))
    if claims:
        purge_table(house.lake, house.catalogue.get("lake", QUARANTINE))
    return deliveries


def _list_claims(rows: pl.DataFrame) -> list[dict[str, str]]:
    return rows.drop_nulls("replay_id").select("source", "replay_id").unique().to_dicts()


def _claim_readable(house: House) -> int:
    """Give every line that can be read now the id of its source's replay; returns how many there are."""
    found = [places for rows in _read_quarantine(house) for places in _find_readable(house, rows)]
    if not found:
        return 0
    places = pl.concat(found)
    ids = {source: secrets.token_hex(32) for source in places["source"].unique()}
    claims = places.with_columns(claim=pl.col("source").replace_strict(ids))
    contract = house.catalogue.get("lake", QUARANTINE)
    replace_rows(house.lake, contract, partial(_claim_rows, claims=claims), batch=REPLAY)
    return claims.height


def _find_readable(house: House, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Source, file id and number of each line that nobody claimed and that parses."""
    opened = open_lines(rows.filter(pl.col("replay_id").is_null()), _read_keys(house))
    for (source,), lines in opened.group_by("source"):
        contract = house.catalogue.get("sources", str(source))
        for file_id, _, parsed in parse_opened(lines, contract, house.settings.timezone):
            yield parsed.rows.select(source=pl.lit(source), file_id=pl.lit(file_id), line_number="line_number")


def _claim_rows(rows: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    joined = rows.join(claims, on=PLACE, how="left", maintain_order="left")
    return joined.with_columns(replay_id=pl.coalesce("replay_id", "claim")).select(rows.columns)


def _let_go(rows: pl.DataFrame, replay_id: str) -> pl.DataFrame:
    return rows.filter(pl.col("replay_id").ne_missing(pl.lit(replay_id)))


def _take_in(house: House, source: str, replay_id: str) -> Delivery:
    """One claim through the spine; held when a gate refuses it, and then tried again by the next replay."""
    name, now = f"{REPLAY}-{replay_id[:8]}", house.now()
    try:
        stage = _stage_and_commit(house, source, replay_id)
    except DataQualityError as error:
        return Delivery(replay_id, source, name, "held", now, now.date(), LineCounts(), reason=str(error))
    dates = tuple(sorted(stage.tally.dates))
    delivery = Delivery(replay_id, source, name, "committed", now, now.date(), stage.tally.counts, dates, settled=True)
    record_delivery(house.ledger, delivery, stage.judgement)
    contract = house.catalogue.get("lake", QUARANTINE)
    replace_rows(house.lake, contract, partial(_let_go, replay_id=replay_id), batch=REPLAY)
    return delivery


def _stage_and_commit(house: House, source: str, replay_id: str) -> Stage:
    """Stage under the tombstones and keys of now, as ingestion does; again when these changed meanwhile."""
    for _ in range(RESTAGE_ATTEMPTS):
        current = renew_keyring(house)
        stage = _stage_claim(current, source, replay_id)
        with discard_on_error(stage), take_turn(house.ledger, source), hold_keys(current) as keys_are_live:
            if keys_are_live and still_holds(house, stage):
                commit_stage(current, stage, source, replay_id)
                return stage
        discard_stage(stage)
    raise StorageBusyError("tombstones or keys changed during every attempt", hint="run the replay again")


def _stage_claim(house: House, source: str, replay_id: str) -> Stage:
    """Rejects are noted nowhere: each of these lines has had its row in rejected_lines since it came."""
    contract = house.catalogue.get("sources", source)
    places = pl.concat(rows.filter(replay_id=replay_id).select(OWN) for rows in _read_quarantine(house))
    is_own = pl.struct(OWN).is_in(places.to_struct().implode())
    chunks = _parse_claim(house, source, replay_id)
    return guard_staging(source, lambda: stage_lines(house, contract, chunks, is_own))


def _parse_claim(house: House, source: str, replay_id: str) -> Iterator[tuple[Batch, ParsedLines]]:
    contract, keys = house.catalogue.get("sources", source), _read_keys(house)
    for rows in _read_quarantine(house):
        opened = open_lines(rows.filter(replay_id=replay_id), keys)
        for file_id, file_format, parsed in parse_opened(opened, contract, house.settings.timezone):
            yield new_batch(house, contract, file_id, file_format), parsed


def _read_quarantine(house: House) -> Iterator[pl.DataFrame]:
    contract = house.catalogue.get("lake", QUARANTINE)
    stored = [column.name for column in contract.columns if column.name not in contract.partition_columns]
    return read_files(house.lake, contract, stored)


def _read_keys(house: House) -> Mapping[str, Key]:
    return read_quarantine_keys(house.settings, house.now())
