"""Whatever answers there are and whoever corrects them, the table says what an oracle says, and the history adds up."""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.correct import Correction, apply_history, find_differing, note_history, read_history
from pipelines.lake.layout import live_files, open_lake, open_table
from pipelines.lake.rewrite import multiset_hash
from pipelines.lake.subject_rows import read_held
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
ANSWERS, HISTORY = (CATALOGUE.get("lake", name) for name in ("survey_responses", "survey_corrections"))
DAYS = (date(2026, 11, 20), date(2026, 11, 21))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
PEOPLE = range(4)
SCORES = st.one_of(st.none(), st.integers(1, 5))

answers = st.tuples(st.one_of(st.none(), st.sampled_from(PEOPLE)), st.sampled_from(DAYS), SCORES)
corrections = st.tuples(st.sampled_from(PEOPLE), st.integers(1, 5), st.one_of(st.none(), st.sampled_from(DAYS)))


def make_answer(number: int, person: int | None, day: date, csat: int | None) -> dict[str, object]:
    named = {column.name: "text" if column.physical_type == "string" else None for column in ANSWERS.columns}
    row = {"event_date": day, "subject_bucket": (person or 0) % 2, "csat": csat, "line_number": number + 1}
    return named | row | {"user_pseudonym": None if person is None else bytes([person]) * 16}


def read_all(lake, contract) -> pl.DataFrame:
    everybody = {"user_pseudonym": [bytes([person]) * 16 for person in PEOPLE]}
    held = [rows for _, rows in read_held(lake, contract, everybody)]
    return pl.concat([pl.DataFrame(schema=polars_schema(contract)), *held])


def carry_out(lake, person: int, correction: Correction) -> int:
    subjects = {"user_pseudonym": [bytes([person]) * 16]}
    note_history(lake, HISTORY, find_differing(lake, ANSWERS, subjects, correction), correction, NOW)
    noted = read_history(lake, HISTORY, subjects, correction)
    corrected = apply_history(lake, ANSWERS, subjects, noted, correction)
    assert corrected.hash_before == corrected.hash_after
    return corrected.row_count


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(given_answers=st.lists(answers, max_size=20), asked=st.lists(corrections, max_size=4))
def test_corrections_one_after_another_say_what_an_oracle_says(given_answers, asked):
    expected = [make_answer(number, *answer) for number, answer in enumerate(given_answers)]
    noted = []
    with tempfile.TemporaryDirectory() as directory:
        lake = open_lake(str(Path(directory) / "lake"))
        parts = write_parts(lake, ANSWERS, pl.DataFrame(expected, schema=polars_schema(ANSWERS)))
        commit_parts(lake, ANSWERS, parts, "batch")
        for number, (person, csat, day) in enumerate(asked):
            wrong = [row for row in expected if is_wrong(row, person, csat, day)]
            noted += [(f"r{number}", row["line_number"], row["csat"], csat) for row in wrong]
            for row in wrong:
                row["csat"] = csat
            correction = Correction(f"r{number}", "csat", csat, day)
            assert [carry_out(lake, person, correction) for _ in range(2)] == [len(wrong)] * 2
        stored, history = read_all(lake, ANSWERS), read_all(lake, HISTORY)
        row_count = sum(file.row_count for file in live_files(open_table(lake, ANSWERS)))
    named = [row for row in expected if row["user_pseudonym"] is not None]
    stored = stored.filter(pl.col("user_pseudonym").is_not_null())
    assert multiset_hash(stored) == multiset_hash(pl.DataFrame(named, schema=stored.schema))
    assert row_count == len(expected)
    told = history.select("request_id", "line_number", "old_value", "new_value").rows()
    assert sorted(told) == sorted((name, line, old and str(old), str(new)) for name, line, old, new in noted)


def is_wrong(row: dict[str, object], person: int, csat: int, day: date | None) -> bool:
    is_meant = row["user_pseudonym"] == bytes([person]) * 16 and day in (None, row["event_date"])
    return is_meant and row["csat"] != csat
