"""Refuses contracts that do not fit together: what each is made of exists, and nothing restricted passes as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pipelines.contracts.lint import Violation
from pipelines.contracts.policy import RESTRICTED
from pipelines.contracts.treatments import VERBATIM_TREATMENTS

if TYPE_CHECKING:
    from pipelines.contracts.model import Column, Contract

LEDGER_RELATIONS = frozenset({"control.source_files", "control.deletion_facts", "control.restrictions"})


def check_catalogue(contracts: Iterable[Contract]) -> tuple[Violation, ...]:
    """Every violation between contracts that each hold by themselves; pass all of the house, in any order."""
    held = tuple(contracts)
    sources, lake, marts = (
        [contract for contract in held if contract.layer == layer] for layer in ("sources", "lake", "marts")
    )
    return (
        *_check_origins(sources, lake),
        *_check_uses(sources, lake),
        *_check_event_ids(sources, lake),
        *_check_inputs(lake, marts),
    )


def _check_origins(sources: Iterable[Contract], lake: Iterable[Contract]) -> Iterator[Violation]:
    origins = {f"{source.name}.{column.name}": column for source in sources for column in source.columns}
    origins |= {f"lake.{table.name}.{column.name}": column for table in lake for column in table.columns}
    listed = {source.name: _list_parameters(source) for source in sources}
    for table in lake:
        for column in table.columns:
            for rule in (*_check_column(column, origins), *_check_parameter(column, listed)):
                yield _violation(table, column.name, rule)


def _check_column(column: Column, origins: Mapping[str, Column]) -> Iterator[str]:
    for name in column.origins:
        origin = origins.get(name)
        if origin is None:
            yield f"is made of {name}, which is no column of a source"
        elif origin.treatment_kind == "drop":
            yield f"is made of {name}, which is dropped"
        elif origin.classification == RESTRICTED and column.treatment_kind in VERBATIM_TREATMENTS:
            yield f"holds {name} as it is ({column.treatment_kind}), and that is restricted"


def _list_parameters(source: Contract) -> frozenset[str]:
    return frozenset(item["name"] for item in source.properties.get("parameters", ()))


def _check_parameter(column: Column, listed: Mapping[str, frozenset[str]]) -> Iterator[str]:
    if column.treatment_kind != "keep_parameter":
        return
    name = column.treatment["name"]
    for origin in column.origins:
        source = origin.partition(".")[0]
        if name not in listed.get(source, ()):
            yield f"keeps the parameter {name}, which {source} does not list"


def _check_uses(sources: Iterable[Contract], lake: Iterable[Contract]) -> Iterator[Violation]:
    """What no table needs must not be read; a source's own clock is needed to date its rows."""
    used = {origin for table in lake for column in table.columns for origin in column.origins}
    for source in (source for source in sources if "feeds" not in source.properties):
        for column in source.columns:
            needed = f"{source.name}.{column.name}" in used or column.name == source.retention_column
            if column.treatment_kind == "transform" and not needed:
                yield _violation(source, column.name, "must be dropped, for no lake table is made of it")


def _check_event_ids(sources: Iterable[Contract], lake: Iterable[Contract]) -> Iterator[Violation]:
    """An event id is known as long as its pseudonym is stored, so one table must keep it."""
    domains = [(column.origins, column.treatment.get("domain")) for table in lake for column in table.columns]
    for source in (source for source in sources if "eventId" in source.properties):
        origin = f"{source.name}.{source.properties['eventId']}"
        if [domain for origins, domain in domains if origin in origins] != ["event"]:
            yield _violation(source, "eventId", f"{origin} must be pseudonymised, domain event, in one lake table")


def _check_inputs(lake: Iterable[Contract], marts: Iterable[Contract]) -> Iterator[Violation]:
    relations = LEDGER_RELATIONS | {f"lake.{table.name}" for table in lake}
    for mart in marts:
        for name in mart.properties["inputs"]:
            if name not in relations:
                yield _violation(
                    mart, "inputs", f"{name} is no lake table, nor {' or '.join(sorted(LEDGER_RELATIONS))}"
                )


def _violation(contract: Contract, field: str, rule: str) -> Violation:
    return Violation(f"{contract.layer}/{contract.name}.odcs.yaml", field, rule)
