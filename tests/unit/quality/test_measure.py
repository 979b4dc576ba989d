"""A table becomes counts, chunk by chunk, and nothing else."""

from collections.abc import Callable, Iterator

import polars as pl
import pytest
from polars.io.plugins import register_io_source

from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError, DataQualityError
from pipelines.quality.measure import Measurement, combine, measure
from pipelines.quality.rules import TableRules, compile_rules


@pytest.fixture
def rules(contract_of: Callable[..., Contract]) -> TableRules:
    return compile_rules(
        contract_of(
            score={"required": True, "logicalTypeOptions": {"minimum": 0}},
            label={"physicalType": "string", "required": True},
        )
    )


def test_measurement_counts_rows_and_broken_rows(rules: TableRules):
    measured = measure(pl.DataFrame({"score": [1, -1, None], "label": ["a", None, None]}), rules)

    assert measured == Measurement(3, {"score__nulls": 1, "score__range": 1, "label__nulls": 2})


def test_frame_without_rows_breaks_nothing(rules: TableRules):
    measured = measure(rules.schema.to_frame(), rules)

    assert measured == Measurement(0, {"score__nulls": 0, "score__range": 0, "label__nulls": 0})


def test_schema_figures_count_columns_that_are_missing_extra_or_mistyped(rules: TableRules):
    measured = measure(pl.DataFrame({"score": ["1"], "surprise": [1], "another": [1]}), rules)

    assert (measured.missing_columns, measured.extra_columns, measured.mistyped_columns) == (1, 2, 1)


def test_rule_of_a_missing_or_mistyped_column_counts_every_row(rules: TableRules):
    measured = measure(pl.DataFrame({"score": ["1", "2"]}), rules)

    assert set(measured.counts.values()) == {2}


def test_chunks_add_their_counts_and_keep_the_worst_schema_figures(rules: TableRules):
    chunks = [
        pl.DataFrame({"score": [1, -1], "label": ["a", None]}),
        pl.DataFrame({"score": [-5], "label": ["b"], "surprise": [1]}),
        pl.DataFrame({"label": [None, "c"]}, schema_overrides={"label": pl.String}),
    ]

    measured = combine(measure(chunk, rules) for chunk in chunks)

    assert measured == Measurement(5, {"score__nulls": 2, "score__range": 4, "label__nulls": 2}, 1, 1, 0)


def test_no_chunks_measure_nothing():
    assert combine([]) == Measurement()


def test_measurements_of_different_rules_are_not_added():
    with pytest.raises(ConfigurationError, match="different rules"):
        Measurement(1, {"score__nulls": 1}) + Measurement(1, {"label__nulls": 1})


def test_every_rule_is_measured_in_one_pass_over_the_source(rules: TableRules):
    passes = []

    def read(
        columns: list[str] | None, _predicate: object, _rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        passes.append(columns)
        yield pl.DataFrame({"score": [1, -1], "label": ["a", None]}).select(columns or pl.all())

    measured = measure(register_io_source(read, schema=rules.schema), rules)

    assert measured.counts == {"score__nulls": 0, "score__range": 1, "label__nulls": 1}
    assert len(passes) == 1


def test_failure_of_the_engine_names_table_and_kind_and_never_the_value(rules: TableRules):
    broken = pl.LazyFrame({"score": ["canary-4711"], "label": ["a"]}).with_columns(pl.col("score").cast(pl.Int64))

    with pytest.raises(DataQualityError, match="events: measuring stopped with InvalidOperationError") as raised:
        measure(broken, rules)

    assert "canary" not in str(raised.value)
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None
