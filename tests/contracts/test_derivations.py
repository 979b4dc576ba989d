"""What follows from the contracts alone, and that the contracts fit together."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from anonymization.columns import TREATMENTS
from anonymization.treatment import Treatment
from anonymization.user_agent import PARTS
from pipelines.contracts.derive import (
    DeletionTarget,
    Expectation,
    deletion_targets,
    duckdb_schema,
    expectations,
    lake_tables_of,
    polars_schema,
    retention_limits,
    treatments,
)
from pipelines.contracts.model import Contract, load_catalogue
from pipelines.contracts.treatments import LAKE_TREATMENTS, USER_AGENT_PARTS

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "data_contracts")
PAGE_VIEWS = CATALOGUE.get("lake", "page_views")
HINTED_AGENT = ("user_agent", "ch_ua", "ch_ua_platform", "ch_ua_platform_version", "ch_ua_mobile")
every_lake_table = pytest.mark.parametrize("table", CATALOGUE.layer("lake"), ids=lambda table: table.name)


def test_schema_of_page_views_keeps_the_contract_s_order_and_types():
    types = {
        "event_at": (pl.Datetime("us", "UTC"), "TIMESTAMPTZ"),
        "event_date": (pl.Date(), "DATE"),
        "subject_bucket": (pl.Int32(), "INTEGER"),
        "visitor_pseudonym": (pl.Binary(), "BLOB"),
        "user_pseudonym": (pl.Binary(), "BLOB"),
        "device_pseudonym": (pl.Binary(), "BLOB"),
        "key_id": (pl.String(), "VARCHAR"),
        "method": (pl.String(), "VARCHAR"),
        "route": (pl.String(), "VARCHAR"),
        "page_group": (pl.String(), "VARCHAR"),
        "is_page_view": (pl.Boolean(), "BOOLEAN"),
        "status_code": (pl.Int32(), "INTEGER"),
        "response_bytes": (pl.Int64(), "BIGINT"),
        "referrer_channel": (pl.String(), "VARCHAR"),
        "referrer_source": (pl.String(), "VARCHAR"),
        "utm_source": (pl.String(), "VARCHAR"),
        "utm_medium": (pl.String(), "VARCHAR"),
        "browser_family": (pl.String(), "VARCHAR"),
        "browser_major": (pl.Int32(), "INTEGER"),
        "os_family": (pl.String(), "VARCHAR"),
        "os_major": (pl.Int32(), "INTEGER"),
        "device_class": (pl.String(), "VARCHAR"),
        "language": (pl.String(), "VARCHAR"),
        "country": (pl.String(), "VARCHAR"),
        "bot_family": (pl.String(), "VARCHAR"),
        "file_id": (pl.String(), "VARCHAR"),
        "line_number": (pl.Int64(), "BIGINT"),
    }

    assert list(polars_schema(PAGE_VIEWS).items()) == [(name, kind) for name, (kind, _) in types.items()]
    assert list(duckdb_schema(PAGE_VIEWS).items()) == [(name, kind) for name, (_, kind) in types.items()]


def test_treatments_of_page_views_say_input_kind_and_options_of_every_column_that_is_not_derived():
    assert treatments(PAGE_VIEWS, "access") == (
        Treatment("event_at", "keep", ("event_at",)),
        Treatment("visitor_pseudonym", "pseudonymise_visitor", ("device_id", "user_id", "client_ip", "user_agent")),
        Treatment("user_pseudonym", "pseudonymise", ("user_id",), {"domain": "user"}),
        Treatment("device_pseudonym", "pseudonymise", ("device_id",), {"domain": "device"}),
        Treatment(
            "method",
            "keep_listed",
            ("method",),
            {"values": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], "otherwise": "OTHER"},
        ),
        Treatment("route", "template_url", ("url",), {"part": "route"}),
        Treatment("page_group", "template_url", ("url",), {"part": "group"}),
        Treatment("status_code", "keep", ("status_code",)),
        Treatment("response_bytes", "keep", ("response_bytes",)),
        Treatment("referrer_channel", "reduce_referrer", ("referrer",), {"part": "channel"}),
        Treatment("referrer_source", "reduce_referrer", ("referrer",), {"part": "source"}),
        Treatment("utm_source", "keep_parameter", ("url",), {"name": "utm_source"}),
        Treatment("utm_medium", "keep_parameter", ("url",), {"name": "utm_medium"}),
        Treatment("browser_family", "reduce_user_agent", HINTED_AGENT, {"part": "browser_family"}),
        Treatment("browser_major", "reduce_user_agent", HINTED_AGENT, {"part": "browser_major"}),
        Treatment("os_family", "reduce_user_agent", HINTED_AGENT, {"part": "os_family"}),
        Treatment("os_major", "reduce_user_agent", HINTED_AGENT, {"part": "os_major"}),
        Treatment("device_class", "reduce_user_agent", HINTED_AGENT, {"part": "device_class"}),
        Treatment("language", "reduce_language", ("accept_language",)),
        Treatment("country", "locate_country", ("client_ip",)),
        Treatment("bot_family", "reduce_user_agent", HINTED_AGENT, {"part": "bot_family"}),
    )


def test_page_views_are_made_of_access_alone_and_take_nothing_from_other_sources():
    assert treatments(PAGE_VIEWS, "devices") == ()
    assert PAGE_VIEWS not in lake_tables_of(CATALOGUE, "devices")


def test_table_of_two_sources_takes_from_each_its_own_columns():
    links = CATALOGUE.get("lake", "identity_links")
    of_each_source = (
        Treatment("user_pseudonym", "pseudonymise", ("user_id",), {"domain": "user"}),
        Treatment("device_pseudonym", "pseudonymise", ("device_id",), {"domain": "device"}),
    )

    assert treatments(links, "access") == treatments(links, "devices") == of_each_source


def test_one_source_feeds_each_lake_table_that_names_it():
    assert [contract.name for contract in lake_tables_of(CATALOGUE, "access")] == [
        *("identity_links", "page_views", "security_events"),
    ]


def test_expectations_of_page_views_follow_from_required_columns_limits_and_quality_rules():
    found = {expectation.id: expectation for expectation in expectations(PAGE_VIEWS)}

    required = {f"{column.name}__nulls" for column in PAGE_VIEWS.columns if column.required}
    bounded = {f"{name}__range" for name in ("subject_bucket", "status_code", "response_bytes", "line_number")}
    listed = {f"{name}__valid_values" for name in ("method", "referrer_channel", "device_class")}
    assert found.keys() == required | bounded | listed | {"country__pattern", "_table__row_count"}
    assert found["status_code__range"] == Expectation(
        id="status_code__range",
        column="status_code",
        check="range",
        arguments={"minimum": 100, "maximum": 599},
        unit="rows",
        minimum=0,
        maximum=0,
        severity="critical",
        dimension="conformity",
        description="status_code lies within its limits",
    )


def test_quality_rule_is_described_in_its_own_words_or_else_by_its_id():
    quality = CATALOGUE.get("marts", "data_quality_daily"), PAGE_VIEWS
    described = {found.id: found.description for contract in quality for found in expectations(contract)}

    assert described["_table__reconciles"] == "read = accepted + rejected + duplicate + suppressed"
    assert described["_table__row_count"] == "table: row count"
    assert described["method__valid_values"] == "method: valid values"


def test_deletion_reaches_every_lake_table_and_mart_and_finds_page_views_by_member_and_device():
    targets = deletion_targets(CATALOGUE)

    stored = {(contract.layer, contract.name) for contract in (*CATALOGUE.layer("lake"), *CATALOGUE.layer("marts"))}
    assert {(target.layer, target.table) for target in targets} == stored
    keys = ("user_pseudonym", "device_pseudonym")
    assert DeletionTarget("page_views", "lake", "delete", None, keys, "usage") in targets


def test_every_pseudonymised_table_is_deleted_from_and_every_mart_of_one_is_recomputed():
    pseudonymised = {contract.name for contract in CATALOGUE.layer("lake") if contract.form == "pseudonymised"}
    marts = {
        mart.name
        for mart in CATALOGUE.layer("marts")
        if any(source.removeprefix("lake.") in pseudonymised for source in mart.properties["inputs"])
    }

    strategies = {(target.layer, target.table): target.strategy for target in deletion_targets(CATALOGUE)}
    assert {strategies["lake", name] for name in pseudonymised} == {"delete"}
    assert {strategies["marts", name] for name in marts} == {"recompute"}


def test_retention_limit_is_the_first_day_that_may_still_be_held():
    limits = retention_limits(CATALOGUE, date(2026, 12, 31))

    assert limits.keys() == {contract.name for contract in CATALOGUE.layer("lake")}
    assert limits["page_views"] == date(2025, 12, 1)
    assert limits["security_events"] == date(2026, 12, 1)


def test_retention_of_every_contract_is_counted_from_a_day_or_a_time():
    kinds = {
        f"{contract.layer}/{contract.name}": contract.column(contract.retention_column).physical_type
        for contract in CATALOGUE.contracts
    }

    assert set(kinds.values()) <= {"date", "timestamp"}, kinds


@every_lake_table
def test_pattern_of_a_kept_column_compiles_where_it_is_applied(table: Contract):
    patterns = [column.treatment["pattern"] for column in table.columns if "pattern" in column.treatment]

    assert [pl.Series([""]).str.contains(pattern).to_list() for pattern in patterns] == [[False]] * len(patterns)


def test_lint_allows_the_treatments_that_can_be_applied_and_no_other():
    assert LAKE_TREATMENTS.keys() - {"derive"} == TREATMENTS.keys()


def test_lint_allows_the_parts_of_a_user_agent_that_are_found_and_no_other():
    assert tuple(PARTS) == USER_AGENT_PARTS
