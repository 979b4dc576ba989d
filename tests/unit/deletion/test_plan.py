"""A plan says what will happen without saying to whom, and its digest changes exactly when that changes."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from anonymization.keyring import Keyring
from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Catalogue
from pipelines.control.holds import Hold
from pipelines.deletion.closure import Closure
from pipelines.deletion.plan import (
    add_everybody,
    count_devices,
    digest_plan,
    emptied_tables,
    is_same_plan,
    make_plan,
    rewritten_tables,
    subjects_of_table,
    summarise_plan,
    touched_dates,
)
from pipelines.deletion.request import SUBJECT_PURPOSES, identify_subject
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import Lake, open_lake
from pipelines.proof.scan import scan

DAY, NEXT_DAY = date(2026, 11, 20), date(2026, 11, 21)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def closures(keyring: Keyring) -> dict[str, Closure]:
    """Two requests: one of a member with a device of their own, one without."""
    first, second = (identify_subject(user, keyring) for user in ("u100000001", "u100000002"))
    return {
        "first": Closure(replace(first, devices={"usage": (b"D" * 16,)}), 1, 0, 2),
        "second": Closure(second),
    }


@pytest.fixture
def store(lake: Lake, catalogue: Catalogue):
    """Appends rows of users to a table, one batch a call."""

    def append(table: str, users: list[bytes], batch: str, day: date = DAY, **columns: object) -> None:
        contract = catalogue.get("lake", table)
        lies_by_user = contract.properties["bucketOf"] == "user_pseudonym"
        buckets = [user[0] % int(contract.properties["buckets"]) if lies_by_user else 0 for user in users]
        given = {"event_date": day, **columns}
        rows = pl.DataFrame({"user_pseudonym": users, "subject_bucket": buckets}).with_columns(
            pl.lit(value).alias(name) for name, value in given.items()
        )
        schema = polars_schema(contract)
        typed = rows.with_columns(
            pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in rows.columns
        )
        commit_parts(lake, contract, write_parts(lake, contract, typed.select(schema.names())), batch)

    return append


def test_plan_of_an_empty_lake_names_every_dataset_and_no_rows(lake: Lake, catalogue: Catalogue, closures):
    document = make_plan(lake, catalogue, closures)
    named = {(dataset["layer"], dataset["table"]) for dataset in document["datasets"]}
    declared = {(contract.layer, contract.name) for contract in catalogue.contracts if contract.layer != "sources"}
    assert named == declared | {("control", "account_facts")}
    assert {line["rows"] for line in summarise_plan(document)} == {0}
    assert touched_dates(document) == ()
    assert document["requests"][0] == {
        "request_id": "first",
        "own_devices": 1,
        "joint_devices": 0,
        "shared_devices": 2,
        "other_requests": 0,
    }
    assert count_devices(document) == {"own_devices": 1, "joint_devices": 0, "shared_devices": 2}


def test_plan_counts_rows_by_request_file_and_day(lake: Lake, catalogue: Catalogue, closures, store):
    first, second = (closures[name].subject.users["usage"] for name in ("first", "second"))
    store("page_views", [*first, b"o" * 16, second[1]], "a")
    store("page_views", [b"o" * 16], "b", device_pseudonym=b"D" * 16)
    store("page_views", [b"o" * 16], "c", NEXT_DAY)
    store("survey_responses", [closures["first"].subject.users["satisfaction"][0]], "d", NEXT_DAY)
    document = make_plan(lake, catalogue, closures)
    [views] = [dataset for dataset in document["datasets"] if dataset["table"] == "page_views"]
    assert views["rows"] == {"first": 3, "second": 1}
    assert (views["version"], views["stored_rows"], views["stored_files"], views["row_count"]) == (3, 6, 3, 4)
    assert sorted(file["rows"] for file in views["files"]) == [1, 3]
    assert touched_dates(document) == (DAY, NEXT_DAY)
    assert "page_views" in rewritten_tables(document)
    assert "searches" not in rewritten_tables(document)


def test_digest_is_stable_across_order_and_storage(lake: Lake, catalogue: Catalogue, closures, store):
    store("page_views", list(closures["first"].subject.users["usage"]), "a")
    document = make_plan(lake, catalogue, closures)
    turned = make_plan(lake, catalogue, dict(reversed(closures.items())))
    assert digest_plan(document) == digest_plan(turned) == digest_plan(json.loads(json.dumps(document)))
    assert len(digest_plan(document)) == 64


def test_digest_changes_with_a_file_a_hit_a_request_a_device_or_a_contract(
    lake: Lake, catalogue: Catalogue, closures, store
):
    user = closures["first"].subject.users["usage"][0]
    digests = [digest_plan(make_plan(lake, catalogue, closures))]
    store("page_views", [user], "a")
    digests.append(digest_plan(make_plan(lake, catalogue, closures)))
    store("page_views", [user], "b")
    digests.append(digest_plan(make_plan(lake, catalogue, closures)))
    digests.append(digest_plan(make_plan(lake, catalogue, {"first": closures["first"]})))
    shared = {**closures, "second": replace(closures["second"], shared_device_count=1)}
    digests.append(digest_plan(make_plan(lake, catalogue, shared)))
    newer = replace(catalogue.contracts[0], version="9.9.9")
    digests.append(
        digest_plan(make_plan(lake, replace(catalogue, contracts=(newer, *catalogue.contracts[1:])), closures))
    )
    assert len(set(digests)) == len(digests)


def test_rows_of_others_change_the_version_and_the_digest_and_nothing_that_the_plan_does(
    lake: Lake, catalogue: Catalogue, closures, store
):
    store("page_views", [closures["first"].subject.users["usage"][0]], "a")
    before = make_plan(lake, catalogue, closures)
    store("page_views", [b"o" * 16], "b")
    after = make_plan(lake, catalogue, closures)
    assert digest_plan(after) != digest_plan(before)
    assert is_same_plan(after, json.loads(json.dumps(before)))


@pytest.mark.parametrize("change", [{"version": "9.9.9"}, {"properties": {"deletionStrategy": "exempt"}}])
def test_plan_is_another_one_once_a_contract_changed(
    lake: Lake, catalogue: Catalogue, closures, store, change: dict[str, object]
):
    before = make_plan(lake, catalogue, closures)
    views = catalogue.get("lake", "page_views")
    changed = replace(views, **{**change, "properties": {**views.properties, **change.get("properties", {})}})
    others = tuple(contract for contract in catalogue.contracts if contract != views)
    assert not is_same_plan(make_plan(lake, Catalogue((changed, *others)), closures), before)


def test_row_that_two_requests_are_about_counts_for_both_and_once_in_all(
    lake: Lake, catalogue: Catalogue, closures, store
):
    same = dict.fromkeys(("first", "again"), closures["first"])
    store("page_views", [closures["first"].subject.users["usage"][0], b"o" * 16], "a")
    [views] = [each for each in make_plan(lake, catalogue, same)["datasets"] if each["table"] == "page_views"]
    assert (views["rows"], views["row_count"]) == ({"first": 1, "again": 1}, 1)
    assert [line["rows"] for line in summarise_plan(make_plan(lake, catalogue, same))].count(1) == 1


def test_held_table_is_left_as_it_is_and_says_on_what_basis_until_when(
    lake: Lake, catalogue: Catalogue, closures, store
):
    store("page_views", [closures["first"].subject.users["usage"][0]], "a")
    hold = Hold("id", "page_views", "case 7", date(2027, 3, 31), datetime(2026, 11, 22, tzinfo=UTC), "officer")
    document = make_plan(lake, catalogue, closures, {"page_views": hold, "quarantined_lines": hold})
    [views] = [dataset for dataset in document["datasets"] if dataset["table"] == "page_views"]
    assert (views["strategy"], views["legal_basis"], views["held_until"]) == ("held", "case 7", "2027-03-31")
    assert (views["rows"], views["row_count"], views["files"], views["kept_rows"]) == ({}, 0, [], 1)
    assert touched_dates(document) == ()
    assert not {"page_views", "quarantined_lines"} & {*rewritten_tables(document), *emptied_tables(document)}
    assert not is_same_plan(document, make_plan(lake, catalogue, closures)), "a released hold asks for a new plan"


def test_facts_in_the_ledger_are_rows_of_the_plan(lake: Lake, catalogue: Catalogue, closures):
    ledger = make_plan(lake, catalogue, closures, fact_counts={"first": 1, "second": 0})["datasets"][-1]
    assert (ledger["table"], ledger["rows"], ledger["row_count"]) == ("account_facts", {"first": 1}, 1)


def test_document_grows_with_requests_and_files_and_not_with_their_product(
    lake: Lake, catalogue: Catalogue, keyring: Keyring, store
):
    subjects = {str(number): identify_subject(f"u{number:09}", keyring) for number in range(200)}
    for batch in "abcdefgh":
        store("page_views", [subject.users["usage"][0] for subject in subjects.values()], batch)
    closures = {name: Closure(subject) for name, subject in subjects.items()}
    assert len(json.dumps(make_plan(lake, catalogue, closures))) < 200 * 250 + 8 * 500 + 10_000


def test_plan_holds_no_pseudonym_in_any_form(lake: Lake, catalogue: Catalogue, closures, store, tmp_path: Path):
    subjects = [closure.subject for closure in closures.values()]
    pseudonyms = [
        value for subject in subjects for purpose in SUBJECT_PURPOSES for value in subject.pseudonyms(purpose)
    ]
    store("page_views", [value for subject in subjects for value in subject.users["usage"]], "a")
    written = tmp_path / "plan"
    written.mkdir()
    (written / "plan.json").write_text(json.dumps(make_plan(lake, catalogue, closures)))
    assert scan([written], pseudonyms).clean


def test_everybody_is_one_more_request_with_each_pseudonym_once():
    requests = {"a": {"user_pseudonym": (b"1", b"2")}, "b": {"user_pseudonym": (b"2",), "device_pseudonym": (b"3",)}}
    together = add_everybody(requests)["everybody"]
    assert together == {"user_pseudonym": (b"1", b"2"), "device_pseudonym": (b"3",)}
    assert add_everybody({}) == {"everybody": {}}


def test_links_are_searched_for_every_purpose_and_events_for_their_own(catalogue: Catalogue, closures):
    subjects = {name: closure.subject for name, closure in closures.items()}
    links = subjects_of_table(catalogue, "identity_links", subjects)["first"]
    every = [value for values in subjects["first"].users.values() for value in values]
    assert sorted(links["user_pseudonym"]) == sorted(every)
    surveys = subjects_of_table(catalogue, "survey_responses", subjects)["first"]
    assert surveys == {"user_pseudonym": subjects["first"].users["satisfaction"]}


def test_plan_leaves_a_held_table_out_and_says_on_what_basis_until_when(
    lake: Lake, catalogue: Catalogue, closures, store
):
    store("page_views", list(closures["first"].subject.users["usage"]), "a")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    held = {
        name: Hold(name, name, "case 7", DAY, now, "officer")
        for name in ("page_views", "quarantined_lines", "searches")
    }
    document = make_plan(lake, catalogue, closures, held)
    strategies = {dataset["table"]: dataset["strategy"] for dataset in document["datasets"]}
    assert {name for name, strategy in strategies.items() if strategy == "held"} == {"page_views", "quarantined_lines"}
    [views] = [dataset for dataset in document["datasets"] if dataset["table"] == "page_views"]
    assert (views["legal_basis"], views["held_until"]) == ("case 7", "2026-11-20")
    assert "page_views" not in rewritten_tables(document)
    assert emptied_tables(document) == ()
    assert touched_dates(document) == ()
    assert digest_plan(document) != digest_plan(make_plan(lake, catalogue, closures))
