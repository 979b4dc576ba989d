"""A limit or quality rule is refused when nothing would measure it, or something else would be measured."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts.derive import expectations
from pipelines.contracts.lint import check_document
from pipelines.contracts.model import build_contract, read_document

PATH = Path(__file__).parents[2] / "data_contracts/lake/page_views.odcs.yaml"

Fragment = dict[str, Any]
ABSENT = object()
NULLS = {"id": "few", "type": "library", "metric": "nullValues", "mustBeLessOrEqualTo": 5, "unit": "percent"}
LISTED = {
    "id": "listed",
    "type": "library",
    "metric": "invalidValues",
    "arguments": {"validValues": ["/"]},
    "mustBe": 0,
}
COUNT = {"id": "some", "type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": 1}
SUM = {"id": "sums", "type": "sql", "query": "status_code - status_code", "mustBe": 0}


def declare(table_rules: list[Fragment], route_rules: list[Fragment], **of_route: object) -> Fragment:
    """The contract of page_views with these rules, and these keys of its column route."""
    document: Fragment = deepcopy(read_document(PATH))
    table = document["schema"][0]
    route = next(column for column in table["properties"] if column["name"] == "route")
    table["quality"] = table_rules
    route |= {"quality": route_rules, **of_route}
    return document


def vary(rule: Fragment, **values: object) -> Fragment:
    return {key: value for key, value in (rule | values).items() if value is not ABSENT}


def bound(name: str, limit: object) -> Fragment:
    """The rule about nulls with another bound."""
    return vary(NULLS, mustBeLessOrEqualTo=ABSENT, **{name: limit})


def check(document: Fragment) -> list[tuple[str, str]]:
    return [(violation.field, violation.rule) for violation in check_document(document, PATH)]


USABLE = "use mustBe, mustBeBetween, mustBeGreaterOrEqualTo, mustBeLessOrEqualTo"
REFUSALS_OF_COLUMN = [
    (vary(NULLS, id=ABSENT), "0", "has no id"),
    (vary(NULLS, type=ABSENT), "few", "type must be one of library, sql"),
    (vary(NULLS, type="text"), "few", "type must be one of library, sql"),
    ({"id": "few", "type": "text", "description": "Few are null."}, "few", "type must be one of library, sql"),
    ({"id": "few", "description": "Few are null."}, "few", "type must be one of library, sql"),
    (
        {"id": "few", "type": "custom", "engine": "soda", "implementation": "x"},
        "few",
        "type must be one of library, sql",
    ),
    (
        vary(NULLS, metric="duplicateValues"),
        "few",
        "metric must be one of invalidValues, missingValues, nullValues here",
    ),
    (vary(NULLS, metric="rowCount"), "few", "metric must be one of invalidValues, missingValues, nullValues here"),
    (vary(NULLS, metric="missingValues", arguments={"missingValues": ["", "-"]}), "few", "arguments of missingValues"),
    (vary(NULLS, arguments={"validValues": ["/"]}), "few", "arguments of nullValues must be absent"),
    (vary(LISTED, arguments=ABSENT), "listed", "arguments of invalidValues must be a mapping of validValues"),
    (vary(LISTED, arguments={"pattern": "^/$"}), "listed", "arguments of invalidValues must be"),
    (vary(LISTED, arguments={"validValues": "/"}), "listed", "arguments of invalidValues must be"),
    (vary(LISTED, arguments={"validValues": ["yes", True]}), "listed", "arguments of invalidValues must be"),
    (bound("mustBeLessThan", 5), "few", f"mustBeLessThan is not measured; {USABLE}"),
    (bound("mustBeGreaterThan", 5), "few", f"mustBeGreaterThan is not measured; {USABLE}"),
    (bound("mustNotBe", 5), "few", f"mustNotBe is not measured; {USABLE}"),
    (bound("mustNotBeBetween", [1, 5]), "few", f"mustNotBeBetween is not measured; {USABLE}"),
    (bound("mustBe", "none"), "few", "mustBe must be a number"),
    (vary(NULLS, mustBeLessOrEqualTo=ABSENT, mustBe=True), "few", "mustBe must be a number"),
    (bound("mustBeBetween", [5, 1]), "few", "mustBeBetween must be two numbers, the smaller first"),
    (vary(NULLS, severity="critical"), "few", "severity must be one of error, info, warning"),
    (vary(NULLS, unit="share"), "few", "unit must be one of percent, rows"),
]


@pytest.mark.parametrize(("rule", "identifier", "broken"), REFUSALS_OF_COLUMN)
def test_rule_of_a_column_that_cannot_be_measured_is_refused(rule: Fragment, identifier: str, broken: str):
    found = check(declare([], [rule]))

    assert {field for field, _ in found} == {f"route/quality/{identifier}"}
    assert any(text.startswith(broken) for _, text in found), found


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (vary(NULLS, id="some"), "metric must be one of rowCount here"),
        (vary(COUNT, unit="percent"), "a row count has no percentage"),
        (vary(COUNT, arguments={"of": "people"}), "arguments of rowCount must be absent"),
        (vary(SUM, id="some", severity="fatal"), "severity must be one of error, info, warning"),
    ],
)
def test_rule_of_a_table_that_cannot_be_measured_is_refused(rule: Fragment, broken: str):
    assert check(declare([rule], [])) == [("quality/some", broken)]


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (vary(COUNT, mustBeGreaterOrEqualTo=ABSENT), "ODCS schema: needs exactly one of mustBe, mustNotBe,"),
        (vary(COUNT, mustBe=5), "ODCS schema: needs exactly one of mustBe, mustNotBe,"),
        (vary(SUM, id="some", query=ABSENT), "ODCS schema: lacks query"),
        (vary(SUM, id="some", type=ABSENT), "ODCS schema: query does not belong to an element of this type"),
        (vary(COUNT, metric="freshness"), "ODCS schema: breaks enum"),
        (vary(COUNT, threshold=5), "threshold is not a key of ODCS v3.1.0"),
    ],
)
def test_rule_that_breaks_the_schema_is_named_by_its_id(rule: Fragment, broken: str):
    found = check(declare([rule], []))

    places = ("schema/page_views/quality/some", "schema/page_views/quality/some/metric")
    assert any(field in places and text.startswith(broken) for field, text in found), found


def test_two_rules_of_one_column_or_table_cannot_share_an_id_nor_take_one_that_the_column_implies():
    reserved = "two rules have this id (nulls, range, length, pattern are the column's own)"

    assert check(declare([], [NULLS, vary(LISTED, id="few")])) == [("route/quality/few", reserved)]
    assert check(declare([], [vary(NULLS, id="nulls")])) == [("route/quality/nulls", reserved)]
    assert check(declare([COUNT, vary(SUM, id="some")], [])) == [("quality/some", "two rules have this id")]
    assert check(declare([COUNT], [vary(NULLS, id="some")])) == []


@pytest.mark.parametrize(
    ("physical_type", "logical_type", "limit", "taken"),
    [
        ("int64", "integer", {"exclusiveMinimum": 0}, "minimum, maximum"),
        ("float64", "number", {"multipleOf": 5}, "minimum, maximum"),
        ("string", "string", {"format": "uri"}, "minLength, maxLength, pattern"),
        ("date", "date", {"minimum": "2026-01-01"}, "no limit"),
        ("timestamp", "timestamp", {"timezone": True}, "no limit"),
        ("boolean", "boolean", {"minimum": 0}, "no limit"),
        ("binary16", "string", {"maxLength": 16}, "no limit"),
    ],
)
def test_limit_that_is_not_measured_is_refused(physical_type: str, logical_type: str, limit: Fragment, taken: str):
    document = declare([], [], physicalType=physical_type, logicalType=logical_type, logicalTypeOptions=limit)

    place = f"route/logicalTypeOptions/{next(iter(limit))}"
    assert check(document) == [(place, f"is not measured; {physical_type} takes {taken}")]


def test_uniqueness_that_nothing_measures_is_refused():
    assert check(declare([], [], unique=True)) == [("route/unique", "is not measured")]
    assert check(declare([], [], unique=False)) == []


def test_rule_that_is_accepted_is_an_expectation():
    warned = vary(LISTED, severity="warning", unit="rows", dimension="conformity", description="Known routes only.")
    document = declare([COUNT, SUM], [NULLS, warned, vary(NULLS, id="none", metric="missingValues")])

    assert check(document) == []
    found = {expectation.id: expectation for expectation in expectations(build_contract(document, PATH))}
    assert {"_table__some", "_table__sums", "route__few", "route__listed", "route__none"} <= found.keys()
    assert (found["route__listed"].severity, found["route__listed"].description) == ("warning", "Known routes only.")
