"""A pseudonym depends on the identifier, its domain and the key, and on nothing else."""

import hmac
import itertools
import pickle
import sys

import polars as pl
import pytest
from srsly import cloudpickle

from anonymization.encryption import encrypt_addresses
from anonymization.errors import AnonymizationError
from anonymization.keyring import Key
from anonymization.operators import canonicalise, pseudonym_of, pseudonymise, sketch
from anonymization.tokens import tokenise, tokenise_encrypted, tokenise_networks

DEVICE_ID = "3f2b8c1e-0d4a-4b6f-9c1d-5e6f7a8b9c0d"
DOMAINS = ("user", "device", "address", "network", "visitor")


def pseudonymise_all(values: list[str | None], domain: str, key: Key) -> list[bytes | None]:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.String})
    return frame.select(pseudonymise(pl.col("value"), domain, key)).to_series().to_list()


def test_pseudonym_is_half_of_an_hmac_of_domain_and_identifier(usage_key: Key):
    whole = hmac.digest(usage_key.secret.encode(), b"user\x1fu000000001", "sha256")

    assert pseudonymise_all(["u000000001"], "user", usage_key) == [whole[:16]]


def test_null_empty_and_blank_identifiers_have_no_pseudonym(usage_key: Key):
    for domain in DOMAINS:
        assert pseudonymise_all([None, "", "  ", "\t\n\u3000"], domain, usage_key) == [None] * 4


def test_one_identifier_in_two_domains_has_two_pseudonyms(usage_key: Key):
    pseudonyms = {pseudonym_of("192.0.2.1", domain, usage_key) for domain in DOMAINS}

    assert len(pseudonyms) == len(DOMAINS)


def test_one_identifier_under_two_purposes_has_two_pseudonyms(usage_key: Key, security_key: Key):
    assert pseudonym_of("u000000001", "user", usage_key) != pseudonym_of("u000000001", "user", security_key)


@pytest.mark.parametrize("spelling", [DEVICE_ID.upper(), f" {DEVICE_ID}", f"{DEVICE_ID}\r\n", f"\u3000{DEVICE_ID}\t"])
def test_spellings_of_one_device_id_are_one_device(spelling: str, usage_key: Key):
    assert pseudonym_of(spelling, "device", usage_key) == pseudonym_of(DEVICE_ID, "device", usage_key)


def test_space_around_a_user_id_says_nothing_but_its_case_does(usage_key: Key):
    plain = pseudonym_of("u00000000a", "user", usage_key)

    assert pseudonym_of(" u00000000a\n", "user", usage_key) == plain
    assert pseudonym_of("U00000000A", "user", usage_key) != plain


def test_addresses_of_one_network_share_the_network_s_pseudonym_only(usage_key: Key):
    near, far = pseudonymise_all(["192.0.2.1", "::ffff:192.0.2.254"], "network", usage_key)

    assert near == far
    assert pseudonym_of("192.0.2.1", "address", usage_key) != pseudonym_of("192.0.2.254", "address", usage_key)


def test_what_is_no_address_has_no_pseudonym(usage_key: Key):
    assert pseudonymise_all(["unix:", "192.0.2.256", "192.0.2.1"], "address", usage_key)[:2] == [None, None]


@pytest.mark.parametrize(
    ("value", "domain"),
    [("", "user"), (" ", "device"), ("planted-host", "address"), ("u\udce3planted", "user")],
    ids=["empty", "blank", "no address", "lone surrogate"],
)
def test_a_single_value_that_is_no_identifier_is_refused_without_being_named(value: str, domain: str, usage_key: Key):
    with pytest.raises(AnonymizationError) as caught:
        pseudonym_of(value, domain, usage_key)

    assert "planted" not in str(caught.value)
    assert caught.value.__context__ is None


def test_errors_of_a_wrong_column_type_show_neither_key_nor_value(usage_key: Key):
    frame = pl.DataFrame({"value": [4141414141]})

    with pytest.raises(pl.exceptions.PolarsError) as caught:
        frame.select(pseudonymise(pl.col("value"), "user", usage_key))

    assert usage_key.secret not in str(caught.value)
    assert "4141414141" not in str(caught.value)


def test_an_unknown_domain_still_ignores_surrounding_space():
    frame = pl.DataFrame({"value": [" A ", " "]})
    spelled = frame.select(canonicalise(pl.col("value"), "shop")).to_series()

    assert spelled.to_list() == ["A", None]


def test_sketch_tells_few_values_apart(usage_key: Key):
    people = pl.DataFrame({"person": [f"u{number:09}" for number in range(1000)] + [None]})
    buckets = people.select(sketch(pl.col("person"), 64, usage_key)).to_series()

    assert set(buckets[:-1]) == set(range(64))
    assert buckets[-1] is None


def test_sketches_under_two_keys_are_unrelated(usage_key: Key, security_key: Key):
    people = pl.DataFrame({"person": [f"u{number:09}" for number in range(640)]})
    drawn = [
        people.select(sketch(pl.col("person"), 64, key)).to_series().to_list() for key in (usage_key, security_key)
    ]

    assert sum(itertools.starmap(int.__eq__, zip(*drawn, strict=True))) < 40


@pytest.mark.parametrize(
    "express",
    [
        lambda values, key: pseudonymise(values, "user", key),
        lambda values, key: pseudonymise(values, "address", key),
        lambda values, key: sketch(values, 64, key),
        lambda values, key: tokenise(values, "EMAIL_ADDRESS", key),
        tokenise_encrypted,
        lambda values, key: encrypt_addresses(values, key, keep_prefix=True),
    ],
    ids=["pseudonymise", "address", "sketch", "tokenise", "tokenise_encrypted", "encrypt_addresses"],
)
def test_no_plan_with_a_key_can_be_serialised(express, usage_key: Key, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", cloudpickle)  # with which Polars carries functions
    expression = express(pl.col("value"), usage_key)
    plan = pl.LazyFrame({"value": ["192.0.2.1"]}).select(expression)

    for serialise in (plan.serialize, expression.meta.serialize, lambda: pickle.dumps(plan)):
        with pytest.raises((AnonymizationError, pl.exceptions.PolarsError), match="does not leave") as caught:
            serialise()
        assert usage_key.secret not in str(caught.value)
    assert usage_key.secret not in f"{plan.explain()} {plan!r} {expression!r}"
    assert plan.collect().height == 1


def test_a_plan_without_a_key_could_have_been_serialised(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", cloudpickle)  # with which Polars carries functions

    assert pl.LazyFrame({"value": ["192.0.2.1"]}).select(tokenise_networks(pl.col("value"))).serialize()


def test_columns_of_nulls_have_no_pseudonyms(usage_key: Key):
    frame = pl.DataFrame({"value": [None, None]})

    assert frame.select(pseudonymise(pl.col("value"), "user", usage_key)).to_series().to_list() == [None, None]


def test_expressions_of_a_key_work_in_lazy_and_streaming_plans(usage_key: Key):
    plan = pl.LazyFrame({"value": ["u1", None, "u2", "u1"]}).select(pseudonymise(pl.col("value"), "user", usage_key))
    expected = pseudonymise_all(["u1", None, "u2", "u1"], "user", usage_key)

    assert plan.collect()["value"].to_list() == plan.collect(engine="streaming")["value"].to_list() == expected
