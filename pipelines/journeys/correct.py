"""A survey answer corrected on request: validate, note the old value, rewrite the answer, have its marts built anew.

Every step may be repeated after a crash at any point.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from anonymization.columns import treat_columns
from anonymization.treatment import Context
from pipelines.contracts.derive import polars_schema, treatments
from pipelines.contracts.model import Column, Contract
from pipelines.control.deliveries import touch_dates
from pipelines.control.maintenance import hold_maintenance
from pipelines.deletion.plan import subjects_of_table
from pipelines.deletion.request import Subject
from pipelines.errors import ConfigurationError
from pipelines.journeys.decide import find_holds
from pipelines.journeys.house import House
from pipelines.journeys.watch import recognise_subject
from pipelines.lake.correct import Correction, apply_history, find_differing, note_history, read_history
from pipelines.lake.purge import purge_table
from pipelines.lake.rewrite import Subjects
from pipelines.telemetry import record_step

CORRECTED, HISTORY = "survey_responses", "survey_corrections"
REQUIRED, OPTIONAL = {"attribute", "value"}, {"event_date"}
LONGEST_VALUE = 64
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class CorrectionFacts:
    """How many rows one correction is about, and the hash of all other rows of their files before and after it."""

    row_count: int
    hash_before: str
    hash_after: str


def describe_correction(house: House, subject: Subject, detail: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a correction would do now, dataset by dataset, for a plan: no value, no pseudonym.

    ConfigurationError when the detail is not what the contract lets be corrected; a hold is named by held_until.
    """
    correction = read_correction(house, "", detail)
    contract = house.catalogue.get("lake", CORRECTED)
    subjects = _find_subjects(house, CORRECTED, recognise_subject(house, subject))
    differing = find_differing(house.lake, contract, subjects, correction)
    hold = find_holds(house).get(CORRECTED)
    rows = {CORRECTED: differing.height, HISTORY: differing.height}
    return [
        {
            "table": table,
            "rows": count,
            "attribute": correction.attribute,
            "purpose": house.catalogue.get("lake", table).purpose,
            "retention": house.catalogue.get("lake", table).retention_days,
            "held_until": hold.ends_on.isoformat() if hold and table == CORRECTED else None,
        }
        for table, count in rows.items()
    ]


def correct_subject(house: House, request_id: str, subject: Subject, detail: Mapping[str, str]) -> CorrectionFacts:
    """Correct one attribute of a member's answers, exactly once for each request; holds the maintenance lock itself.

    The history is committed first and says for ever which answers are meant. ConfigurationError when the detail cannot
    be corrected, or a hold protects the answers.
    """
    correction = read_correction(house, request_id, detail)
    contract, history = (house.catalogue.get("lake", table) for table in (CORRECTED, HISTORY))
    known = recognise_subject(house, subject)
    subjects = _find_subjects(house, CORRECTED, known)
    with hold_maintenance(house.ledger), record_step("correct_subject", CORRECTED) as step:
        _require_free(house)
        note_history(
            house.lake,
            history,
            find_differing(house.lake, contract, subjects, correction),
            correction,
            house.now(),
        )
        noted = read_history(house.lake, history, _find_subjects(house, HISTORY, known), correction)
        corrected = apply_history(house.lake, contract, subjects, noted, correction)
        touch_dates(house.ledger, correction.batch, corrected.dates)
        purge_table(house.lake, contract)
        step.count(rows=corrected.row_count, dates=len(corrected.dates))
    return CorrectionFacts(corrected.row_count, corrected.hash_before, corrected.hash_after)


def read_correction(house: House, request_id: str, detail: Mapping[str, str]) -> Correction:
    """A correction as its request tells it: attribute, value, and event_date when only one day's answers are meant.

    The value is treated as one that is ingested. ConfigurationError when it would not be stored, and for any attribute
    that the contract does not call correctable; no message quotes what was asked for.
    """
    contract = house.catalogue.get("lake", CORRECTED)
    if not REQUIRED <= detail.keys() <= REQUIRED | OPTIONAL:
        raise ConfigurationError(
            "a correction needs attribute and value, and nothing else but event_date",
            hint="file it again with these",
        )
    columns = {column.name: column for column in contract.columns if column.is_correctable}
    column = columns.get(detail["attribute"])
    if column is None:
        raise ConfigurationError(
            f"this attribute of {CORRECTED} cannot be corrected", hint=f"name one of {', '.join(columns)}"
        )
    value = _read_value(house, contract, column, detail["value"])
    return Correction(request_id, column.name, value, _read_day(detail.get("event_date")))


def _read_value(house: House, contract: Contract, column: Column, text: str) -> str | int:
    """The value as ingestion would store it."""
    is_number = polars_schema(contract)[column.name].is_integer()
    value: str | int | None = text if len(text) <= LONGEST_VALUE else None
    if is_number:
        value = int(text) if WHOLE_NUMBER.fullmatch(text) else None
    stored = None if value is None else _treat(house, contract, column, value)
    is_listed = column.treatment_kind != "keep_listed" or stored == value
    if stored is None or not is_listed or (is_number and not _lies_within(column, int(stored))):
        raise ConfigurationError(
            f"the value asked for is none that {contract.name}.{column.name} may hold",
            hint=f"the contract says: {column.description}",
        )
    return stored


def _treat(house: House, contract: Contract, column: Column, value: str | int) -> str | int | None:
    source = column.origins[0].partition(".")[0]
    treatment = next(each for each in treatments(contract, source) if each.output == column.name)
    frame = pl.DataFrame({name: [value] for name in treatment.inputs})
    treated = treat_columns(frame, [treatment], Context(key=house.keyring.current(contract.key_purpose)))
    stored: str | int | None = treated[column.name].item()
    return stored


def _lies_within(column: Column, value: int) -> bool:
    limits = column.limits
    return bool(limits.get("minimum", value) <= value <= limits.get("maximum", value))


def _read_day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        raise ConfigurationError(
            "the event_date of a correction is no date", hint="write the day of the answer as YYYY-MM-DD"
        ) from None


def _require_free(house: House) -> None:
    hold = find_holds(house).get(CORRECTED)
    if hold:
        raise ConfigurationError(
            f"{CORRECTED} is held until {hold.ends_on}, so that nothing in it may be changed",
            hint="correct it once the hold is over or released, see `tokumei hold list`",
        )


def _find_subjects(house: House, table: str, subject: Subject) -> Subjects:
    return subjects_of_table(house.catalogue, table, {"": subject})[""]
