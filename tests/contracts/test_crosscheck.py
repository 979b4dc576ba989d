"""Contracts that each hold by themselves are refused when they do not fit together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from pipelines.contracts.crosscheck import LEDGER_RELATIONS, check_catalogue
from pipelines.contracts.lint import Violation
from pipelines.contracts.model import Contract, Layer, check_contracts, load_catalogue
from pipelines.errors import ContractInvalidError

CONTRACTS = Path(__file__).parents[2] / "data_contracts"
CATALOGUE = load_catalogue(CONTRACTS)


def change_column(layer: Layer, table: str, name: str, values: Mapping[str, Any]) -> list[Contract]:
    """Every contract of the house, one column changed."""
    contract = CATALOGUE.get(layer, table)
    columns = tuple(replace(column, **values) if column.name == name else column for column in contract.columns)
    return swap(replace(contract, columns=columns))


def change_properties(layer: Layer, table: str, values: Mapping[str, object]) -> list[Contract]:
    """Every contract of the house, custom properties of one table changed; None removes one."""
    contract = CATALOGUE.get(layer, table)
    kept = {name: value for name, value in {**contract.properties, **values}.items() if value is not None}
    return swap(replace(contract, properties=kept))


def swap(changed: Contract) -> list[Contract]:
    place = (changed.layer, changed.name)
    return [changed if (contract.layer, contract.name) == place else contract for contract in CATALOGUE.contracts]


def check(contracts: Sequence[Contract]) -> list[str]:
    return [str(violation) for violation in check_catalogue(contracts)]


def test_contracts_of_the_house_fit_together_in_any_order():
    assert check(CATALOGUE.contracts) == check(CATALOGUE.contracts[::-1]) == []


@pytest.mark.parametrize("kind", ["keep", "keep_listed", "keep_pattern", "keep_major"])
def test_restricted_source_column_does_not_enter_the_lake_as_it_is(kind: str):
    assert check(change_column("lake", "page_views", "route", {"treatment": {"kind": kind}})) == [
        f"lake/page_views.odcs.yaml: route: holds access.url as it is ({kind}), and that is restricted",
    ]


def test_parameter_that_its_source_does_not_list_is_not_kept():
    assert check(change_properties("sources", "access", {"parameters": None})) == [
        f"lake/page_views.odcs.yaml: {name}: keeps the parameter {name}, which access does not list"
        for name in ("utm_source", "utm_medium")
    ]


def test_column_that_becomes_restricted_may_no_longer_be_kept():
    assert check(change_column("sources", "access", "method", {"classification": "restricted"})) == [
        f"lake/{table}.odcs.yaml: method: holds access.method as it is (keep_listed), and that is restricted"
        for table in ("page_views", "security_events")
    ]


@pytest.mark.parametrize("values", [{"treatment": {"kind": "pseudonymise", "domain": "device"}}, {"origins": ()}])
def test_event_id_must_be_kept_as_a_pseudonym_by_which_it_is_known_again(values: Mapping[str, Any]):
    assert (
        "sources/devices.odcs.yaml: eventId: devices.event_id must be pseudonymised, domain event, in one lake table"
        in check(change_column("lake", "device_events", "event_pseudonym", values))
    )


@pytest.mark.parametrize("origin", ["access.path", "acces.url", "url", "page_views.route", "access.url.path"])
def test_lake_column_is_made_of_columns_that_sources_have(origin: str):
    assert check(change_column("lake", "page_views", "route", {"origins": ("access.url", origin)})) == [
        f"lake/page_views.odcs.yaml: route: is made of {origin}, which is no column of a source",
    ]


def test_lake_column_is_not_made_of_what_is_dropped():
    assert check(
        change_column("lake", "device_events", "platform", {"origins": ("devices.platform", "devices.model")})
    ) == [
        "lake/device_events.odcs.yaml: platform: is made of devices.model, which is dropped",
    ]


def test_source_column_that_no_lake_table_needs_must_be_dropped():
    assert check(change_column("sources", "devices", "model", {"treatment": {"kind": "transform"}})) == [
        "sources/devices.odcs.yaml: model: must be dropped, for no lake table is made of it",
    ]


def test_source_that_says_it_feeds_the_ledger_needs_no_lake_table():
    used_by_nothing = check(change_properties("sources", "requests", {"feeds": None}))

    assert used_by_nothing == [
        f"sources/requests.odcs.yaml: {name}: must be dropped, for no lake table is made of it"
        for name in ("request_key", "user_id", "channel")  # event_at dates the rows
    ]


def test_ledger_is_fed_by_accounts_and_requests_alone():
    fed = {source.name for source in CATALOGUE.layer("sources") if source.properties.get("feeds") == "ledger"}

    assert fed == {"accounts", "requests"}


@pytest.mark.parametrize("name", ["lake.visits", "page_views", "sources.access", "marts.usage_daily", "control.people"])
def test_mart_is_made_of_lake_tables_and_the_ledger_only(name: str):
    rule = f"{name} is no lake table, nor control.deletion_facts or control.restrictions or control.source_files"
    assert check(change_properties("marts", "usage_daily", {"inputs": ["lake.page_views", name]})) == [
        f"marts/usage_daily.odcs.yaml: inputs: {rule}",
    ]
    assert check(change_properties("marts", "usage_daily", {"inputs": ["lake.page_views", *LEDGER_RELATIONS]})) == []


def test_catalogue_whose_contracts_do_not_fit_together_does_not_load(tmp_path: Path):
    house = copytree(CONTRACTS, tmp_path / "contracts")
    (house / "sources/surveys.odcs.yaml").unlink()

    with pytest.raises(
        ContractInvalidError,
        match=r"^lake/survey_responses\.odcs\.yaml: user_pseudonym: is made of surveys\.user_id, which is no column",
    ):
        load_catalogue(house)


def test_every_violation_is_listed_and_those_between_contracts_once_each_holds(tmp_path: Path):
    house = copytree(CONTRACTS, tmp_path / "contracts")
    assert check_contracts(house) == ()

    marts = house / "marts/usage_daily.odcs.yaml"
    marts.write_text(marts.read_text().replace("[lake.page_views]", "[lake.visits]"))
    between = [
        Violation(
            "marts/usage_daily.odcs.yaml",
            "inputs",
            "lake.visits is no lake table, nor control.deletion_facts or control.restrictions or control.source_files",
        )
    ]
    assert list(check_contracts(house)) == between

    (house / "lake/searches.odcs.yaml").write_text("name: searches\n")
    assert {violation.file for violation in check_contracts(house)} == {"lake/searches.odcs.yaml"}
