"""Told of a deletion are exactly those who have rows of its datasets and days, or figures made of them."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from anonymization.keyring import new_keyring
from pipelines.contracts.model import load_catalogue
from pipelines.control.recipients import Export
from pipelines.deletion.exports import describe_notice, find_touched_exports
from pipelines.deletion.request import identify_subject
from pipelines.settings import REPOSITORY
from pipelines.warehouse.periods import Reach

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = date(2026, 11, 1)
CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
TABLES = [contract.name for contract in CATALOGUE.layer("lake") if contract.deletion_strategy == "delete"]
INPUTS = {mart.name: mart.properties["inputs"] for mart in CATALOGUE.layer("marts")}
KEYRING = new_keyring(NOON)
SUBJECTS = {"r-1": identify_subject("u100000001", KEYRING), "r-2": identify_subject("u100000002", KEYRING)}

days = st.integers(0, 9).map(lambda number: FIRST + timedelta(days=number))
# What is deleted, as the oracle knows it: whose row, of which table, on which day.
deletions = st.sets(st.tuples(st.sampled_from(sorted(SUBJECTS)), st.sampled_from(TABLES), days), max_size=5)
datasets = st.sampled_from([("lake", table) for table in TABLES] + [("marts", mart) for mart in INPUTS])
spans = st.tuples(days, days).map(sorted)


def make_export(dataset: tuple[str, str], span: list[date], number: int = 0, **changes: object) -> Export:
    facts = {"recipient_id": "agency", "kind": "hand_over", "purpose": "research", "fields": ("event_date",)}
    content = {"row_count": 1, "content_digest": "ab" * 32, "exported_at": NOON, "exported_by": "analyst"}
    where = {"layer": dataset[0], "dataset": dataset[1], "first_date": span[0], "last_date": span[1]}
    return Export(**{"export_id": f"e-{number}", **facts, **content, **where, **changes})


def make_document(deleted: set[tuple[str, str, date]]) -> dict[str, object]:
    """A plan's document as far as it tells of rows, one file for each table and day."""
    return {"datasets": [describe_table(table, deleted) for table in TABLES]}


def describe_table(table: str, deleted: set[tuple[str, str, date]]) -> dict[str, object]:
    mine = [(who, day) for who, where, day in deleted if where == table]
    files = [{"path": f"event_date={day}/subject_bucket=3/part.parquet", "rows": 1} for day in {day for _, day in mine}]
    rows = {who: 1 for who, _ in mine}
    return {"table": table, "layer": "lake", "strategy": "delete", "stored_rows": 9, "rows": rows, "files": files}


def holds_row(export: Export, table: str, day: date) -> bool:
    """The oracle: whether a row of a table and day is in an export, or behind a figure in it."""
    is_made_of = export.dataset == table if export.layer == "lake" else f"lake.{table}" in INPUTS[export.dataset]
    handed_over = {export.first_date + timedelta(days=number) for number in range(10)}
    return is_made_of and day in {each for each in handed_over if each <= export.last_date}


@given(deletions, st.lists(st.tuples(datasets, spans), max_size=6))
def test_touched_are_the_exports_that_hold_a_deleted_row(deleted, drawn):
    exports = [make_export(dataset, span, number) for number, (dataset, span) in enumerate(drawn)]
    found = find_touched_exports(make_document(deleted), CATALOGUE, exports)
    expected = [export for export in exports if any(holds_row(export, table, day) for _, table, day in deleted)]
    assert list(found) == expected


@given(deletions, st.lists(st.tuples(datasets, spans), max_size=6))
def test_nobody_who_holds_a_members_row_is_missing_from_that_members_certificate(deleted, drawn):
    """Days are known of all members together, so another's day may count too, but only in a table that both are in."""
    exports = [make_export(dataset, span, number) for number, (dataset, span) in enumerate(drawn)]
    everybody = {export.export_id for export in find_touched_exports(make_document(deleted), CATALOGUE, exports)}
    for member in SUBJECTS:
        found = {each.export_id for each in find_touched_exports(make_document(deleted), CATALOGUE, exports, member)}
        mine = [(table, day) for who, table, day in deleted if who == member]
        theirs = {export.export_id for export in exports if any(holds_row(export, *where) for where in mine)}
        assert theirs <= found <= everybody
        assert bool(mine) or not found


@given(st.sampled_from(sorted(INPUTS)), days, st.integers(0, 40))
def test_events_behind_a_marts_row_are_those_that_reach_it(mart: str, period: date, distance: int):
    contract = CATALOGUE.get("marts", mart)
    around = contract.properties.get("reach", {"before": 0, "after": 0})
    reach = Reach(contract.properties["period"] == "week", around["before"], around["after"])
    start = min(reach.find_periods([period]))
    event = start - timedelta(days=20) + timedelta(days=distance)
    read = reach.find_read([start])
    assert (min(read) <= event <= max(read)) == (start in reach.find_reached([event]))


def test_emptied_table_touches_every_export_of_it_while_anything_is_in_it():
    export = make_export(("lake", "quarantined_lines"), [FIRST, FIRST])
    emptied = {"table": "quarantined_lines", "layer": "lake", "strategy": "empty", "rows": {}, "files": []}
    for stored, found in ((0, ()), (3, (export,))):
        document = {"datasets": [{**emptied, "stored_rows": stored}]}
        assert find_touched_exports(document, CATALOGUE, [export]) == found


def test_export_of_a_dataset_that_has_no_contract_any_more_counts_as_made_of_everything():
    deleted = {("r-1", "page_views", FIRST)}
    gone = make_export(("marts", "gone_daily"), [FIRST, FIRST])
    assert find_touched_exports(make_document(deleted), CATALOGUE, [gone]) == (gone,)


def test_held_table_touches_nothing_until_it_is_rewritten():
    held = {"table": "page_views", "layer": "lake", "strategy": "held", "stored_rows": 9, "rows": {}, "files": []}
    export = make_export(("lake", "page_views"), [FIRST, FIRST])
    assert find_touched_exports({"datasets": [held]}, CATALOGUE, [export]) == ()


def test_notice_names_pseudonyms_of_the_datasets_own_purpose_and_of_columns_that_were_handed_over():
    export = make_export(("lake", "survey_responses"), [FIRST, FIRST], fields=("event_date", "user_pseudonym", "csat"))
    notice = describe_notice("n-1", export, CATALOGUE, SUBJECTS)
    expected = sorted(value.hex() for subject in SUBJECTS.values() for value in subject.users["satisfaction"])
    assert (notice["requested"], notice["pseudonyms"]) == ("delete", {"user_pseudonym": expected})
    assert (notice["notice_id"], notice["dataset"]) == ("n-1", "lake.survey_responses")


def test_notice_names_no_pseudonym_of_what_was_handed_over_without_any():
    layers = (("lake", "page_views"), ("marts", "usage_daily"), ("lake", "searches"))
    exports = [make_export(dataset, [FIRST, FIRST]) for dataset in layers]
    released = make_export(("lake", "page_views"), [FIRST, FIRST], kind="release", fields=("user_pseudonym",))
    for export in (*exports, released):
        notice = describe_notice("n-1", export, CATALOGUE, SUBJECTS)
        assert (notice["requested"], "pseudonyms" in notice) == ("replace", False)
