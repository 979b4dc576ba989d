"""What a certificate states, the rules that make it honest, and its canonical JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import orjson

from pipelines.proof.signature import invalid

Kind = Literal["deletion", "access", "restrict", "unrestrict", "correct"]
Outcome = Literal[
    "erased",
    "absent",
    "recomputed",
    "exempt",
    "expires",
    "unreachable",
    "exported",
    "restricted",
    "restored",
    "corrected",
]
# What each right does to the rows that are there; the other outcomes go with any of them, but for erasure.
OWN_OUTCOMES: Mapping[str, Outcome] = {
    "deletion": "erased",
    "access": "exported",
    "restrict": "restricted",
    "unrestrict": "restored",
    "correct": "corrected",
}
PENDING = ("expires", "unreachable")
# What certificates did not state at first, and what is left out where there is nothing to state.
ADDED_FIELDS = (
    "version_before",
    "version_after",
    "until",
    "outlying_count",
    "report_digest",
    "export_digest",
    "recipients",
)
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class DatasetOutcome:
    """What became of the subject in one dataset; the survivors' hashes show that no other row changed.

    reason: an exemption's basis, or why something is unreachable. until: the last day of an exemption. version_before
    and version_after: the table's versions that were planned for and that were scanned.
    """

    dataset: str
    outcome: Outcome
    row_count: int = 0
    file_count: int = 0
    reason: str | None = None
    expires_on: date | None = None
    survivors_hash_before: str | None = None
    survivors_hash_after: str | None = None
    version_before: int | None = None
    version_after: int | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What the independent scan looked for and read, and how many occurrences remained.

    outlying_count: of the files, those in partitions of others, searched in their key columns alone. report_digest: the
    SHA-256 of the scan report that lies beside the certificate.
    """

    identifier_count: int
    file_count: int
    byte_count: int
    residual_count: int
    outlying_count: int | None = None
    report_digest: str | None = None


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """Somebody who had got what the deletion touches: when they were told, and when they said that it is done there.

    told_at: None where they could not be told before the deletion was certified.
    """

    recipient_id: str
    export_id: str
    told_at: datetime | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """One right of one person, who approved which plan, and its outcome per dataset; it holds no identifier of theirs.

    `sequence` counts from 1 and `previous` is the SHA-256 of the certificate before, both filled in when it is issued.
    export_digest: the SHA-256 of the file in which the person reads what is stored of them.
    """

    request_id: str
    policy_version: str
    contract_digest: str
    requested_at: datetime
    completed_at: datetime
    plan_digest: str
    approved_by: str
    approved_at: datetime
    datasets: tuple[DatasetOutcome, ...]
    scan: ScanSummary
    kind: Kind = "deletion"
    sequence: int = 0
    previous: str | None = None
    export_digest: str | None = None
    recipients: tuple[RecipientOutcome, ...] = ()

    @property
    def final(self) -> bool:
        """Nothing of the subject is left, nothing is only going to expire, and everything could be looked into."""
        return self.scan.residual_count == 0 and all(part.outcome not in PENDING for part in self.datasets)


Record = TypeVar("Record", Certificate, DatasetOutcome, RecipientOutcome, ScanSummary)


def write_statement(certificate: Certificate) -> bytes:
    """Canonical JSON: sorted keys, no spaces, times in UTC."""
    record = asdict(certificate, dict_factory=state_fields) | {"final": certificate.final}
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def state_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    stated = ((name, value) for name, value in pairs if value not in (None, ()) or name not in ADDED_FIELDS)
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in stated}


def read_statement(payload: bytes, name: str) -> Certificate:
    """The certificate in a payload; raises CertificateInvalidError unless `write_statement` would write just that."""
    try:
        record = orjson.loads(payload)
        record.pop("final")
        certificate = read_record(Certificate, record)
    except (ValueError, TypeError, LookupError, AttributeError):
        raise invalid(name, "does not have the fields of a certificate") from None
    if write_statement(certificate) != payload:
        raise invalid(name, "is not canonical, or says final when it is not")
    return certificate


def check_statement(certificate: Certificate, name: str) -> None:
    """Raise CertificateInvalidError, naming the first rule that the certificate breaks."""
    for broken in list_broken_rules(certificate):
        raise invalid(name, broken)


def list_broken_rules(certificate: Certificate) -> Iterator[str]:
    yield from list_broken_head_rules(certificate)
    yield from list_broken_kind_rules(certificate)
    names = [part.dataset for part in certificate.datasets]
    if not names or len(set(names)) < len(names):
        yield "must name at least one dataset, and each once"
    yield from list_broken_recipient_rules(certificate.recipients)
    for part in certificate.datasets:
        rules = (*list_broken_outcome_rules(part, certificate.scan), *list_broken_span_rules(part, certificate.scan))
        yield from (f"dataset {part.dataset}: {rule}" for rule in rules)


def list_broken_head_rules(certificate: Certificate) -> Iterator[str]:
    if not SAFE_NAME.fullmatch(certificate.request_id):
        yield "must have a request id of letters, digits, dots, hyphens and underscores"
    for name in ("policy_version", "contract_digest", "plan_digest", "approved_by"):
        if not getattr(certificate, name).strip():
            yield f"must name its {name}"
    if any(
        time.tzinfo is None for time in (certificate.requested_at, certificate.approved_at, certificate.completed_at)
    ):
        yield "must give its times with their offset from UTC"
    elif certificate.completed_at < certificate.approved_at:
        yield "was completed before it was approved"


def list_broken_kind_rules(certificate: Certificate) -> Iterator[str]:
    own = OWN_OUTCOMES.get(certificate.kind)
    if own is None:
        yield f"the kind must be one of {', '.join(OWN_OUTCOMES)}"
    may_stay = {"restricted"} if certificate.kind == "unrestrict" else set()  # for want of consent
    foreign = {*OWN_OUTCOMES.values()} - {own} - may_stay
    if any(part.outcome in foreign for part in certificate.datasets):
        yield f"states an outcome that is not of {certificate.kind}"
    if certificate.export_digest is not None and certificate.kind != "access":
        yield "only access has an export"
    if certificate.kind != "deletion" and certificate.scan.residual_count:
        yield "was issued though the scan found what it must not find"


def list_broken_recipient_rules(recipients: Sequence[RecipientOutcome]) -> Iterator[str]:
    exports = [each.export_id for each in recipients]
    if len(set(exports)) < len(exports):
        yield "must name each export once"
    if not all(SAFE_NAME.fullmatch(name) for each in recipients for name in (each.recipient_id, each.export_id)):
        yield "must name recipients and exports by ids of letters, digits, dots, hyphens and underscores"
    if any(each.confirmed_at and not each.told_at for each in recipients):
        yield "cannot be confirmed by somebody who was not told"
    if any(time.tzinfo is None for each in recipients for time in (each.told_at, each.confirmed_at) if time):
        yield "must give its times with their offset from UTC"


def list_broken_outcome_rules(part: DatasetOutcome, scan: ScanSummary) -> Iterator[str]:
    touched = part.row_count + part.file_count
    if part.outcome not in get_args(Outcome):
        yield f"the outcome must be one of {', '.join(get_args(Outcome))}"
    if part.outcome == "erased" and scan.residual_count:
        yield "cannot be erased while the scan still finds the subject"
    if part.outcome == "erased" and not touched:
        yield "nothing was erased, so the outcome is absent"
    if part.outcome in OWN_OUTCOMES.values() and part.outcome != "erased" and not part.row_count:
        yield f"no row was {part.outcome}, so the outcome is absent"
    if part.outcome == "absent" and touched:
        yield "something was touched, so the outcome is not absent"
    if part.outcome in ("exempt", "unreachable") and not part.reason:
        yield f"an outcome that is {part.outcome} needs its reason"
    if (part.outcome == "expires") is not (part.expires_on is not None):
        yield "an outcome that expires, and only that, has an expiry date"
    if part.survivors_hash_before != part.survivors_hash_after:
        yield "the rows of others are not what they were before"


def list_broken_span_rules(part: DatasetOutcome, scan: ScanSummary) -> Iterator[str]:
    if part.until is not None and part.outcome != "exempt":
        yield "only an exemption has a last day"
    if part.until is None and part.outcome == "exempt" and scan.report_digest is not None:
        yield "an exemption needs its last day"
    if part.version_before is not None and (part.version_after is None or part.version_after < part.version_before):
        yield "what was scanned is older than what was planned for"


def read_record(kind: type[Record], record: dict[str, Any]) -> Record:
    """An instance of the dataclass from a JSON object with just its fields; ValueError or TypeError otherwise."""
    if not isinstance(record, dict):
        raise TypeError
    stated = {field.name for field in fields(kind) if field.name in record or field.name not in ADDED_FIELDS}
    if record.keys() != stated:
        raise ValueError
    hints = get_type_hints(kind)
    return kind(**{name: READERS[hints[name]](value) for name, value in record.items()})


def read_exactly(kind: type[Any], value: object) -> object:
    if type(value) is not kind:
        raise TypeError
    return value


def read_count(value: object) -> object:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def read_optional(read: Callable[[Any], Any], value: object) -> object:
    return None if value is None else read(value)


READERS: dict[Any, Callable[[Any], Any]] = {
    str: partial(read_exactly, str),
    Outcome: partial(read_exactly, str),
    Kind: partial(read_exactly, str),
    int: read_count,
    datetime: datetime.fromisoformat,
    datetime | None: partial(read_optional, datetime.fromisoformat),
    str | None: partial(read_optional, partial(read_exactly, str)),
    int | None: partial(read_optional, read_count),
    date | None: partial(read_optional, date.fromisoformat),
    ScanSummary: partial(read_record, ScanSummary),
    tuple[RecipientOutcome, ...]: lambda parts: tuple(read_record(RecipientOutcome, part) for part in parts),
    tuple[DatasetOutcome, ...]: lambda parts: tuple(read_record(DatasetOutcome, part) for part in parts),
}
