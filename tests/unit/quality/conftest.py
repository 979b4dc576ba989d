"""Small contracts, made of ODCS fragments, for tests of the gate."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts.model import Contract, build_contract


@pytest.fixture
def contract_of() -> Callable[..., Contract]:
    """Build a lake contract named `events` from ODCS fragments, one keyword a column."""

    def build(quality: Sequence[dict[str, Any]] = (), **columns: dict[str, Any]) -> Contract:
        table = {
            "name": "events",
            "dataGranularityDescription": "one row per event",
            "properties": [_property(name, fragment) for name, fragment in columns.items()],
            "quality": quality,
        }
        document = {
            "name": "events",
            "version": "1.0.0",
            "description": {"purpose": "To be tested."},
            "schema": [table],
            "slaProperties": [{"property": "retention", "value": 1, "unit": "d", "element": "events.event_date"}],
        }
        return build_contract(document, Path("lake/events.odcs.yaml"))

    return build


def _property(name: str, fragment: dict[str, Any]) -> dict[str, Any]:
    treatment = {"property": "treatment", "value": {"kind": "keep"}}
    usual = {"description": name, "physicalType": "int64", "classification": "internal"}
    return {"name": name, **usual, "customProperties": [treatment], **fragment}
