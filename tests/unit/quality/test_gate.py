"""Figures are judged by Great Expectations; only a critical failure stops publication."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError, GateFailedError
from pipelines.quality.gate import RuleResult, judge, suite_document
from pipelines.quality.measure import Measurement

Build = Callable[..., Contract]


def null_share(severity: str = "error", limit: float = 10) -> dict[str, Any]:
    """A column that may be null in some percentage of the rows."""
    rule = {"id": "null_share", "type": "library", "metric": "nullValues", "unit": "percent", "severity": severity}
    return {"quality": [rule | {"mustBeLessOrEqualTo": limit}]}


def test_figures_within_their_limits_pass_without_failures(contract_of: Build):
    verdict = judge(contract_of(score={"required": True}), Measurement(4, {"score__nulls": 0}))

    assert (verdict.table, verdict.passed, verdict.worst_severity, verdict.failures) == ("events", True, None, ())
    verdict.require()


def test_critical_failure_names_table_rule_figure_limit_and_what_to_do(contract_of: Build):
    contract = contract_of(score={"required": True, "logicalTypeOptions": {"minimum": 0}}, share=null_share())

    verdict = judge(contract, Measurement(8, {"score__nulls": 3, "score__range": 0, "share__null_share": 1}))

    assert verdict.failures == (
        RuleResult("score__nulls", "critical", "rows", 3, 0, 0, passed=False, description="score is never null"),
        RuleResult(
            "share__null_share", "critical", "percent", 12.5, None, 10, passed=False, description="share: null share"
        ),
    )
    with pytest.raises(GateFailedError) as raised:
        verdict.require()
    assert str(raised.value) == (
        "events breaks its contract: score__nulls is 3 rows, must be 0;"
        " share__null_share is 12.5 percent, must be at most 10;"
        " the last good tables stay; correct the source or the step that made these rows, then run again"
    )


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_lesser_failure_is_reported_but_stops_nothing(contract_of: Build, severity: str):
    verdict = judge(contract_of(share=null_share(severity)), Measurement(2, {"share__null_share": 2}))

    assert [failure.rule_id for failure in verdict.failures] == ["share__null_share"]
    assert (verdict.passed, verdict.worst_severity) == (True, severity)
    verdict.require()


def test_worst_severity_is_the_worst_of_all_failures(contract_of: Build):
    contract = contract_of(first=null_share("info"), second=null_share(), third=null_share("warning"))
    counts = {"first__null_share": 1, "second__null_share": 1, "third__null_share": 1}

    assert judge(contract, Measurement(1, counts)).worst_severity == "critical"


@pytest.mark.parametrize("figure", ["missing_columns", "extra_columns", "mistyped_columns"])
def test_schema_that_is_not_the_contract_s_is_critical(contract_of: Build, figure: str):
    verdict = judge(contract_of(score={}), Measurement(1, {}, **{figure: 2}))

    assert [str(failure) for failure in verdict.failures] == [f"_schema__{figure} is 2 columns, must be 0"]
    assert not verdict.passed


@pytest.mark.parametrize(
    ("limits", "row_count", "failure_count"),
    [
        ({"mustBeGreaterOrEqualTo": 3}, 3, 0),
        ({"mustBeGreaterOrEqualTo": 3}, 2, 1),
        ({"mustBeLessOrEqualTo": 3}, 3, 0),
        ({"mustBeLessOrEqualTo": 3}, 4, 1),
        ({"mustBeBetween": [3, 5]}, 5, 0),
        ({"mustBeBetween": [3, 5]}, 6, 1),
        ({"mustBe": 3}, 3, 0),
        ({"mustBe": 3}, 2, 1),
    ],
)
def test_limits_are_inclusive(contract_of: Build, limits: dict[str, Any], row_count: int, failure_count: int):
    rule = {"id": "row_count", "type": "library", "metric": "rowCount"} | limits

    verdict = judge(contract_of(score={}, quality=[rule]), Measurement(row_count, {"_table__row_count": row_count}))

    assert len(verdict.failures) == failure_count


def test_verdict_holds_every_rule_with_its_figure_whether_kept_or_not(contract_of: Build):
    contract = contract_of(score={"required": True}, share=null_share())

    verdict = judge(contract, Measurement(8, {"score__nulls": 3, "share__null_share": 0}))

    assert (verdict.layer, verdict.table, verdict.contract_version, verdict.row_count) == ("lake", "events", "1.0.0", 8)
    assert [(result.rule_id, result.observed, result.passed) for result in verdict.results] == [
        ("_schema__missing_columns", 0, True),
        ("_schema__extra_columns", 0, True),
        ("_schema__mistyped_columns", 0, True),
        ("score__nulls", 3, False),
        ("share__null_share", 0, True),
    ]


def test_percentage_of_no_rows_is_zero(contract_of: Build):
    assert judge(contract_of(share=null_share(limit=0)), Measurement(0, {"share__null_share": 0})).passed


def test_absence_of_chunks_still_meets_the_row_count(contract_of: Build):
    rule = {"id": "row_count", "type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": 1}

    assert judge(contract_of(score={"required": True}), Measurement()).passed
    assert not judge(contract_of(score={}, quality=[rule]), Measurement()).passed


@pytest.mark.parametrize("counts", [{}, {"other__nulls": 0}, {"score__nulls": 0, "other__nulls": 0}])
def test_figures_of_other_rules_are_not_judged(contract_of: Build, counts: dict[str, int]):
    with pytest.raises(ConfigurationError, match="lake/events: the figures were measured by other rules"):
        judge(contract_of(score={"required": True}), Measurement(1, counts))


def test_suite_document_is_json_and_stays_the_same_after_judging(contract_of: Build):
    contract = contract_of(score={"required": True})
    before = json.dumps(suite_document(contract), sort_keys=True)

    judge(contract, Measurement(1, {"score__nulls": 1}))

    assert json.dumps(suite_document(contract), sort_keys=True) == before
    columns = [rule["kwargs"]["column"] for rule in json.loads(before)["expectations"]]
    assert columns == [
        "_schema__missing_columns",
        "_schema__extra_columns",
        "_schema__mistyped_columns",
        "score__nulls",
    ]


def test_changed_limits_make_a_new_suite(contract_of: Build):
    counts = Measurement(10, {"share__null_share": 5})

    assert not judge(contract_of(share=null_share(limit=10)), counts).passed
    assert judge(contract_of(share=null_share(limit=50)), counts).passed


def test_importing_the_gate_loads_neither_great_expectations_nor_pandas():
    code = "import sys, pipelines.quality.gate; print({'great_expectations', 'pandas'} & sys.modules.keys())"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "set()\n"
