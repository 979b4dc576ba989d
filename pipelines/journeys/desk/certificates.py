"""A request's certificate, verified anew each time that somebody reads it, alone and in its chain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import CertificateInvalidError
from pipelines.journeys.house import House
from pipelines.proof.certificate import KEY_SET, Certificate, verify, verify_all


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate and whether it holds. problem: the rule that it breaks, with no certificate then.

    chain_length: of the whole chain, None unless that holds; chain_problem: why it does not.
    """

    certificate: Certificate | None
    key_id: str | None
    digest: str | None
    problem: str | None
    chain_length: int | None = None
    chain_problem: str | None = None


def find_certificate(house: House, request_id: str) -> Path | None:
    """The file of a request that is known; None while there is no certificate."""
    path = house.settings.certificates / f"{request_id}.jws"
    return path if path.is_file() else None


def find_export(house: House, request_id: str, form: str) -> Path | None:
    """What was exported for a request that is known, as html or json; None when there is nothing, or no longer."""
    path = house.settings.access_exports / f"{request_id}.{form}"
    return path if path.is_file() else None


def read_certificate(house: House, request_id: str) -> CertificateView | None:
    """The certificate of a request that is known, and whether it and its chain hold; None while there is none."""
    path = find_certificate(house, request_id)
    if path is None:
        return None
    directory = house.settings.certificates
    try:
        verified = verify([path], directory / KEY_SET)[0]
    except CertificateInvalidError as error:
        return CertificateView(None, None, None, str(error.args[0]))
    length, chain_problem = _verify_chain(directory)
    return CertificateView(verified.certificate, verified.key_id, verified.digest, None, length, chain_problem)


def _verify_chain(directory: Path) -> tuple[int | None, str | None]:
    try:
        return len(verify_all(directory)), None
    except CertificateInvalidError as error:
        return None, str(error.args[0])
