"""A canary in every column: it reaches no verdict, error, validation result, log, stream or file."""

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.model import Contract
from pipelines.errors import DataQualityError, GateFailedError
from pipelines.quality.gate import judge, suite_document
from pipelines.quality.measure import measure
from pipelines.quality.rules import TableRules, compile_rules

Build = Callable[..., Contract]
NUMBER, DATE = 918_273_645, date(1867, 3, 9)
ROW = {
    "visitor": [b"canary-in-bytes!"],
    "label": ["canary@example.jp"],
    "state": ["canary-state"],
    "amount": [NUMBER],
    "share": [float(NUMBER)],
    "day": [DATE],
}
TRACES = ("canary", str(NUMBER), f"{NUMBER:,}", "9.182736", DATE.isoformat(), "1867, 3, 9", b"canary".hex())


@pytest.fixture
def contract(contract_of: Build) -> Contract:
    """A contract that the canary breaks in every way that a contract can be broken."""
    none = {"metric": "nullValues", "mustBeGreaterOrEqualTo": 1, "id": "some_nulls", "type": "library"}
    listed = {
        "metric": "invalidValues",
        "arguments": {"validValues": ["on"]},
        "mustBe": 0,
        "id": "listed",
        "type": "library",
    }
    return contract_of(
        visitor={"physicalType": "binary16", "classification": "restricted", "quality": [none]},
        label={"physicalType": "string", "logicalTypeOptions": {"maxLength": 3, "pattern": "[0-9]*"}},
        state={"physicalType": "string", "quality": [listed | {"unit": "percent"}]},
        amount={"logicalTypeOptions": {"maximum": 5}},
        share={"physicalType": "float64", "logicalTypeOptions": {"maximum": 1}},
        day={"physicalType": "date", "quality": [none]},
        quality=[{"id": "balanced", "type": "sql", "query": "amount - 1", "mustBe": 0}],
    )


@pytest.fixture
def rules(contract: Contract) -> TableRules:
    return compile_rules(contract)


def assert_no_trace(text: str) -> None:
    assert [trace for trace in TRACES if trace in text] == []


def test_canary_would_be_seen_if_it_were_there(rules: TableRules):
    frame = repr(pl.DataFrame(ROW, schema=rules.schema).to_dicts())

    assert {trace for trace in TRACES if trace in frame} >= {"canary", str(NUMBER), "1867, 3, 9"}


def test_verdict_results_logs_and_streams_hold_counts_only(
    contract: Contract,
    rules: TableRules,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    caplog.set_level(logging.DEBUG)
    suite_document(contract)  # imports Great Expectations, with the warnings that it gives
    results = keep_results(monkeypatch)

    measurement = measure(pl.DataFrame(ROW, schema=rules.schema), rules)
    verdict = judge(contract, measurement)
    with pytest.raises(GateFailedError) as raised:
        verdict.require()

    assert len(verdict.failures) == len(rules.rules)
    assert len(results) == 1
    assert_no_trace(repr(measurement) + repr(verdict) + "".join(map(str, verdict.failures)))
    assert_no_trace("".join(traceback.format_exception(raised.value)))
    assert_no_trace("".join(results))
    assert_no_trace(caplog.text + repr([(record.msg, record.args) for record in caplog.records]))
    assert_no_trace("".join(capfd.readouterr()))


def keep_results(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect everything that Great Expectations returns, while it runs as it is."""
    from great_expectations.datasource.fluent.interfaces import Batch

    kept: list[str] = []
    validate = Batch.validate

    def validate_and_keep(*arguments: object, **options: object) -> object:
        outcome = validate(*arguments, **options)
        kept.append(repr(outcome) + json.dumps(outcome.to_json_dict()))
        return outcome

    monkeypatch.setattr(Batch, "validate", validate_and_keep)
    return kept


@pytest.mark.parametrize("column", ["amount", "share", "day"])
def test_value_that_breaks_a_cast_is_not_quoted(
    contract: Contract,
    rules: TableRules,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    column: str,
):
    caplog.set_level(logging.DEBUG)
    texts = pl.LazyFrame(ROW | {column: ["canary, not a number"]})

    with pytest.raises(DataQualityError, match="InvalidOperationError") as raised:
        measure(texts.cast(dict(rules.schema)), rules)
    verdict = judge(contract, measure(texts, rules))

    assert_no_trace("".join(traceback.format_exception(raised.value)) + repr(verdict))
    assert_no_trace(caplog.text + "".join(capfd.readouterr()))


def test_value_that_became_a_column_name_is_counted_and_not_named(contract: Contract, rules: TableRules):
    verdict = judge(contract, measure(pl.DataFrame({"canary@example.jp": [1]}), rules))

    assert "_schema__extra_columns" in {failure.rule_id for failure in verdict.failures}
    assert_no_trace(repr(verdict))


PAGE_VIEWS = Path(__file__).parents[3] / "data_contracts/lake/page_views.odcs.yaml"
PROGRAM = """
import os, pathlib, sys
import polars
from pipelines.contracts.model import load_contract
from pipelines.quality.gate import judge
from pipelines.quality.measure import measure
from pipelines.quality.rules import compile_rules

def tell(event, arguments):
    opened_to_write = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if opened_to_write or event in {"os.mkdir", "sqlite3.connect", "socket.connect", "subprocess.Popen"}:
        print(event, arguments, file=sys.stderr)

sys.addaudithook(tell)
contract = load_contract(pathlib.Path(sys.argv[1]))
rules = compile_rules(contract)
texts = [name for name, kind in rules.schema.items() if kind == polars.String]
rows = rules.schema.to_frame().clear(n=3).with_columns(polars.lit("canary@example.jp").alias(name) for name in texts)
print(judge(contract, measure(rows, rules)))
"""


def test_fresh_process_writes_no_file_and_opens_no_connection(tmp_path: Path):
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    command = [sys.executable, "-B", "-W", "error", "-c", PROGRAM, str(PAGE_VIEWS)]

    ran = subprocess.run(command, env=places, cwd=tmp_path, capture_output=True, check=False, text=True)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "method__valid_values" in ran.stdout
    assert_no_trace(ran.stdout)
    assert list(tmp_path.rglob("*")) == []
