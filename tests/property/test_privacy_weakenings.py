"""A weakening of any one fact of any contract is caught and named; a strengthening never is."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.contracts.model import load_catalogue
from pipelines.contracts.privacy import COLUMN_FACTS, CONTRACT_FACTS, TREATMENTS, describe_privacy, find_weakenings
from pipelines.contracts.treatments import TREATMENTS as TREATMENTS_OF_LAYERS

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "data_contracts")
FACTS = describe_privacy(CATALOGUE)
COLUMNS = [(contract, column) for contract, facts in FACTS.items() for column in facts["columns"]]

# Written by hand, pair by pair, apart from the orders in the code: what was, and what protects less.
LOOSER = {
    "classification": [
        ("restricted", "confidential"),
        ("restricted", "internal"),
        ("restricted", "public"),
        ("confidential", "internal"),
        ("confidential", "public"),
        ("internal", "public"),
    ],
    "deletionStrategy": [
        ("delete", "recompute"),
        ("delete", "expire"),
        ("delete", "exempt"),
        ("recompute", "expire"),
        ("recompute", "exempt"),
        ("expire", "exempt"),
        ("empty", "delete"),
    ],
    "form": [("anonymised", "pseudonymised"), ("anonymised", "sealed"), ("pseudonymised", "raw"), ("sealed", "raw")],
    "retentionDays": [(0, 1), (30, 31), (395, 3650)],
    "minimumPeople": [(10, 9), (10, None), (2, 1)],
    "visitorKeyDays": [(3, 4), (3, None)],
    "quarantineDays": [(None, 1), (7, 8)],
    "subjectKeys": [(["device_pseudonym", "user_pseudonym"], ["user_pseudonym"]), (["user_pseudonym"], None)],
    "keyPurpose": [("usage", "security"), ("usage", None)],
    "peopleColumn": [("visitors", "page_views"), ("visitors", None)],
    "cellsWithin": [(["survey_id"], []), (["survey_id"], None)],
    "cellDimensions": [(["browser_family", "language"], ["language"]), (["language"], None)],
    "identifierPatterns": [(["MEMBER u[0-9]{9}"], None), (["MEMBER u[0-9]{9}"], ["MEMBER u[0-9]{8}"])],
    "parameters": [({"utm_source": "^[a-z]$"}, {"utm_source": "^.$"})],
    "identifierKind": [("user", "device"), ("user", None)],
    "shareOf": [
        ({"count": "visits", "whole": 1}, {"count": "visitors", "whole": 1}),
        ({"count": "visits", "whole": 1}, None),
    ],
    "roundTo": [(5, 1), (5, None), (0.01, 0.001)],
    "treatment": [
        ({"kind": "drop"}, {"kind": "transform"}),
        ({"kind": "drop"}, {"kind": "keep_major"}),
        ({"kind": "pseudonymise", "domain": "user"}, {"kind": "keep"}),
        ({"kind": "pseudonymise", "domain": "user"}, {"kind": "encrypt_address"}),
        ({"kind": "pseudonymise", "domain": "user"}, {"kind": "pseudonymise", "domain": "device"}),
        ({"kind": "pseudonymise_network"}, {"kind": "pseudonymise", "domain": "address"}),
        ({"kind": "encrypt_address"}, {"kind": "encrypt_address_prefix"}),
        ({"kind": "locate_country"}, {"kind": "encrypt_address"}),
        ({"kind": "reduce_language"}, {"kind": "keep"}),
        ({"kind": "reduce_language"}, {"kind": "derive"}),
        ({"kind": "template_url", "part": "group"}, {"kind": "template_url", "part": "route"}),
        ({"kind": "keep_listed", "values": ["a"], "otherwise": "-"}, {"kind": "keep_pattern", "pattern": "^.*$"}),
        (
            {"kind": "keep_listed", "values": ["a"], "otherwise": "-"},
            {"kind": "keep_listed", "values": ["a", "b"], "otherwise": "-"},
        ),
        ({"kind": "keep_pattern", "pattern": "^[a]$"}, {"kind": "keep_pattern", "pattern": "^.*$"}),
        ({"kind": "scrub", "entities": ["PERSON", "EMAIL"]}, {"kind": "scrub", "entities": ["PERSON"]}),
        ({"kind": "scrub", "entities": ["PERSON"]}, {"kind": "scrub", "entities": ["PERSON"], "withoutNames": "keep"}),
        ({"kind": "scrub", "entities": ["PERSON"]}, {"kind": "keep"}),
        ({"kind": "sketch_people", "buckets": 16}, {"kind": "sketch_people", "buckets": 32}),
        ({"kind": "aggregate"}, {"kind": "keep"}),
    ],
}
CHANGES = [(fact, was, now) for fact, pairs in LOOSER.items() for was, now in pairs]
# Of these two, either way round protects less, for neither is known to protect more.
INCOMPARABLE = {"shareOf", "keyPurpose", "peopleColumn", "identifierKind", "identifierPatterns", "parameters"}


def put(facts: dict[str, Any], fact: str, value: object) -> None:
    facts.pop(fact, None)
    if value is not None:
        facts[fact] = value


def set_fact(place: tuple[str, str], fact: str, value: object) -> dict[str, Any]:
    """Every contract as it is, with one fact changed in one contract or in one of its columns."""
    contract, column = place
    changed = {**FACTS, contract: copy.deepcopy(FACTS[contract])}
    put(changed[contract] if fact in CONTRACT_FACTS else changed[contract]["columns"][column], fact, value)
    return changed


def raise_version(facts: dict[str, Any], contract: str, part: int) -> None:
    numbers = [int(number) for number in facts[contract]["version"].split(".")]
    numbers = [*numbers[:part], numbers[part] + 1, *(0 for _ in numbers[part + 1 :])]
    facts[contract]["version"] = ".".join(map(str, numbers))


@given(st.sampled_from(COLUMNS), st.sampled_from(CHANGES), st.sampled_from([None, 1, 2]))
def test_any_weakening_of_any_contract_is_caught_and_named_without_a_new_major_version(place, change, part):
    fact, was, now = change
    after = set_fact(place, fact, now)
    if part:
        raise_version(after, place[0], part)
    (violation,) = find_weakenings(set_fact(place, fact, was), after)
    assert violation.file == f"{place[0]}.odcs.yaml"
    assert violation.field == (fact if fact in CONTRACT_FACTS else f"{place[1]}/{fact}")


@given(st.sampled_from(COLUMNS), st.sampled_from(CHANGES))
def test_new_major_version_may_change_anything(place, change):
    fact, was, now = change
    after = set_fact(place, fact, now)
    raise_version(after, place[0], 0)
    assert find_weakenings(set_fact(place, fact, was), after) == ()


@given(st.sampled_from(COLUMNS), st.sampled_from(CHANGES))
def test_strengthening_is_never_refused(place, change):
    fact, was, now = change
    one_way = not (fact == "treatment" and was["kind"] == now["kind"] and was.keys() & {"domain", "pattern", "part"})
    assume(one_way and (fact not in INCOMPARABLE or now is None))
    assert find_weakenings(set_fact(place, fact, now), set_fact(place, fact, was)) == ()


@given(st.sampled_from(COLUMNS))
def test_column_or_contract_that_goes_protects_no_less(place):
    contract, column = place
    after = {**FACTS, contract: copy.deepcopy(FACTS[contract])}
    del after[contract]["columns"][column]
    assert find_weakenings(FACTS, after) == ()
    del after[contract]
    assert find_weakenings(FACTS, after) == ()


@given(st.sampled_from(sorted(FACTS)), st.lists(st.sampled_from(CHANGES), max_size=4))
def test_several_weakenings_hide_none_of_each_other(contract, changes):
    column = next(iter(FACTS[contract]["columns"]))
    distinct = {fact: (was, now) for fact, was, now in changes}
    before, after = ({**FACTS, contract: copy.deepcopy(FACTS[contract])} for _ in range(2))
    for fact, pair in distinct.items():
        for facts, value in zip((before, after), pair, strict=True):
            put(facts[contract] if fact in CONTRACT_FACTS else facts[contract]["columns"][column], fact, value)
    found = {violation.field.rpartition("/")[2] for violation in find_weakenings(before, after)}
    assert found == distinct.keys()


def test_every_fact_has_its_order_and_a_weakening_that_tests_it():
    assert CONTRACT_FACTS.keys() | COLUMN_FACTS.keys() == LOOSER.keys()
    stated = {fact for facts in FACTS.values() for fact in facts} - {"columns", "version"}
    assert stated <= CONTRACT_FACTS.keys()
    of_columns = {fact for facts in FACTS.values() for column in facts["columns"].values() for fact in column}
    assert of_columns - {"origins"} <= COLUMN_FACTS.keys()


@pytest.mark.parametrize("layer", TREATMENTS_OF_LAYERS)
def test_every_treatment_has_its_place(layer: str):
    assert TREATMENTS_OF_LAYERS[layer].keys() <= {kind for kinds in TREATMENTS for kind in kinds}
