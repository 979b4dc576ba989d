"""Every contract of the house loads, and every rule of the lint refuses what breaks it."""

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts.lint import check_document
from pipelines.contracts.model import load_catalogue, load_contract, read_document
from pipelines.errors import ContractInvalidError, UntreatedColumnError
from pipelines.quality.rules import compile_rules

CONTRACTS = Path(__file__).parents[2] / "data_contracts"
PATHS = sorted(CONTRACTS.glob("*/*.odcs.yaml"))
PAGE_VIEWS, SEARCHES = CONTRACTS / "lake/page_views.odcs.yaml", CONTRACTS / "lake/searches.odcs.yaml"
QUARANTINE = CONTRACTS / "lake/quarantined_lines.odcs.yaml"
ACCESS, USAGE = CONTRACTS / "sources/access.odcs.yaml", CONTRACTS / "marts/usage_daily.odcs.yaml"
CELLS = CONTRACTS / "marts/usage_by_environment_daily.odcs.yaml"
ANSWERS = CONTRACTS / "marts/satisfaction_weekly.odcs.yaml"
VISITORS = {"count": "visitors", "whole": 1}

Document = dict[str, Any]
Change = Callable[[Document], None]
ABSENT = object()
ROUTE = "schema/page_views/properties/route"


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.odcs.yaml')}"


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_contract_loads_and_each_of_its_rules_can_be_measured(path: Path):
    contract = load_contract(path)

    assert compile_rules(contract).schema.names() == [column.name for column in contract.columns]


def test_catalogue_holds_every_source_and_lake_table_of_the_house():
    catalogue = load_catalogue(CONTRACTS)

    assert len(catalogue.contracts) == len(PATHS)
    assert {contract.name for contract in catalogue.layer("sources")} == {
        *("access", "devices", "searches", "surveys", "accounts", "requests"),
    }
    assert {contract.name for contract in catalogue.layer("lake")} == {
        *("page_views", "device_events", "searches", "survey_responses", "survey_corrections"),
        *("security_events", "identity_links", "rejected_lines", "quarantined_lines"),
    }


def of_document(**values: object) -> Change:
    """Set, or with ABSENT remove, keys of the document."""
    return lambda document: assign(document, values)


def of_table(**values: object) -> Change:
    return lambda document: assign(document["schema"][0], values)


def of_column(name: str, /, **values: object) -> Change:
    return lambda document: assign(find_column(document, name), values)


def promise(**values: object) -> Change:
    """Set or remove custom properties of the table."""
    return lambda document: assign_custom(document["schema"][0], values)


def promise_of_column(name: str, /, **values: object) -> Change:
    return lambda document: assign_custom(find_column(document, name), values)


def retention(**values: object) -> Change:
    return lambda document: assign(document["slaProperties"][0], values)


def find_column(document: Document, name: str) -> Document:
    return next(column for column in document["schema"][0]["properties"] if column["name"] == name)


def assign(target: Document, values: Mapping[str, object]) -> None:
    for key, value in values.items():
        target[key] = value
        if value is ABSENT:
            del target[key]


def assign_custom(target: Document, values: Mapping[str, object]) -> None:
    kept = {item["property"]: item["value"] for item in target["customProperties"]} | values
    target["customProperties"] = [
        {"property": key, "value": value} for key, value in kept.items() if value is not ABSENT
    ]


def repeat_table(document: Document) -> None:
    document["schema"].append(deepcopy(document["schema"][0]))


def repeat_column(document: Document) -> None:
    document["schema"][0]["properties"].append(deepcopy(find_column(document, "route")))


def repeat_property(document: Document) -> None:
    document["schema"][0]["customProperties"].append({"property": "policyClause", "value": "satisfaction"})


def repeat_property_of_column(document: Document) -> None:
    find_column(document, "route")["customProperties"].append({"property": "treatment", "value": {"kind": "derive"}})


def repeat_retention(document: Document) -> None:
    document["slaProperties"].append(deepcopy(document["slaProperties"][0]))


REFUSALS = [
    # A misspelt promise is no promise.
    (SEARCHES, promise(minimumPeeple=10), "minimumPeeple", "is not a property that the house knows"),
    (ACCESS, promise_of_column("client_ip", identifierSort="address"), "client_ip/identifierSort", "is not a property"),
    (ACCESS, promise_of_column("status_code", correctable=True), "status_code", "correctable belongs to columns of"),
    (PAGE_VIEWS, promise_of_column("page_group", correctable=True), "page_group", "correctable belongs to columns of"),
    (PAGE_VIEWS, promise_of_column("method", correctable="yes"), "method", "correctable must be true or false"),
    # The ODCS v3.1.0 schema.
    (PAGE_VIEWS, of_document(owner="someone"), "(document)", "owner is not a key of ODCS v3.1.0"),
    (PAGE_VIEWS, of_document(owner=1, wards=2), "(document)", "wards is not a key of ODCS v3.1.0"),
    (PAGE_VIEWS, of_document(team={"lead": "a"}), "team", "lead is not a key of ODCS v3.1.0"),
    (PAGE_VIEWS, of_table(rows=5), "schema/page_views", "rows is not a key of ODCS v3.1.0"),
    (PAGE_VIEWS, of_column("route", personalDataTreatment="keep"), ROUTE, "personalDataTreatment is not a key of ODCS"),
    (
        PAGE_VIEWS,
        of_column("route", logicalTypeOptions={"minimum": 1}),
        f"{ROUTE}/logicalTypeOptions",
        "minimum is not",
    ),
    (PAGE_VIEWS, retention(days=5), "slaProperties/retention", "days is not a key of ODCS v3.1.0"),
    (PAGE_VIEWS, of_column("route", logicalType="text"), f"{ROUTE}/logicalType", "ODCS schema: breaks enum"),
    (PAGE_VIEWS, of_column("route", description=5), f"{ROUTE}/description", "ODCS schema: breaks type string"),
    (PAGE_VIEWS, of_document(version=ABSENT), "(document)", "ODCS schema: lacks version"),
    (PAGE_VIEWS, of_document(schema=None), "schema", "ODCS schema: breaks type array"),
    # The document.
    (PAGE_VIEWS, of_document(apiVersion="v3.0.2"), "apiVersion", "must be v3.1.0"),
    (PAGE_VIEWS, of_document(name="views"), "name", "must equal the file's stem"),
    (PAGE_VIEWS, of_document(version="1.0"), "version", "must be MAJOR.MINOR.PATCH"),
    (PAGE_VIEWS, of_document(description={"usage": "any"}), "description/purpose", "is required"),
    (PAGE_VIEWS, of_document(team={"members": [{"username": "a", "role": "guest"}]}), "team/members", "needs an owner"),
    (PAGE_VIEWS, of_document(team=ABSENT), "team/members", "needs an owner"),
    (PAGE_VIEWS, of_document(team=[{"username": "a", "role": "owner"}]), "team/members", "needs an owner"),
    # The table.
    (PAGE_VIEWS, of_document(schema=ABSENT), "schema", "must hold exactly one table with columns"),
    (PAGE_VIEWS, repeat_table, "schema", "must hold exactly one table with columns"),
    (PAGE_VIEWS, of_table(properties=ABSENT), "schema", "must hold exactly one table with columns"),
    (PAGE_VIEWS, of_table(dataGranularityDescription=ABSENT), "schema/dataGranularityDescription", "is required"),
    # What is promised for it.
    (PAGE_VIEWS, promise(policyClause="curiosity"), "policyClause", "must be one of accountability,"),
    (PAGE_VIEWS, promise(form="raw"), "form", "must be one of anonymised, pseudonymised"),
    (USAGE, promise(form="pseudonymised"), "form", "must be one of anonymised"),
    (ACCESS, promise(form=ABSENT), "form", "must be one of raw"),
    (
        PAGE_VIEWS,
        promise(deletionStrategy="hope"),
        "deletionStrategy",
        "must be one of delete, empty, exempt, expire, recompute",
    ),
    (SEARCHES, promise(deletionReason=ABSENT), "deletionReason", "is required beside exempt"),
    (PAGE_VIEWS, promise(deletionStrategy="exempt"), "deletionStrategy", "must be delete for a pseudonymised table"),
    (PAGE_VIEWS, promise(deletionStrategy="empty"), "deletionStrategy", "empty belongs to a sealed table"),
    (QUARANTINE, promise(deletionStrategy="expire"), "deletionStrategy", "empty belongs to a sealed table"),
    (QUARANTINE, promise(deletionReason=ABSENT), "deletionReason", "is required beside empty"),
    (QUARANTINE, of_column("sealed_line", physicalType="string"), "sealed_line", "must be pseudonymised or encrypted"),
    (ACCESS, promise(quarantine={"days": 0}), "quarantine", "must be a mapping of days"),
    (PAGE_VIEWS, promise(quarantine={"days": 7}), "quarantine", "is a property of sources"),
    (PAGE_VIEWS, promise(deletionStrategy="expire"), "deletionStrategy", "must be delete for a pseudonymised table"),
    (PAGE_VIEWS, promise(subjectKeys=ABSENT), "subjectKeys", "a pseudonymised table needs subjectKeys and keyPurpose"),
    (PAGE_VIEWS, promise(keyPurpose=ABSENT), "subjectKeys", "a pseudonymised table needs subjectKeys and keyPurpose"),
    (PAGE_VIEWS, promise(subjectKeys=["who"]), "subjectKeys", "names no column who"),
    (PAGE_VIEWS, promise(partitionBy=["event_date", "who"]), "partitionBy", "names no column who"),
    (PAGE_VIEWS, promise(bucketOf="who"), "bucketOf", "names no column who"),
    (USAGE, promise(primaryKey=["who"]), "primaryKey", "names no column who"),
    (USAGE, promise(peopleColumn="who"), "peopleColumn", "names no column who"),
    (USAGE, promise(periodColumn="who"), "periodColumn", "names no column who"),
    (
        ACCESS,
        promise(parameters=[{"name": "Q", "pattern": "^[a-z]$"}]),
        "parameters",
        "must be a list of name, of no se",
    ),
    (
        ACCESS,
        promise(parameters=[{"name": "a", "pattern": "[a-z]"}]),
        "parameters",
        "must be a list of name, of no sear",
    ),
    (ACCESS, promise(parameters=[{"name": "a"}]), "parameters", "must be a list of name, of no search parameter, and"),
    (PAGE_VIEWS, promise(visitorKeyDays=0), "visitorKeyDays", "must be a whole number from 1 to 31"),
    (PAGE_VIEWS, promise(botRates={"perMinute": 60}), "botRates", "must be a mapping of perMinute, perHour, uncounted"),
    (PAGE_VIEWS, promise(buckets=ABSENT), "buckets", "is required beside bucketOf"),
    (PAGE_VIEWS, promise(feeds="ledger"), "feeds", "is a property of sources"),
    (ACCESS, promise(feeds="lake"), "feeds", "must be one of ledger"),
    (ACCESS, promise(formats=ABSENT), "formats", "must be a list"),
    (USAGE, promise(inputs=ABSENT), "inputs", "must be a list of names"),
    (USAGE, promise(reach={"before": 1}), "reach", "must be a mapping of before, after"),
    (PAGE_VIEWS, repeat_property, "policyClause", "is given twice as a custom property"),
    (PAGE_VIEWS, repeat_property_of_column, "route/treatment", "is given twice as a custom property"),
    # Values of a wrong type.
    (PAGE_VIEWS, promise(policyClause=["usage-analysis"]), "policyClause", "must be one of accountability,"),
    (PAGE_VIEWS, promise(form=["pseudonymised"]), "form", "must be one of anonymised, pseudonymised"),
    (PAGE_VIEWS, promise(deletionStrategy={"delete": True}), "deletionStrategy", "must be one of delete,"),
    (PAGE_VIEWS, promise(subjectKeys=5), "subjectKeys", "must be a list of names"),
    (PAGE_VIEWS, promise(subjectKeys=[["user_pseudonym"]]), "subjectKeys", "must be a list of names"),
    (PAGE_VIEWS, promise(partitionBy=None), "partitionBy", "must be a list of names"),
    (PAGE_VIEWS, promise(partitionBy="event_date"), "partitionBy", "must be a list of names"),
    (PAGE_VIEWS, promise(bucketOf=[]), "bucketOf", "must be a text"),
    (PAGE_VIEWS, promise(buckets=True), "buckets", "must be a whole number from 1 to 256"),
    (SEARCHES, promise(minimumPeople="ten"), "minimumPeople", "must be a whole number from 1"),
    (SEARCHES, promise(deletionReason=True), "deletionReason", "must be a text"),
    (USAGE, promise(period="month"), "period", "must be one of day, week"),
    (ACCESS, promise(maximumRejectPercent=101), "maximumRejectPercent", "must be a number from 0 to 100"),
    (ACCESS, promise(maximumRejectPercent=math.nan), "maximumRejectPercent", "must be a number from 0 to 100"),
    (ACCESS, promise(routes=[{"pattern": "^/$"}]), "routes", "a mapping of pattern, route, group, page"),
    (ACCESS, promise_of_column("user_id", identifierKind=["user"]), "user_id", "needs identifierKind, a text"),
    # How long it is kept.
    (
        PAGE_VIEWS,
        of_document(slaProperties=ABSENT),
        "slaProperties/retention",
        "exactly one is required, in whole days",
    ),
    (PAGE_VIEWS, repeat_retention, "slaProperties/retention", "exactly one is required"),
    (PAGE_VIEWS, retention(unit="m"), "slaProperties/retention", "in whole days (unit d)"),
    (PAGE_VIEWS, retention(value=True), "slaProperties/retention", "a whole number from 0 to 36500"),
    (PAGE_VIEWS, retention(value=-1), "slaProperties/retention", "a whole number from 0 to 36500"),
    (PAGE_VIEWS, retention(value=10**9), "slaProperties/retention", "a whole number from 0 to 36500"),
    (PAGE_VIEWS, retention(value=1.5), "slaProperties/retention", "in whole days (unit d)"),
    (PAGE_VIEWS, retention(element="page_views.who"), "slaProperties/retention/element", "must name a column"),
    (PAGE_VIEWS, retention(element=ABSENT), "slaProperties/retention/element", "must name a column"),
    (PAGE_VIEWS, retention(element="page_views.route"), "slaProperties/retention/element", "a date or a timestamp"),
    # Its columns.
    (PAGE_VIEWS, repeat_column, "route", "is declared twice"),
    (PAGE_VIEWS, of_column("route", description=ABSENT), "route", "has no description"),
    (PAGE_VIEWS, of_column("route", physicalType="VARCHAR"), "route", "physicalType must be one of binary, binary16,"),
    (PAGE_VIEWS, of_column("route", physicalType="int64"), "route", "logicalType must be integer for the physicalType"),
    (PAGE_VIEWS, of_column("route", logicalType=ABSENT), "route", "logicalType must be string for the physicalType"),
    (PAGE_VIEWS, of_column("route", logicalType="object"), "route", "logicalType must be string for the physicalType"),
    (PAGE_VIEWS, of_column("route", classification="secret"), "route", "classification must be one of confidential,"),
    (PAGE_VIEWS, of_column("route", classification=ABSENT), "route", "classification must be one of confidential,"),
    (PAGE_VIEWS, of_column("route", examples=["/"]), "route", "examples are values"),
    (
        ACCESS,
        promise_of_column("user_id", identifierKind=ABSENT),
        "user_id",
        "a restricted source column needs identifier",
    ),
    (PAGE_VIEWS, of_column("route", classification="restricted"), "route", "a restricted column must be pseudonymised"),
    (SEARCHES, of_column("term", classification="restricted"), "term", "has no place in an anonymised table"),
    (
        PAGE_VIEWS,
        of_column("route", name="client_ip"),
        "client_ip",
        "is named like an identifier but is not a pseudonym",
    ),
    (PAGE_VIEWS, of_column("route", name="user_id"), "user_id", "is named like an identifier but is not a pseudonym"),
    (PAGE_VIEWS, of_column("route", transformSourceObjects=ABSENT), "route", "needs transformSourceObjects"),
    # What its figures would tell of few people.
    (CELLS, promise(cells={"within": []}), "cells", "must be a mapping of within, dimensions"),
    (CELLS, promise(cells={"within": ["x"], "dimensions": ["language"]}), "cells", "names no column x"),
    (CELLS, promise(cells={"within": [], "dimensions": ["page_views"]}), "cells", "page_views must be a string"),
    (CELLS, promise(primaryKey=["event_date", "language"]), "cells", "the primary key must be periodColumn, within"),
    (CELLS, promise(minimumPeople=1), "minimumPeople", "must be 2 or more beside cells"),
    (CELLS, promise(minimumPeople=ABSENT), "minimumPeople", "must be 2 or more beside cells"),
    (CELLS, promise(minimumPeople=12), "minimumPeople", "must be a multiple of the 5 that peopleColumn is rounded to"),
    (CELLS, promise(peopleColumn=ABSENT), "peopleColumn", "is required beside cells"),
    (CELLS, promise_of_column("page_views", roundTo=ABSENT), "page_views", "needs roundTo, or exactBecause, a text"),
    (CELLS, promise_of_column("page_views", roundTo=0.5), "page_views", "roundTo must be a whole number from 1"),
    (CELLS, promise_of_column("language", roundTo=5), "language", "roundTo: string cannot be rounded"),
    (CELLS, promise_of_column("page_views", exactBecause=5), "page_views", "exactBecause must be a text"),
    (CELLS, promise_of_column("page_views", exactBecause="so"), "page_views", "is rounded and exact at once"),
    (ANSWERS, promise_of_column("nps", roundTo=0.03), "nps", "roundTo must be a whole number, or one of 0.1, 0.01"),
    (ANSWERS, promise_of_column("nps", shareOf="nps_count"), "nps", "shareOf must be a mapping of count, whole"),
    (ANSWERS, promise_of_column("nps", shareOf={"count": "n", "whole": 1}), "nps", "shareOf names no count n"),
    (CELLS, promise_of_column("visitors", shareOf=VISITORS), "visitors", "shareOf belongs to a float64 column with"),
    (SEARCHES, promise(cells={"within": [], "dimensions": ["term"]}), "cells", "belongs to marts, as roundTo"),
    (SEARCHES, promise_of_column("page_number", roundTo=5), "cells", "belongs to marts, as roundTo"),
]


@pytest.mark.parametrize(("path", "change", "field", "rule"), REFUSALS)
def test_lint_names_file_field_and_rule(path: Path, change: Change, field: str, rule: str):
    document = deepcopy(read_document(path))
    change(document)

    violations = check_document(document, path)

    assert {violation.file for violation in violations} == {f"{path.parent.name}/{path.name}"}
    assert any(violation.field == field and rule in violation.rule for violation in violations), violations


def test_restricted_column_has_no_place_in_an_anonymised_table_even_as_a_pseudonym():
    document = deepcopy(read_document(SEARCHES))
    of_column("term", classification="restricted", physicalType="binary16", logicalTypeOptions={})(document)
    promise_of_column("term", treatment={"kind": "pseudonymise", "domain": "user"})(document)

    assert [violation.field for violation in check_document(document, SEARCHES)] == ["term"]


@pytest.mark.parametrize("content", ["", "- a list", "a word"])
def test_file_that_holds_no_document_is_refused(tmp_path: Path, content: str):
    with pytest.raises(
        ContractInvalidError, match=r"lake/views\.odcs\.yaml: \(document\): ODCS schema: breaks type object"
    ):
        load_contract(write(tmp_path / "lake/views.odcs.yaml", content))


def test_file_that_is_not_yaml_is_refused_with_its_line(tmp_path: Path):
    with pytest.raises(ContractInvalidError, match=r"views\.odcs\.yaml line 2 is not YAML"):
        load_contract(write(tmp_path / "lake/views.odcs.yaml", "name: views\nschema: ]\n"))


def test_contract_in_an_unknown_layer_is_refused(tmp_path: Path):
    with pytest.raises(
        ContractInvalidError, match=r"raw/page_views\.odcs\.yaml: \(path\): lies in none of sources, lake"
    ):
        load_contract(write(tmp_path / "raw/page_views.odcs.yaml", PAGE_VIEWS.read_text()))


def test_untreated_column_does_not_load(tmp_path: Path):
    untreated = PAGE_VIEWS.read_text().replace("kind: reduce_language", "sort: reduce_language")

    with pytest.raises(UntreatedColumnError, match=r"lake/page_views\.odcs\.yaml: language: has no treatment; correct"):
        load_contract(write(tmp_path / "lake/page_views.odcs.yaml", untreated))


def test_directory_without_contracts_is_refused(tmp_path: Path):
    with pytest.raises(ContractInvalidError, match="no contracts in"):
        load_catalogue(tmp_path)


def test_contract_that_does_not_exist_is_named():
    with pytest.raises(ContractInvalidError, match="no contract lake/nothing"):
        load_catalogue(CONTRACTS).get("lake", "nothing")


def write(path: Path, content: str) -> Path:
    path.parent.mkdir()
    path.write_text(content)
    return path
