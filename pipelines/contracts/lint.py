"""Refuses contracts that the ODCS v3.1.0 JSON schema or the house policy refuses; names file, field and rule."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from pipelines.errors import ContractInvalidError, UntreatedColumnError

CLASSIFICATIONS = frozenset({"public", "internal", "confidential", "restricted"})
PERSONAL = frozenset({"restricted"})
FORMS = {
    "sources": {"raw"},
    "lake": {"pseudonymised", "anonymised"},
    "marts": {"anonymised"},
    "published": {"anonymised"},
}
DELETION_STRATEGIES = frozenset({"delete", "recompute", "expire", "exempt"})
POLICY_CLAUSES = frozenset(
    {
        "collection-on-visit",
        "device-identification",
        "usage-analysis",
        "fraud-prevention",
        "search-statistics",
        "satisfaction",
        "membership-cancellation",
        "accountability",
    },
)
PHYSICAL_TYPES = frozenset(
    {"string", "boolean", "date", "timestamp", "int16", "int32", "int64", "float64", "binary16"},
)
SOURCE_TREATMENTS = frozenset({"transform", "drop"})
VERBATIM_TREATMENTS = frozenset({"keep", "keep_listed", "keep_pattern", "keep_major"})
LAKE_TREATMENTS = VERBATIM_TREATMENTS | {
    "derive",
    "pseudonymise",
    "pseudonymise_network",
    "pseudonymise_visitor",
    "reduce_language",
    "reduce_referrer",
    "reduce_user_agent",
    "scrub",
    "sketch_people",
    "template_url",
}
TREATMENTS = {"sources": SOURCE_TREATMENTS, "lake": LAKE_TREATMENTS, "marts": {"aggregate"}, "published": {"aggregate"}}
IDENTIFYING_NAMES = re.compile(r"(?:^|_)(?:ip|email|phone|address|user_agent|user_id|device_id|advertising_id)(?:_|$)")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule of one contract."""

    file: str
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.rule}"

    def as_error(self) -> ContractInvalidError:
        """The error that loading this contract raises."""
        kind = UntreatedColumnError if "treatment" in self.rule else ContractInvalidError
        return kind(str(self), hint="correct the contract; `tokumei doctor` lists every violation")


def check_document(document: Any, path: Path) -> tuple[Violation, ...]:  # noqa: ANN401 - anything may be in the file
    """Every violation of one parsed contract, the schema's before the policy's."""
    layer, file = path.parent.name, f"{path.parent.name}/{path.name}"
    if layer not in TREATMENTS:
        return (Violation(file, "(path)", f"lies in none of {', '.join(TREATMENTS)}"),)
    broken = tuple(_schema_violations(document, file))
    if broken:
        return broken
    found = (
        *_table_violations(document, path.name.removesuffix(".odcs.yaml"), layer),
        *_column_violations(document, layer),
    )
    return tuple(Violation(file, field, rule) for field, rule in found)


@cache
def _schema_validator() -> jsonschema.Draft201909Validator:
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text()
    return jsonschema.Draft201909Validator(json.loads(text))


def _schema_violations(document: Any, file: str) -> Iterator[Violation]:  # noqa: ANN401 - as check_document
    for error in _schema_validator().iter_errors(document):
        place = "/".join(map(str, error.absolute_path)) or "(document)"
        yield Violation(file, place, f"ODCS schema: breaks {error.validator} {_brief(error.validator_value)}")


def _brief(value: object) -> str:
    return str(value)[:120] if isinstance(value, (str, int, list)) else ""


def _custom(element: Mapping[str, Any]) -> dict[str, Any]:
    return {item["property"]: item["value"] for item in element.get("customProperties", ())}


def _table_violations(document: Mapping[str, Any], stem: str, layer: str) -> Iterator[tuple[str, str]]:
    if document["apiVersion"] != "v3.1.0":
        yield "apiVersion", "must be v3.1.0"
    if document.get("name") != stem:
        yield "name", "must equal the file's stem"
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(document["version"])):
        yield "version", "must be MAJOR.MINOR.PATCH"
    if not document.get("description", {}).get("purpose"):
        yield "description/purpose", "is required"
    if not any(member.get("role") == "owner" for member in document.get("team", {}).get("members", ())):
        yield "team/members", "needs an owner"
    tables = document.get("schema", ())
    if len(tables) != 1 or not tables[0].get("properties"):
        yield "schema", "must hold exactly one table with columns"
        return
    if not tables[0].get("dataGranularityDescription"):
        yield "schema/dataGranularityDescription", "is required"
    yield from _promise_violations(_custom(tables[0]), {item["name"] for item in tables[0]["properties"]}, layer)
    yield from _retention_violations(document, tables[0])


def _promise_violations(custom: Mapping[str, Any], names: set[str], layer: str) -> Iterator[tuple[str, str]]:
    if custom.get("policyClause") not in POLICY_CLAUSES:
        yield "policyClause", f"must be one of {', '.join(sorted(POLICY_CLAUSES))}"
    if custom.get("form") not in FORMS[layer]:
        yield "form", f"must be one of {', '.join(sorted(FORMS[layer]))} in {layer}"
    strategy = custom.get("deletionStrategy")
    if strategy not in DELETION_STRATEGIES:
        yield "deletionStrategy", f"must be one of {', '.join(sorted(DELETION_STRATEGIES))}"
    if strategy == "exempt" and not custom.get("deletionReason"):
        yield "deletionReason", "is required for an exempt table"
    if strategy == "exempt" and custom.get("form") == "pseudonymised":
        yield "deletionStrategy", "a pseudonymised table cannot be exempt"
    if custom.get("form") == "pseudonymised" and not (custom.get("subjectKeys") and custom.get("keyPurpose")):
        yield "subjectKeys", "a pseudonymised table needs subjectKeys and keyPurpose"
    for reference in ("subjectKeys", "partitionBy", "primaryKey", "bucketOf", "peopleColumn", "periodColumn"):
        values = custom.get(reference, ())
        missing = {values} - names if isinstance(values, str) else set(values) - names
        if missing:
            yield reference, f"names no column {', '.join(sorted(missing))}"


def _retention_violations(document: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    retention = [item for item in document.get("slaProperties", ()) if item["property"] == "retention"]
    if len(retention) != 1 or retention[0].get("unit") != "d" or not isinstance(retention[0].get("value"), int):
        yield "slaProperties/retention", "exactly one is required, in whole days (unit d)"
        return
    wanted = {f"{table['name']}.{item['name']}" for item in table["properties"]}
    if retention[0].get("element") not in wanted:
        yield "slaProperties/retention/element", "must name a column as table.column"


def _column_violations(document: Mapping[str, Any], layer: str) -> Iterator[tuple[str, str]]:
    columns = document["schema"][0].get("properties", ()) if document.get("schema") else ()
    names = [column["name"] for column in columns]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield name, "is declared twice"
    anonymised = _custom(document["schema"][0]).get("form") == "anonymised" if columns else False
    for column in columns:
        for rule in _rules_of_column(column, layer, anonymised=anonymised):
            yield column["name"], rule


def _rules_of_column(column: Mapping[str, Any], layer: str, *, anonymised: bool) -> Iterator[str]:
    treatment = _custom(column).get("treatment")
    kind = treatment.get("kind") if isinstance(treatment, Mapping) else None
    personal = column.get("classification") in PERSONAL
    if kind is None:
        yield "has no treatment"
    elif kind not in TREATMENTS[layer]:
        yield f"treatment must be one of {', '.join(sorted(TREATMENTS[layer]))} in {layer}"
    if not column.get("description"):
        yield "has no description"
    if column.get("physicalType") not in PHYSICAL_TYPES:
        yield f"physicalType must be one of {', '.join(sorted(PHYSICAL_TYPES))}"
    if column.get("classification") not in CLASSIFICATIONS:
        yield f"classification must be one of {', '.join(sorted(CLASSIFICATIONS))}"
    if column.get("examples"):
        yield "examples are values, and values do not belong in a contract"
    if personal and layer == "sources" and not _custom(column).get("identifierKind"):
        yield "a restricted source column needs identifierKind"
    if personal and layer != "sources" and (anonymised or not str(kind).startswith("pseudonymise")):
        yield "a restricted column must be pseudonymised, and has no place in an anonymised table"
    if layer != "sources" and column.get("physicalType") != "binary16" and IDENTIFYING_NAMES.search(column["name"]):
        yield "is named like an identifier but is not a pseudonym"
    if layer == "lake" and kind not in {"derive", None} and not column.get("transformSourceObjects"):
        yield "needs transformSourceObjects, or the treatment derive"
