"""What the house asks of a contract beyond the ODCS schema; each function yields field and rule of what breaks it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.contracts.disclosure import MEASURE_PROPERTIES, check_disclosure
from pipelines.contracts.format_lint import NETWORKS, check_formats, check_proxies
from pipelines.contracts.limits import check_column_rules, check_limits, check_table_rules
from pipelines.contracts.shapes import (
    ANCHORED_PATTERN,
    ANY_NAMES,
    FLAG,
    NAMES,
    NUMBER,
    TEXT,
    Shape,
    mapping_of,
    one_of,
    records,
    repeated,
    whole_number,
)
from pipelines.contracts.treatments import check_treatment

Finding = tuple[str, str]

RESTRICTED = "restricted"
SEALED = "sealed"  # raw lines as bytes that only a key opens, which dies when they expire
CLASSIFICATIONS = one_of("public", "internal", "confidential", RESTRICTED)
FORMS: Mapping[str, Shape] = {
    "sources": one_of("raw"),
    "lake": one_of("pseudonymised", "anonymised", SEALED),
    "marts": one_of("anonymised"),
    "published": one_of("anonymised"),
}
POLICY_CLAUSES = one_of(
    "collection-on-visit",
    "device-identification",
    "usage-analysis",
    "fraud-prevention",
    "search-statistics",
    "satisfaction",
    "membership-cancellation",
    "accountability",
)
# Where services and engines put what was typed, which must never stand beside a pseudonym.
SEARCH_WORDS = "q p s k w va wd query keyword keywords search search_query term text word"
SEARCH_PARAMETERS = frozenset(SEARCH_WORDS.split())
PARAMETER_NAME = Shape("a name", lambda value: TEXT.fits(value) and value.lower() not in SEARCH_PARAMETERS)
PARAMETERS = Shape(
    f"a list of name, of no search parameter, and pattern, {ANCHORED_PATTERN.words}",
    records(name=PARAMETER_NAME, pattern=ANCHORED_PATTERN).fits,
)
# How many days of events a mart's row needs around its own.
DAYS_REACHED = whole_number(0, 366)
TABLE_PROPERTIES: Mapping[str, Shape] = {
    "policyClause": POLICY_CLAUSES,
    "deletionStrategy": one_of("delete", "empty", "recompute", "expire", "exempt"),
    "deletionReason": TEXT,
    "keyPurpose": TEXT,
    "subjectKeys": NAMES,
    "bucketOf": TEXT,
    "buckets": whole_number(1, 256),
    "visitorKeyDays": whole_number(1, 31),
    "botRates": mapping_of(
        perMinute=whole_number(1, 1_000_000), perHour=whole_number(1, 1_000_000), uncountedGroups=NAMES
    ),
    "targetFileMegabytes": whole_number(1, 1024),
    "partitionBy": NAMES,
    "primaryKey": NAMES,
    "inputs": NAMES,
    "reach": mapping_of(before=DAYS_REACHED, after=DAYS_REACHED),
    "period": one_of("day", "week"),
    "periodColumn": TEXT,
    "minimumPeople": whole_number(1, 1_000_000),
    "cells": mapping_of(within=ANY_NAMES, dimensions=NAMES),
    "peopleColumn": TEXT,
    "feeds": one_of("ledger"),
    "quarantine": mapping_of(days=whole_number(1, 31)),
    "eventId": TEXT,
    "formats": Shape("a list", lambda value: isinstance(value, list)),
    "trustedProxies": NETWORKS,
    "maximumRejectPercent": Shape("a number from 0 to 100", lambda value: NUMBER.fits(value) and 0 <= value <= 100),
    "internalHosts": NAMES,
    "routes": records(pattern=TEXT, route=TEXT, group=TEXT, page=FLAG),
    "bots": records(pattern=TEXT, family=TEXT),
    "referrers": records(pattern=TEXT, channel=TEXT, source=TEXT),
    "parameters": PARAMETERS,
    "identifierPatterns": records(entity=TEXT, pattern=TEXT),
}
REQUIRED_ANYWHERE = ("policyClause", "form", "deletionStrategy")
REQUIRED_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "sources": (*REQUIRED_ANYWHERE, "formats", "maximumRejectPercent"),
    "lake": REQUIRED_ANYWHERE,
    "marts": (*REQUIRED_ANYWHERE, "inputs", "primaryKey", "period", "periodColumn"),
    "published": REQUIRED_ANYWHERE,
}
COLUMN_PROPERTIES = frozenset({"treatment", "identifierKind", "correctable", *MEASURE_PROPERTIES})
CORRECTABLE_TREATMENTS = frozenset({"keep", "keep_listed", "keep_pattern", "reduce_language"})
COLUMN_REFERENCES = ("subjectKeys", "partitionBy", "primaryKey", "bucketOf", "peopleColumn", "periodColumn", "eventId")
RETENTION_DAYS = whole_number(0, 36_500)
LOGICAL_TYPES: Mapping[str, str] = {
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "int16": "integer",
    "int32": "integer",
    "int64": "integer",
    "float64": "number",
    "binary16": "string",
    "binary": "string",
}
PHYSICAL_TYPES = one_of(*LOGICAL_TYPES)
IDENTIFYING_NAMES = re.compile(r"(?:^|_)(?:ip|email|phone|address|user_agent|user_id|device_id|advertising_id)(?:_|$)")


def custom_properties(element: Mapping[str, Any]) -> dict[str, Any]:
    """ODCS custom properties as one mapping."""
    return {item["property"]: item["value"] for item in element.get("customProperties", ())}


def check_policy(document: Mapping[str, Any], stem: str, layer: str) -> Iterator[Finding]:
    """Everything in a document that keeps the ODCS schema which the house refuses."""
    yield from _check_header(document, stem)
    tables = document.get("schema", ())
    if len(tables) != 1 or not tables[0].get("properties"):
        yield "schema", "must hold exactly one table with columns"
        return
    yield from _check_table(tables[0], layer)
    yield from _check_retention(document, tables[0])
    form = str(custom_properties(tables[0]).get("form"))
    for column in tables[0]["properties"]:
        yield from _check_column(column, layer, form)


def _check_header(document: Mapping[str, Any], stem: str) -> Iterator[Finding]:
    if document["apiVersion"] != "v3.1.0":
        yield "apiVersion", "must be v3.1.0"
    if document.get("name") != stem:
        yield "name", "must equal the file's stem"
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", document["version"]):
        yield "version", "must be MAJOR.MINOR.PATCH"
    if not document.get("description", {}).get("purpose"):
        yield "description/purpose", "is required"
    team = document.get("team")
    members = team.get("members", ()) if isinstance(team, Mapping) else ()
    if not any(member.get("role") == "owner" for member in members):
        yield "team/members", "needs an owner"


def _check_table(table: Mapping[str, Any], layer: str) -> Iterator[Finding]:
    if not table.get("dataGranularityDescription"):
        yield "schema/dataGranularityDescription", "is required"
    columns = [column["name"] for column in table["properties"]]
    for name in repeated(columns):
        yield name, "is declared twice"
    shapes = {"form": FORMS[layer], **TABLE_PROPERTIES}
    found = custom_properties(table)
    yield from _check_repeated_properties(table, "")
    for name in sorted(found.keys() - shapes.keys()):
        yield name, "is not a property that the house knows"
    for name, shape in shapes.items():
        if (name in found or name in REQUIRED_PROPERTIES[layer]) and not shape.fits(found.get(name)):
            yield name, f"must be {shape.words}"
    sound = {name: value for name, value in found.items() if name not in shapes or shapes[name].fits(value)}
    yield from _check_deletion(sound)
    yield from _check_references(sound, frozenset(columns))
    if "formats" in sound:
        yield from check_formats(sound["formats"], table["properties"])
    yield from check_proxies(sound, columns)
    measured = {
        each["name"]: {**custom_properties(each), "physicalType": each.get("physicalType")}
        for each in table["properties"]
    }
    yield from check_disclosure(sound, measured, layer)
    for name in ("feeds", "quarantine"):
        if name in sound and layer != "sources":
            yield name, "is a property of sources"
    yield from check_table_rules(table)


def _check_repeated_properties(element: Mapping[str, Any], place: str) -> Iterator[Finding]:
    for name in repeated(item["property"] for item in element.get("customProperties", ())):
        yield f"{place}{name}", "is given twice as a custom property"


def _check_deletion(properties: Mapping[str, Any]) -> Iterator[Finding]:
    strategy = properties.get("deletionStrategy")
    if strategy in {"exempt", "empty"} and not properties.get("deletionReason"):
        yield "deletionReason", f"is required beside {strategy}"
    if (properties.get("form") == SEALED) is not (strategy == "empty"):
        yield "deletionStrategy", "empty belongs to a sealed table, in which nobody can be found, and to no other"
    if properties.get("form") != "pseudonymised":
        return
    if strategy != "delete":
        yield "deletionStrategy", "must be delete for a pseudonymised table"
    if not (properties.get("subjectKeys") and properties.get("keyPurpose")):
        yield "subjectKeys", "a pseudonymised table needs subjectKeys and keyPurpose"


def _check_references(properties: Mapping[str, Any], columns: frozenset[str]) -> Iterator[Finding]:
    for reference in COLUMN_REFERENCES:
        named = properties.get(reference, ())
        missing = {named} - columns if isinstance(named, str) else set(named) - columns
        if missing:
            yield reference, f"names no column {', '.join(sorted(missing))}"
    if "bucketOf" in properties and "buckets" not in properties:
        yield "buckets", "is required beside bucketOf"


def _check_retention(document: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[Finding]:
    retention = [item for item in document.get("slaProperties", ()) if item["property"] == "retention"]
    if len(retention) != 1 or retention[0].get("unit") != "d" or not RETENTION_DAYS.fits(retention[0]["value"]):
        yield "slaProperties/retention", f"exactly one is required, in whole days (unit d): {RETENTION_DAYS.words}"
        return
    types = {f"{table['name']}.{column['name']}": column.get("physicalType") for column in table["properties"]}
    element = retention[0].get("element")
    if element not in types:
        yield "slaProperties/retention/element", "must name a column as table.column"
    elif types[element] not in {"date", "timestamp"}:
        yield "slaProperties/retention/element", "must name a date or a timestamp"


def _check_column(column: Mapping[str, Any], layer: str, form: str) -> Iterator[Finding]:
    name = column["name"]
    yield from _check_repeated_properties(column, f"{name}/")
    for unknown in sorted(custom_properties(column).keys() - COLUMN_PROPERTIES):
        yield f"{name}/{unknown}", "is not a property that the house knows"
    for rule in _check_description(column):
        yield name, rule
    treatment = custom_properties(column).get("treatment")
    for rule in check_treatment(treatment, layer):
        yield name, rule
    kind = str(treatment.get("kind")) if isinstance(treatment, Mapping) else ""
    for rule in _check_privacy(column, kind, layer, form):
        yield name, rule
    for rule in _check_correctable(custom_properties(column), kind, form):
        yield name, rule
    yield from check_limits(column)
    yield from check_column_rules(column)


def _check_description(column: Mapping[str, Any]) -> Iterator[str]:
    physical_type, logical_type = column.get("physicalType"), column.get("logicalType")
    if not column.get("description"):
        yield "has no description"
    if column.get("examples"):
        yield "examples are values, and values do not belong in a contract"
    if not CLASSIFICATIONS.fits(column.get("classification")):
        yield f"classification must be {CLASSIFICATIONS.words}"
    if not PHYSICAL_TYPES.fits(physical_type):
        yield f"physicalType must be {PHYSICAL_TYPES.words}"
    elif logical_type != LOGICAL_TYPES[str(physical_type)]:
        yield f"logicalType must be {LOGICAL_TYPES[str(physical_type)]} for the physicalType {physical_type}"


def _check_correctable(properties: Mapping[str, Any], kind: str, form: str) -> Iterator[str]:
    if "correctable" not in properties:
        return
    if not FLAG.fits(properties["correctable"]):
        yield f"correctable must be {FLAG.words}"
    if form != "pseudonymised" or kind not in CORRECTABLE_TREATMENTS:
        kinds = ", ".join(sorted(CORRECTABLE_TREATMENTS))
        yield f"correctable belongs to columns of pseudonymised tables whose treatment is one of {kinds}"


def _check_privacy(column: Mapping[str, Any], kind: str, layer: str, form: str) -> Iterator[str]:
    personal = column.get("classification") == RESTRICTED
    if layer == "sources":
        if personal and not TEXT.fits(custom_properties(column).get("identifierKind")):
            yield "a restricted source column needs identifierKind, a text"
        return
    hidden = kind.startswith(("pseudonymise", "encrypt")) or (form == SEALED and column.get("physicalType") == "binary")
    if personal and (form == "anonymised" or not hidden):
        yield "a restricted column must be pseudonymised or encrypted, and has no place in an anonymised table"
    if column.get("physicalType") != "binary16" and IDENTIFYING_NAMES.search(column["name"]):
        yield "is named like an identifier but is not a pseudonym"
    if layer == "lake" and kind not in {"derive", ""} and not column.get("transformSourceObjects"):
        yield "needs transformSourceObjects, or the treatment derive"
