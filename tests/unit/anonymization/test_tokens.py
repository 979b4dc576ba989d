"""A token is the same in a column and inside a text, tells its kind, and looks like nothing that a recogniser finds."""

import base64
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from presidio_analyzer.predefined_recognizers import IpRecognizer
from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

from anonymization.columns import NAME_ENTITIES
from anonymization.encryption import decrypt_addresses
from anonymization.errors import AnonymizationError
from anonymization.keyring import Key
from anonymization.operators import pseudonym_of
from anonymization.recognizers import build_recognizers
from anonymization.text_operators import OPERATORS, build_anonymizer
from anonymization.tokens import generalise, redact, tokenise, tokenise_encrypted, tokenise_networks

KEY = Key("usage-1", "usage", "1a" * 32, "2026-11-01T00:00:00+00:00")
ENGINE = build_anonymizer()
DEVICE_ID = "3f2b8c1e-0d4a-4b6f-9c1d-5e6f7a8b9c0d"
VALUES = {
    "EMAIL_ADDRESS": "taro@example.jp",
    "PHONE_NUMBER": "090-1234-5678",
    "IP_ADDRESS": "192.0.2.1",
    "UUID": DEVICE_ID,
    "MEMBER_ID": "u000000001",
    "CREDIT_CARD": "4111 1111 1111 1111",
    "JP_POSTAL_CODE": "〒106-0032",
}
EXPRESSIONS = {
    "pseudonymise": (lambda value, entity: tokenise(value, entity, KEY), {"key": KEY}),
    "encrypt_address": (lambda value, _: tokenise_encrypted(value, KEY), {"key": KEY}),
    "reduce_address": (lambda value, _: tokenise_networks(value), {}),
    "generalise": (lambda value, entity: generalise(value, entity, 4), {"keep": 4}),
    "redact_to_kind": (redact, {}),
}


def make_column(values: list[str | None], express) -> list[str | None]:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.String})
    return frame.select(express(pl.col("value"))).to_series().to_list()


def replace_in_text(value: str, entity: str, operator: str, **parameters: object) -> str:
    """What stands for a value in a sentence."""
    text = f"連絡は{value}へ"
    span = RecognizerResult(entity, 3, 3 + len(value), 1.0)
    made = ENGINE.anonymize(text, [span], {entity: OperatorConfig(operator, parameters)}).text
    return made.removeprefix("連絡は").removesuffix("へ")


@pytest.mark.parametrize("entity", VALUES)
@pytest.mark.parametrize("operator", EXPRESSIONS)
def test_a_value_has_the_same_token_in_a_column_and_inside_a_text(operator: str, entity: str):
    express, parameters = EXPRESSIONS[operator]
    (in_column,) = make_column([VALUES[entity]], lambda value: express(value, entity))

    assert replace_in_text(VALUES[entity], entity, operator, **parameters) == (in_column or f"<{entity}>")


@pytest.mark.parametrize(
    ("entity", "domain"), [("IP_ADDRESS", "address"), ("UUID", "device"), ("MEMBER_ID", "user"), ("IBAN", "iban")]
)
def test_token_holds_the_pseudonym_that_columns_hold(entity: str, domain: str):
    value = VALUES.get(entity, "GB33BUKB20201555555555")
    token = replace_in_text(value, entity, "pseudonymise", key=KEY)
    kind, key_id, letters = token.strip("<>").split(":")

    assert (kind, key_id) == (entity, "usage-1")
    assert base64.b32decode(f"{letters.upper()}======") == pseudonym_of(value, domain, KEY)


def test_spellings_of_one_identifier_have_one_token():
    spellings = {
        "EMAIL_ADDRESS": ["taro@example.jp", "Taro@Example.JP", " taro@example.jp ", "ｔａｒｏ@example.jp"],
        "PHONE_NUMBER": [
            "090-1234-5678",
            "09012345678",
            "+81 90 1234 5678",
            "+81(0)90-1234-5678",
            "０９０（１２３４）５６７８",
        ],
        "IP_ADDRESS": ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:443"],
    }
    for entity, written in spellings.items():
        tokens = make_column(written, lambda value, entity=entity: tokenise(value, entity, KEY))
        assert len(set(tokens)) == 1
        assert None not in tokens


def test_foreign_numbers_stay_apart_from_domestic_ones():
    numbers = ["090-1234-5678", "+1 90 1234 5678", "90-1234-5678", "+44 90 1234 5678"]

    assert len(set(make_column(numbers, lambda value: tokenise(value, "PHONE_NUMBER", KEY)))) == 4


def test_kinds_keys_and_values_have_tokens_of_their_own(security_key: Key):
    tokens = [
        *make_column(["a@example.jp", "b@example.jp"], lambda value: tokenise(value, "EMAIL_ADDRESS", KEY)),
        *make_column(["a@example.jp"], lambda value: tokenise(value, "OTHER", KEY)),
        *make_column(["a@example.jp"], lambda value: tokenise(value, "EMAIL_ADDRESS", security_key)),
    ]

    assert len({token.rpartition(":")[2] for token in tokens}) == 4


def test_network_is_a_24_or_a_48_with_mapped_addresses_unwrapped():
    addresses = ["192.0.2.1", "::ffff:192.0.2.99", "192.0.3.1", "2001:db8:aaaa:1::1", "2001:db8:aaaa:2::1", "x", None]

    assert make_column(addresses, tokenise_networks) == [
        "<IPV4_NETWORK:maaaac>",
        "<IPV4_NETWORK:maaaac>",
        "<IPV4_NETWORK:maaaad>",
        "<IPV6_NETWORK:caabanlikkkk>",
        "<IPV6_NETWORK:caabanlikkkk>",
        None,
        None,
    ]


@given(st.ip_addresses(), st.sampled_from(["", "は", "IP:", "1", "::", "fe80:", " "]))
def test_presidio_finds_nothing_in_a_network_s_token(address: object, beside: str):
    (token,) = make_column([str(address)], tokenise_networks)
    text = f"{beside}{token}{beside}"

    for recognizer in (IpRecognizer(), *build_recognizers([("MEMBER_ID", "u[0-9]{9}")])):
        entities = sorted(set(recognizer.supported_entities) - NAME_ENTITIES)  # a model takes any word for a name
        found = recognizer.analyze(text, entities, None) if entities else []
        assert [item for item in found if item.end > len(beside) and item.start < len(beside + token)] == []


@given(st.text(max_size=30))
def test_tokens_of_any_text_are_words_of_one_form(text: str):
    form = re.compile(r"<[A-Z0-9_]+(?::[a-z]+-[0-9]+:[a-z2-7]{26}|:[a-p]+)?>")
    for operator in ("pseudonymise", "encrypt_address", "reduce_address", "redact_to_kind"):
        made = next(item for item in OPERATORS if item.name == operator)()
        assert form.fullmatch(made.operate(text, {"entity_type": "IP_ADDRESS", "key": KEY}))


@pytest.mark.parametrize("text", ["\udce3planted", "", " ", "planted-host"])
def test_span_that_is_no_identifier_is_redacted_to_its_kind(text: str):
    operator = next(item for item in OPERATORS if item.name == "pseudonymise")()

    assert operator.operate(text, {"entity_type": "IP_ADDRESS", "key": KEY}) == "<IP_ADDRESS>"


def test_generalising_never_keeps_the_whole_value():
    assert make_column(["106-0032", "106", "10", "", None], lambda value: generalise(value, "CODE", 3)) == [
        "<CODE:106>",
        *["<CODE>"] * 3,
        None,
    ]


def test_encrypted_address_in_a_text_is_read_again():
    for keep_prefix in (False, True):
        token = replace_in_text("192.0.2.1", "IP_ADDRESS", "encrypt_address", key=KEY, keep_prefix=keep_prefix)
        letters = token.strip("<>").rpartition(":")[2]
        encrypted = pl.Series([base64.b32decode(f"{letters.upper()}======")])
        assert decrypt_addresses(encrypted, KEY, keep_prefix=keep_prefix).to_list() == ["c0000201"]


@pytest.mark.parametrize(
    ("operator", "missing"), [("pseudonymise", "key"), ("encrypt_address", "key"), ("generalise", "keep")]
)
def test_operator_without_its_parameter_stops(operator: str, missing: str):
    with pytest.raises(AnonymizationError, match=f"the operator {operator} needs {missing}"):
        replace_in_text("taro@example.jp", "EMAIL_ADDRESS", operator)


def test_configuration_of_an_operator_shows_no_secret():
    config = OperatorConfig("pseudonymise", {"key": KEY})

    assert KEY.secret not in f"{config!r} {vars(config)}"
