"""What is told of each dataset has words in both languages, a documented structure, and every source and reason."""

import json
import string
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import jsonschema
import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Catalogue
from pipelines.deletion.disclosure.datasets import (
    Disclosure,
    describe_ledger,
    describe_tables,
    is_shown,
    list_unattributable,
)
from pipelines.deletion.disclosure.document import read_schema, write_document
from pipelines.deletion.disclosure.ledger import LEDGER_DATASETS
from pipelines.deletion.disclosure.page import Wording, read_texts
from pipelines.languages import LANGUAGES

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


def disclose(catalogue: Catalogue, **rows: list[dict[str, object]]) -> Disclosure:
    contracts = {contract.name: contract for contract in catalogue.layer("lake") if contract.subject_keys}
    tables = {name: pl.DataFrame(rows.get(name, []), schema=polars_schema(each)) for name, each in contracts.items()}
    ledger = describe_ledger({name: rows.get(name, []) for name in LEDGER_DATASETS})
    return Disclosure(
        request_id="6f0c7a52-2b0e-5d6b-9c1e-6c1f3b0a9d11",
        made_at=NOW,
        timezone="Asia/Tokyo",
        datasets=(*describe_tables(catalogue, tables, []), *ledger),
        unattributable=list_unattributable(catalogue),
    )


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_exists_in_both_languages_with_the_same_places_to_fill_in():
    english, japanese = (read_texts()[language] for language in LANGUAGES)
    assert english.keys() == japanese.keys()
    for key in english:
        assert english[key].strip()
        assert japanese[key].strip()
        assert places(english[key]) == places(japanese[key]), key


def test_every_table_column_and_source_has_a_word_and_no_word_is_left_over(catalogue: Catalogue):
    disclosure = disclose(catalogue)
    tables = {dataset.table for dataset in disclosure.datasets}
    columns = {each.name for dataset in disclosure.datasets for each in (*dataset.shown, *dataset.withheld)}
    others = {each.table for each in disclosure.unattributable if each.layer == "lake"}
    sources = {source.name for dataset in disclosure.datasets for source in dataset.sources}
    words = {
        kind: {key.partition(".")[2] for key in read_texts()["en"] if key.startswith(f"{kind}.")} for kind in KINDS
    }
    assert words == {"table": tables, "purpose": tables, "column": columns, "other": others, "source": sources}


KINDS = ("table", "purpose", "column", "other", "source")


def test_pseudonyms_and_marks_of_rows_are_named_and_not_shown(catalogue: Catalogue):
    hidden = {column.name for each in catalogue.layer("lake") for column in each.columns if not is_shown(column)}
    assert {"user_pseudonym", "key_id", "encrypted_address", "file_id", "sealed_line"} <= hidden
    for dataset in disclose(catalogue).datasets:
        assert not hidden & set(dataset.rows.columns)
        assert dataset.rows.columns == [each.name for each in dataset.shown]


def test_document_has_the_structure_that_its_schema_describes_and_writes_times_by_iso_8601(catalogue: Catalogue):
    answer = {"event_date": date(2026, 11, 22), "csat": 4, "comment": "</script>\u2028\x00", "survey_id": "autumn"}
    document = json.loads(write_document(disclose(catalogue, survey_responses=[answer], requests=[REQUEST])))
    jsonschema.validate(document, read_schema())
    tables = {each["table"]: each for each in document["datasets"]}
    [told] = tables["survey_responses"]["rows"]
    assert (told["event_date"], told["csat"], told["comment"]) == ("2026-11-22", 4, "</script>\u2028\x00")
    assert tables["requests"]["rows"][0]["requested_at"] == "2026-11-22T15:30:00Z"
    assert document["made_at"] == "2026-11-22T15:30:00Z"


REQUEST = {"request_id": "r", "kind": "access", "channel": "web", "requested_at": NOW, "state": "received"}
REQUEST |= {"reason": None, "due_on": date(2026, 12, 6), "completed_at": None}


def test_schema_refuses_what_it_does_not_describe(catalogue: Catalogue):
    document = json.loads(write_document(disclose(catalogue)))
    for broken in (document | {"extra": 1}, document | {"format": "tokumei-access-export/2"}, {"datasets": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, read_schema())


def test_marts_and_tables_without_people_are_told_of_with_the_reason(catalogue: Catalogue):
    others = {each.table: each for each in disclose(catalogue).unattributable}
    assert {each.layer for each in others.values()} >= {"lake", "marts"}
    assert others["searches"].reason == "anonymised on ingestion; no row relates to a person"
    assert all(each.reason for each in others.values())


@pytest.mark.parametrize(
    ("value", "english", "japanese"),
    [
        (None, "—", "－"),
        (True, "Yes", "はい"),
        (12345, "12,345", "12,345"),
        (date(2026, 11, 22), "Nov 22, 2026", "2026/11/22"),
        (NOW, "Nov 23, 2026 00:30:00", "2026/11/23 00:30:00"),
        ("{0.__class__}", "{0.__class__}", "{0.__class__}"),
    ],
)
def test_values_are_written_as_their_readers_expect(value: object, english: str, japanese: str):
    assert [Wording(language, TOKYO).value(value) for language in LANGUAGES] == [english, japanese]
