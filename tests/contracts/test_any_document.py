"""Whatever stands in a contract, the lint answers with violations, and what it accepts can be built."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import deletion_targets, duckdb_schema, expectations, polars_schema, retention_limits
from pipelines.contracts.lint import check_document
from pipelines.contracts.model import Catalogue, build_contract, read_document

CONTRACTS = Path(__file__).parents[2] / "data_contracts"
DOCUMENTS = {path: read_document(path) for path in sorted(CONTRACTS.glob("*/*.odcs.yaml"))}

Place = tuple[str | int, ...]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates()
VALUES = st.recursive(
    SCALARS | st.sampled_from(["keep", "int64", "restricted", "rowCount", "event_date"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=2),
    max_leaves=4,
)


def places(element: object, prefix: Place = ()) -> Iterator[Place]:
    """The path of every value below an element."""
    children = element.items() if isinstance(element, dict) else enumerate(element) if isinstance(element, list) else ()
    for key, child in children:
        yield (*prefix, key)
        yield from places(child, (*prefix, key))


@st.composite
def spoiled_documents(draw: st.DrawFn) -> tuple[Path, Any]:
    """A contract of the house with up to three of its values replaced by anything that YAML can hold."""
    path = draw(st.sampled_from(list(DOCUMENTS)))
    document = deepcopy(DOCUMENTS[path])
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(list(places(document))))
        element = document
        for key in parents:
            element = element[key]
        element[last] = draw(VALUES)
    return path, document


@settings(max_examples=150, deadline=None)
@given(spoiled_documents())
def test_spoiled_contract_is_refused_or_else_usable(spoiled: tuple[Path, Any]):
    path, document = spoiled

    if not check_document(document, path):
        contract = build_contract(document, path)
        names = [column.name for column in contract.columns]
        assert list(polars_schema(contract)) == list(duckdb_schema(contract)) == names
        assert {expectation.column for expectation in expectations(contract)} <= {*names, None}
        deletion_targets(Catalogue((contract,)))
        retention_limits(Catalogue((contract,)), date(2026, 11, 22))


@settings(max_examples=50, deadline=None)
@given(VALUES, st.sampled_from(list(DOCUMENTS)))
def test_anything_else_in_a_contract_s_file_is_refused(document: object, path: Path):
    assert check_document(document, path)
