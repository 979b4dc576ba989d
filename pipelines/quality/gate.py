"""Judges measured figures against a contract through Great Expectations, which sees counts and never a row."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipelines.contracts.derive import Expectation, expectations
from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError, GateFailedError
from pipelines.quality.measure import Measurement
from pipelines.quality.rules import SEVERITIES

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core.batch_definition import BatchDefinition

SCHEMA_FIGURES = ("missing_columns", "extra_columns", "mistyped_columns")
SCHEMA_EXPECTATIONS = tuple(
    Expectation(
        id=f"_schema__{figure}",
        column=None,
        check="schema",
        arguments={},
        unit="columns",
        minimum=0,
        maximum=0,
        severity="critical",
        dimension="conformity",
        description=f"table: no {figure.replace('_', ' ')}",
    )
    for figure in SCHEMA_FIGURES
)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule judged: the figure observed, in its unit (rows, percent, columns), the figure's limits, whether kept."""

    rule_id: str
    severity: str
    unit: str
    observed: float
    minimum: float | None
    maximum: float | None
    passed: bool
    description: str

    def __str__(self) -> str:
        return (
            f"{self.rule_id} is {self.observed:.12g} {self.unit}, must be {describe_limit(self.minimum, self.maximum)}"
        )


def describe_limit(minimum: float | None, maximum: float | None) -> str:
    """What a figure must be, as in "must be at most 3"."""
    if minimum is None:
        return f"at most {maximum:.12g}"
    if maximum is None:
        return f"at least {minimum:.12g}"
    return f"{minimum:.12g}" if minimum == maximum else f"{minimum:.12g} to {maximum:.12g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found for one table of so many rows, rule by rule.

    A critical failure stops publication, a lesser one is only reported.
    """

    layer: str
    table: str
    contract_version: str
    row_count: int
    results: tuple[RuleResult, ...]

    @property
    def failures(self) -> tuple[RuleResult, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def worst_severity(self) -> str | None:
        broken = {failure.severity for failure in self.failures}
        return next((severity for severity in SEVERITIES if severity in broken), None)

    @property
    def passed(self) -> bool:
        return self.worst_severity != "critical"

    def require(self) -> None:
        """Raise GateFailedError, naming rules, figures and limits, when a critical rule is broken."""
        if self.passed:
            return
        broken = "; ".join(str(failure) for failure in self.failures if failure.severity == "critical")
        raise GateFailedError(
            f"{self.table} breaks its contract: {broken}",
            hint="the last good tables stay; correct the source or the step that made these rows, then run again",
        )


def judge(contract: Contract, measurement: Measurement) -> Verdict:
    """Compare every figure of a table with its contract's limits.

    ConfigurationError when the figures are not those of this contract's rules. The first call in a process imports
    Great Expectations, which takes seconds.
    """
    bounded = bounded_figures(contract)
    figures = _figures(bounded, contract, measurement)
    kept = _kept(_suite(json.dumps(suite_document(contract))), figures)
    return Verdict(
        layer=contract.layer,
        table=contract.name,
        contract_version=contract.version,
        row_count=measurement.row_count,
        results=tuple(_result(expectation, figures, kept) for expectation in bounded),
    )


def bounded_figures(contract: Contract) -> tuple[Expectation, ...]:
    """Everything that a table is judged by: that it has the contract's columns, and what the contract expects."""
    return (*SCHEMA_EXPECTATIONS, *expectations(contract))


def _result(expectation: Expectation, figures: Mapping[str, float], kept: frozenset[str]) -> RuleResult:
    return RuleResult(
        rule_id=expectation.id,
        severity=expectation.severity,
        unit=expectation.unit,
        observed=figures[expectation.id],
        minimum=expectation.minimum,
        maximum=expectation.maximum,
        passed=expectation.id in kept,
        description=expectation.description,
    )


def _figures(bounded: tuple[Expectation, ...], contract: Contract, measurement: Measurement) -> dict[str, float]:
    """Figure by rule id; of no rows at all every count is 0."""
    rules = tuple(expectation for expectation in bounded if expectation.check != "schema")
    counts = measurement.counts if measurement.row_count or measurement.counts else {rule.id: 0 for rule in rules}
    if counts.keys() != {rule.id for rule in rules}:
        raise ConfigurationError(
            f"{contract.layer}/{contract.name}: the figures were measured by other rules",
            hint="measure by compile_rules of the contract that judges",
        )
    of_schema = {f"_schema__{figure}": float(getattr(measurement, figure)) for figure in SCHEMA_FIGURES}
    return of_schema | {rule.id: _figure(rule.unit, counts[rule.id], measurement.row_count) for rule in rules}


def _figure(unit: str, count: int, row_count: int) -> float:
    return 100 * count / max(row_count, 1) if unit == "percent" else float(count)


def _kept(suite: ExpectationSuite, figures: Mapping[str, float]) -> frozenset[str]:
    """Ids of the rules that Great Expectations confirms; whatever it cannot judge is not among them."""
    frame = importlib.import_module("pandas").DataFrame([figures])
    batch = _batch_definition().get_batch({"dataframe": frame})
    # Other result formats keep values, and stored results keep everything: neither is used.
    outcome = batch.validate(suite, result_format="BOOLEAN_ONLY")
    judged = ((result.expectation_config, result.success) for result in outcome.results)
    return frozenset(configuration.kwargs["column"] for configuration, success in judged if configuration and success)


@cache
def import_library() -> ModuleType:
    """Great Expectations, once and late: it takes seconds and hundreds of megabytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that it imports from the standard library
        return importlib.import_module("great_expectations")


@cache
def _batch_definition() -> BatchDefinition[Any]:
    """An in-memory context without actions or data docs, and the one place where figures enter it."""
    library = import_library()
    types = library.data_context.types.base
    # The default ephemeral context keeps a site of data docs in the temporary directory.
    stores = types.InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    config = types.DataContextConfig(store_backend_defaults=stores, progress_bars={"globally": False})
    context = library.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("quality").add_dataframe_asset("figures")
    definition: BatchDefinition[Any] = asset.add_batch_definition_whole_dataframe("figures")
    return definition


@cache
def _suite(document: str) -> ExpectationSuite:
    """The suite of a document such as is checked in."""
    suite: ExpectationSuite = import_library().ExpectationSuite(**json.loads(document))
    return suite


def suite_document(contract: Contract) -> dict[str, Any]:
    """The contract's Great Expectations suite, as `judge` runs it and as data_contracts/generated/suites keeps it.

    Each rule bounds the one value of a column that is named after the rule and holds its figure.
    """
    return {
        # A dot in a suite's name becomes a folder when it is stored, so the version is kept beside the name.
        "name": f"{contract.layer}_{contract.name}",
        "meta": {"contract_version": contract.version},
        "expectations": [_expectation_document(expectation) for expectation in bounded_figures(contract)],
    }


def _expectation_document(expectation: Expectation) -> dict[str, Any]:
    bounds = {"min_value": expectation.minimum, "max_value": expectation.maximum}
    return {
        "type": "expect_column_max_to_be_between",
        "kwargs": {"column": expectation.id, **bounds},
        "severity": expectation.severity,
        "description": expectation.description,
        "meta": {"unit": expectation.unit, "dimension": expectation.dimension},
    }
