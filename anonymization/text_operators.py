"""The same tokens inside a text as in a column: each Presidio operator evaluates the column's own expression."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import polars as pl
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.operators import Operator, OperatorType

from anonymization.errors import AnonymizationError
from anonymization.keyring import Key
from anonymization.operators import apply_to_one
from anonymization.tokens import generalise, redact, tokenise, tokenise_encrypted, tokenise_networks

Parameters = Mapping[str, Any]


class TokenOperator(Operator):
    """An operator that puts what an expression makes of a span in its place; <ENTITY> when that is nothing.

    Presidio tells it the kind of the span as the parameter entity_type.
    """

    name: ClassVar[str]
    required: ClassVar[Mapping[str, type]] = {}

    @abstractmethod
    def express(self, values: pl.Expr, entity: str, given: Parameters) -> pl.Expr:
        """The expression that makes the tokens."""

    def operate(self, text: str, params: dict[str, Any] | None = None) -> str:
        given = params or {}
        entity = str(given.get("entity_type", "REDACTED"))
        token = apply_to_one(text, lambda values: self.express(values, entity, given))
        return token if isinstance(token, str) else f"<{entity}>"

    def validate(self, params: dict[str, Any] | None = None) -> None:
        """Raises AnonymizationError for a parameter that is missing or of another type."""
        for parameter, kind in self.required.items():
            if not isinstance((params or {}).get(parameter), kind):
                raise AnonymizationError(f"the operator {self.name} needs {parameter}, a {kind.__name__}")

    def operator_name(self) -> str:
        return self.name

    def operator_type(self) -> OperatorType:
        return OperatorType.Anonymize


class PseudonymOperator(TokenOperator):
    """Parameter key. As `tokenise`."""

    name, required = "pseudonymise", {"key": Key}

    def express(self, values: pl.Expr, entity: str, given: Parameters) -> pl.Expr:
        return tokenise(values, entity, given["key"])


class EncryptionOperator(TokenOperator):
    """Parameters key and, to keep prefixes, keep_prefix. As `tokenise_encrypted`."""

    name, required = "encrypt_address", {"key": Key}

    def express(self, values: pl.Expr, entity: str, given: Parameters) -> pl.Expr:  # noqa: ARG002 - of addresses only
        return tokenise_encrypted(values, given["key"], keep_prefix=bool(given.get("keep_prefix", False)))


class NetworkOperator(TokenOperator):
    """No parameters. As `tokenise_networks`."""

    name = "reduce_address"

    def express(self, values: pl.Expr, entity: str, given: Parameters) -> pl.Expr:  # noqa: ARG002 - of addresses only
        return tokenise_networks(values)


class GeneralOperator(TokenOperator):
    """Parameter keep, a number of characters. As `generalise`."""

    name, required = "generalise", {"keep": int}

    def express(self, values: pl.Expr, entity: str, given: Parameters) -> pl.Expr:
        return generalise(values, entity, given["keep"])


class KindOperator(TokenOperator):
    """No parameters. As `redact`."""

    name = "redact_to_kind"

    def express(self, values: pl.Expr, entity: str, given: Parameters) -> pl.Expr:  # noqa: ARG002 - it needs none
        return redact(values, entity)


OPERATORS = (PseudonymOperator, EncryptionOperator, NetworkOperator, GeneralOperator, KindOperator)


def build_anonymizer() -> AnonymizerEngine:
    """Presidio's engine with these operators beside its own."""
    engine = AnonymizerEngine()  # type: ignore[no-untyped-call]
    for operator in OPERATORS:
        engine.add_anonymizer(operator)
    return engine
