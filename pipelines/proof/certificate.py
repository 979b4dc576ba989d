"""Certificates: signed, chained, holding no identifier, and verifiable offline by any JOSE library."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines.errors import CertificateInvalidError
from pipelines.proof.publication import lock, note, read_note, write_atomically
from pipelines.proof.report import name_report
from pipelines.proof.signature import (
    HINT,
    PublicKeys,
    invalid,
    name_key,
    new_signing_key,
    open_signed,
    read_public_keys,
    read_signing_key,
    sign,
    write_public_keys,
)
from pipelines.proof.statement import (
    Certificate,
    DatasetOutcome,
    Kind,
    Outcome,
    RecipientOutcome,
    ScanSummary,
    check_statement,
    read_statement,
    write_statement,
)

__all__ = [
    "Certificate",
    "DatasetOutcome",
    "Kind",
    "Outcome",
    "RecipientOutcome",
    "ScanSummary",
    "Verified",
    "issue",
    "new_signing_key",
    "verify",
    "verify_all",
]

KEY_SET = "signing_keys.jwks"


@dataclass(frozen=True, slots=True)
class Verified:
    """A certificate that holds, the SHA-256 of its file, which the next one names, and the key that signed it.

    Whoever notes `digest` and `sequence` of the last one elsewhere can later tell that the chain's end was not cut off.
    """

    path: Path
    certificate: Certificate
    digest: str
    key_id: str


def issue(certificate: Certificate, signing_key_pem: bytes, directory: Path) -> Path:
    """Sign the certificate, link it to the newest one, and write `<request_id>.jws`, atomically and with mode 0600.

    Issuing the same certificate again returns the file that is there. Raises CertificateInvalidError for a certificate
    that breaks a rule, that differs from the one already issued for the request, or that would follow a damaged one.
    """
    key = read_signing_key(signing_key_pem)
    name = f"{certificate.request_id}.jws"
    check_statement(certificate, name)
    with lock(directory) as notebook:
        keys = keep_public_key(key, directory / KEY_SET)
        if (directory / name).exists():
            return confirm_issued(directory / name, certificate, keys)
        newest = find_newest(directory, read_note(notebook), keys)
        chained = replace(
            certificate,
            sequence=newest.certificate.sequence + 1 if newest else 1,
            previous=newest.digest if newest else None,
        )
        payload = write_statement(chained)
        read_statement(payload, name)
        note(notebook, name)
        return write_atomically(directory / name, sign(payload, key))


def verify(paths: Sequence[Path], jwks: Path) -> tuple[Verified, ...]:
    """Check each certificate's signature, fields and scope, offline.

    Raises CertificateInvalidError naming the file and the rule.
    """
    keys = read_public_keys(read_bytes(jwks), jwks.name)
    return tuple(verify_one(path, keys) for path in paths)


def verify_all(directory: Path, jwks: Path | None = None) -> tuple[Verified, ...]:
    """Check every certificate of the directory, its scan report, and that all form one chain without a gap, in order.

    Trusts the key set beside them unless `jwks` names another. Raises CertificateInvalidError as `verify` does.
    """
    found = verify(sorted(directory.glob("*.jws")), jwks or directory / KEY_SET)
    chain = tuple(sorted(found, key=lambda verified: verified.certificate.sequence))
    previous: str | None = None
    for sequence, verified in enumerate(chain, start=1):
        name, certificate = verified.path.name, verified.certificate
        if name != f"{certificate.request_id}.jws":
            raise invalid(name, "is not named after its request")
        if certificate.sequence != sequence:
            raise invalid(name, f"has number {certificate.sequence} where the chain needs {sequence}")
        if certificate.previous != previous:
            raise invalid(name, "does not follow the certificate that is there before it")
        require_report(verified)
        previous = verified.digest
    return chain


def require_report(verified: Verified) -> None:
    """The scan report that a certificate rests on must lie beside it as it was."""
    digest = verified.certificate.scan.report_digest
    if (
        digest is not None
        and hashlib.sha256(read_bytes(name_report(verified.path.parent, digest))).hexdigest() != digest
    ):
        raise invalid(verified.path.name, "rests on a scan report that is not what it was")


def verify_one(path: Path, keys: PublicKeys) -> Verified:
    signed = read_bytes(path)
    payload, key_id = open_signed(signed, keys, path.name)
    certificate = read_statement(payload, path.name)
    check_statement(certificate, path.name)
    if certificate.sequence < 1 or (certificate.sequence == 1) is not (certificate.previous is None):
        raise invalid(path.name, "must name the one before it unless it is the first")
    return Verified(path, certificate, hashlib.sha256(signed).hexdigest(), key_id)


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise CertificateInvalidError(f"{path.name} is missing or cannot be read", hint=HINT) from None


def confirm_issued(path: Path, certificate: Certificate, keys: PublicKeys) -> Path:
    """The file already issued, if it says the same apart from its place in the chain and its time of completion."""
    issued = verify_one(path, keys).certificate
    same = replace(certificate, sequence=issued.sequence, previous=issued.previous, completed_at=issued.completed_at)
    if write_statement(same) != write_statement(issued):
        raise invalid(path.name, "was already issued for this request and says something else")
    return path


def find_newest(directory: Path, noted: str, keys: PublicKeys) -> Verified | None:
    """The end of the chain: the certificate noted last, unless it was never written or the count does not fit."""
    paths = [*directory.glob("*.jws")]
    if directory / noted in paths:
        newest = verify_one(directory / noted, keys)
        if newest.certificate.sequence == len(paths):
            return newest
    verified = (verify_one(path, keys) for path in paths)
    return max(verified, key=lambda each: each.certificate.sequence, default=None)


def keep_public_key(key: Ed25519PrivateKey, path: Path) -> PublicKeys:
    """All keys that ever signed here, this one included; the key set is written again only when this one is new."""
    public = key.public_key()
    known = read_public_keys(read_bytes(path), path.name) if path.exists() else {}
    if name_key(public) in known:
        return known
    write_atomically(path, write_public_keys([*known.values(), public]))
    return {**known, name_key(public): public}
