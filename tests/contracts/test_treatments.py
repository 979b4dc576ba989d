"""A treatment is refused when it is none, belongs to another layer, or lacks, misshapes or invents an option."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts.lint import check_document
from pipelines.contracts.model import read_document

CONTRACTS = Path(__file__).parents[2] / "data_contracts"
COLUMNS = {"lake/page_views": "route", "sources/access": "url", "marts/usage_daily": "event_date"}


def check(treatment: object, table: str = "lake/page_views") -> list[tuple[str, str]]:
    """Field and rule of each violation when one column of a table has this treatment."""
    path = CONTRACTS / f"{table}.odcs.yaml"
    document = deepcopy(read_document(path))
    column = next(item for item in document["schema"][0]["properties"] if item["name"] == COLUMNS[table])
    others = [item for item in column["customProperties"] if item["property"] != "treatment"]
    column["customProperties"] = [{"property": "treatment", "value": treatment}, *others]
    return [(violation.field, violation.rule) for violation in check_document(document, path)]


LISTED = {"kind": "keep_listed", "values": ["a"], "otherwise": "b"}
PATTERN = "treatment keep_pattern: pattern must be a pattern anchored by ^ and $, without alternatives or flags"
REFUSALS = [
    (None, "has no treatment"),
    ({}, "has no treatment"),
    ({"sort": "keep"}, "has no treatment"),
    ("keep", "treatment must be a mapping with a kind"),
    (["keep"], "treatment must be a mapping with a kind"),
    ({"kind": "launder"}, "treatment must be one of derive, encrypt_address, encrypt_address_prefix, keep,"),
    ({"kind": ["keep"]}, "treatment must be one of derive,"),
    ({"kind": None}, "treatment must be one of derive,"),
    ({"kind": "drop"}, "treatment must be one of derive,"),
    ({"kind": "keep", "part": "route"}, "treatment keep takes no part"),
    ({"kind": "keep", 5: "route"}, "treatment keep takes no 5"),
    ({"kind": "derive", "domain": "user"}, "treatment derive takes no domain"),
    ({"kind": "keep_listed", "otherwise": "b"}, "treatment keep_listed lacks values"),
    ({"kind": "keep_listed", "values": ["a"]}, "treatment keep_listed lacks otherwise"),
    (LISTED | {"values": []}, "treatment keep_listed: values must be a list of texts or whole numbers"),
    (LISTED | {"values": "a"}, "treatment keep_listed: values must be a list of texts or whole numbers"),
    (LISTED | {"values": ["yes", True]}, "treatment keep_listed: values must be a list of texts or whole numbers"),
    (LISTED | {"otherwise": None}, "treatment keep_listed: otherwise must be a text or a whole number"),
    ({"kind": "encrypt_address", "domain": "address"}, "treatment encrypt_address takes no domain"),
    ({"kind": "keep_parameter"}, "treatment keep_parameter lacks name"),
    ({"kind": "keep_parameter", "name": ""}, "treatment keep_parameter: name must be a text"),
    ({"kind": "keep_pattern"}, "treatment keep_pattern lacks pattern"),
    ({"kind": "keep_pattern", "pattern": 5}, PATTERN),
    ({"kind": "pseudonymise"}, "treatment pseudonymise lacks domain"),
    ({"kind": "pseudonymise", "domain": "visitor"}, "treatment pseudonymise: domain must be one of address, device,"),
    ({"kind": "reduce_referrer"}, "treatment reduce_referrer lacks part"),
    ({"kind": "reduce_referrer", "part": "url"}, "treatment reduce_referrer: part must be one of channel, route,"),
    ({"kind": "reduce_user_agent", "part": "patch"}, "treatment reduce_user_agent: part must be one of bot_family,"),
    ({"kind": "template_url", "part": "query"}, "treatment template_url: part must be one of group, route"),
    ({"kind": "scrub"}, "treatment scrub lacks entities"),
    ({"kind": "scrub", "entities": []}, "treatment scrub: entities must be a list of names"),
    ({"kind": "scrub", "withoutNames": "keep"}, "treatment scrub lacks entities"),
    ({"kind": "scrub", "entities": ["PERSON"], "withoutNames": "hope"}, "treatment scrub: withoutNames must be one of"),
    ({"kind": "keep", "withoutNames": "keep"}, "treatment keep takes no withoutNames"),
    ({"kind": "sketch_people", "buckets": 48}, "treatment sketch_people: buckets must be a power of two from 2 to 256"),
    ({"kind": "sketch_people", "buckets": True}, "treatment sketch_people: buckets must be a power of two"),
]


@pytest.mark.parametrize(("treatment", "rule"), REFUSALS)
def test_treatment_that_cannot_be_applied_is_refused_by_column_and_rule(treatment: object, rule: str):
    assert [(field, broken.startswith(rule)) for field, broken in check(treatment)] == [("route", True)]


def test_untreated_column_needs_a_treatment_even_as_no_custom_property():
    document = deepcopy(read_document(CONTRACTS / "lake/page_views.odcs.yaml"))
    for column in document["schema"][0]["properties"]:
        del column["customProperties"]

    untreated = check_document(document, CONTRACTS / "lake/page_views.odcs.yaml")
    assert {item.field for item in untreated if item.rule == "has no treatment"} == {
        column["name"] for column in document["schema"][0]["properties"]
    }


@pytest.mark.parametrize(
    ("table", "kinds"), [("sources/access", "drop, transform"), ("marts/usage_daily", "aggregate")]
)
def test_each_layer_has_treatments_of_its_own(table: str, kinds: str):
    assert (COLUMNS[table], f"treatment must be one of {kinds}") in check({"kind": "keep"}, table)


UNANCHORED = [
    *("[a-z]+", "^[a-z]+", "[a-z]+$", r"^[a-z]+\$", r"^[a-z]+\\\$", "", "^", "$"),
    *("^a|b$", "^(?:a|b)$", "^(?:a)|(?:b)$"),  # each alternative would need both anchors
    *("(?m)^a$", "^(?m)a$", "^(?x)a #$", "^(?i:a)$", "^(?=a)a$"),  # flags can move the end, lookaround can be no Rust
    *("^*a$", "^?a$", "^{0}a$", "^+a$"),  # a repeated ^ need not match
]


@pytest.mark.parametrize("pattern", UNANCHORED)
def test_pattern_that_can_match_a_part_of_a_value_keeps_nothing(pattern: str):
    assert check({"kind": "keep_pattern", "pattern": pattern}) == [("route", PATTERN)]


TREATMENTS: list[Mapping[str, Any]] = [
    {"kind": "keep"},
    LISTED,
    LISTED | {"values": [1, 2], "otherwise": 0},
    *({"kind": "keep_pattern", "pattern": pattern} for pattern in ("^[a-z-]{1,40}$", r"^a\$$", r"^\^\\$", "^(?:ab)+$")),
    {"kind": "encrypt_address"},
    {"kind": "encrypt_address_prefix"},
    {"kind": "keep_parameter", "name": "sort"},
    {"kind": "pseudonymise_network"},
    {"kind": "reduce_referrer", "part": "route"},
    {"kind": "scrub", "entities": ["PERSON"]},
    {"kind": "scrub", "entities": ["PERSON"], "withoutNames": "keep"},
    {"kind": "sketch_people", "buckets": 64},
]


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_treatment_with_the_options_that_it_takes_is_accepted(treatment: Mapping[str, Any]):
    assert check(treatment) == []
