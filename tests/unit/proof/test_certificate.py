"""A certificate verifies anywhere, cannot be altered or removed unseen, and never says more than the scan showed."""

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import CertificateInvalidError, ConfigurationError, HomeUnwritableError
from pipelines.proof.certificate import (
    Certificate,
    DatasetOutcome,
    ScanSummary,
    issue,
    new_signing_key,
    verify,
    verify_all,
)
from pipelines.proof.report import summarise_scan, write_report
from pipelines.proof.scan import ScanReport
from pipelines.proof.signature import read_signing_key, sign
from pipelines.proof.statement import write_statement

TOKYO = timezone(timedelta(hours=9))
CERTIFICATE = Certificate(
    request_id="r-0001",
    policy_version="2026-11",
    contract_digest="sha256:0a",
    requested_at=datetime(2026, 11, 20, 9, 30, tzinfo=TOKYO),
    approved_at=datetime(2026, 11, 22, 1, 0, tzinfo=UTC),
    completed_at=datetime(2026, 11, 22, 1, 5, tzinfo=UTC),
    plan_digest="sha256:1b",
    approved_by="carol",
    datasets=(
        DatasetOutcome("page_views", "erased", 12, 3, survivors_hash_before="2c", survivors_hash_after="2c"),
        DatasetOutcome("searches", "exempt", reason="holds no identifier"),
        DatasetOutcome("usage_daily", "recomputed", 4, 1),
        DatasetOutcome("identity_links", "absent"),
    ),
    scan=ScanSummary(identifier_count=5, file_count=900, byte_count=12_345_678, residual_count=0),
)
EXPIRES = DatasetOutcome("backups", "expires", file_count=1, expires_on=date(2026, 12, 22), reason="restore copies")
UNREACHABLE = DatasetOutcome("backups", "unreachable", reason="the copy cannot be mounted")
IDENTIFYING = ("user", "device", "email", "phone", "address", "identifier_value", "pseudonym", "subject")


def name_request(number: int) -> Certificate:
    return replace(CERTIFICATE, request_id=f"r-{number:04d}")


@pytest.fixture
def chain(tmp_path: Path, signing_key: bytes) -> list[Path]:
    return [issue(name_request(number), signing_key, tmp_path) for number in range(1, 4)]


def decode_part(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_issued_certificate_verifies_and_says_what_was_issued(tmp_path: Path, signing_key: bytes):
    path = issue(CERTIFICATE, signing_key, tmp_path / "certificates")
    [verified] = verify([path], path.parent / "signing_keys.jwks")
    assert verified.certificate == replace(
        CERTIFICATE, sequence=1, requested_at=datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    )
    assert verified.certificate.final
    assert verified.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (path.name, oct(path.stat().st_mode & 0o777)) == ("r-0001.jws", "0o600")


def test_certificates_form_a_chain(tmp_path: Path, chain: list[Path]):
    verified = verify_all(tmp_path)
    assert [each.path for each in verified] == chain
    assert [each.certificate.sequence for each in verified] == [1, 2, 3]
    assert [each.certificate.previous for each in verified] == [None, verified[0].digest, verified[1].digest]


def test_other_code_verifies_the_signature_with_the_key_set_alone(tmp_path: Path, chain: list[Path]):
    header, payload, signature = chain[0].read_text().split(".")
    [key] = json.loads((tmp_path / "signing_keys.jwks").read_text())["keys"]
    assert json.loads(decode_part(header))["kid"] == key["kid"]
    public = Ed25519PublicKey.from_public_bytes(decode_part(key["x"]))
    public.verify(decode_part(signature), f"{header}.{payload}".encode())
    thumbprint = hashlib.sha256(json.dumps({k: key[k] for k in ("crv", "kty", "x")}, separators=(",", ":")).encode())
    assert decode_part(key["kid"]) == thumbprint.digest()
    keys = jwt.PyJWKSet.from_json((tmp_path / "signing_keys.jwks").read_text())
    assert jwt.PyJWS().decode(chain[0].read_text(), keys[key["kid"]], algorithms=["EdDSA"])


def test_payload_has_no_field_for_an_identifier(chain: list[Path]):
    statement = json.loads(decode_part(chain[0].read_text().split(".")[1]))
    keys = {*statement, *statement["scan"], *statement["datasets"][0]}
    assert not [key for key in keys if any(word in key for word in IDENTIFYING)]
    assert all(isinstance(count, int) for count in statement["scan"].values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data(), flip=st.integers(1, 255))
def test_any_flipped_byte_is_noticed(tmp_path: Path, chain: list[Path], data: st.DataObject, flip: int):
    signed = bytearray(chain[1].read_bytes())
    position = data.draw(st.one_of(st.integers(0, len(signed) - 1), st.integers(len(signed) - 88, len(signed) - 1)))
    signed[position] ^= flip
    altered = tmp_path / "altered"
    altered.write_bytes(signed)
    with pytest.raises(CertificateInvalidError, match="altered"):
        verify([altered], tmp_path / "signing_keys.jwks")


@pytest.mark.parametrize("suffix", [b"\n", b"=", b"==", b".", b" "])
def test_anything_appended_is_noticed(tmp_path: Path, chain: list[Path], suffix: bytes):
    chain[2].write_bytes(chain[2].read_bytes() + suffix)
    with pytest.raises(CertificateInvalidError, match=r"r-0003\.jws is not one compact JWS"):
        verify_all(tmp_path)


@pytest.mark.parametrize("removed", [0, 1])
def test_removed_certificate_breaks_the_chain(tmp_path: Path, chain: list[Path], removed: int):
    chain[removed].unlink()
    with pytest.raises(CertificateInvalidError, match="where the chain needs"):
        verify_all(tmp_path)


def test_certificate_removed_and_renumbered_breaks_the_chain(tmp_path: Path, chain: list[Path], signing_key: bytes):
    forged = replace(name_request(1), approved_by="mallory", sequence=1)
    chain[0].write_bytes(sign(write_statement(forged), read_signing_key(signing_key)))
    with pytest.raises(CertificateInvalidError, match=r"r-0002\.jws does not follow"):
        verify_all(tmp_path)


def test_copied_certificate_breaks_the_chain(tmp_path: Path, chain: list[Path]):
    (tmp_path / "r-0004.jws").write_bytes(chain[2].read_bytes())
    with pytest.raises(CertificateInvalidError, match=r"r-0004\.jws"):
        verify_all(tmp_path)


def test_issue_after_a_removed_certificate_never_reuses_a_number(tmp_path: Path, chain: list[Path], signing_key: bytes):
    chain[0].unlink()
    path = issue(name_request(4), signing_key, tmp_path)
    assert verify([path], tmp_path / "signing_keys.jwks")[0].certificate.sequence == 4


def test_certificate_signed_with_an_unknown_key_is_refused(tmp_path: Path, chain: list[Path]):
    stranger = read_signing_key(new_signing_key())
    chain[0].write_bytes(sign(write_statement(replace(CERTIFICATE, sequence=1)), stranger))
    with pytest.raises(CertificateInvalidError, match="not in the key set"):
        verify_all(tmp_path)


@pytest.mark.parametrize("headers", [{"typ": "JWT"}, {"crit": ["exp"]}, {"jwk": {}}, {"alg": "HS256"}])
def test_certificate_with_another_header_is_refused(tmp_path: Path, chain: list[Path], headers: dict[str, object]):
    _, payload, signature = chain[0].read_text().split(".")
    header = json.loads(decode_part(chain[0].read_text().split(".")[0])) | headers
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    chain[0].write_text(f"{encoded}.{payload}.{signature}")
    with pytest.raises(CertificateInvalidError, match="header"):
        verify_all(tmp_path)


def test_issuing_again_returns_the_same_file_whatever_the_time(tmp_path: Path, chain: list[Path], signing_key: bytes):
    before = chain[0].read_bytes()
    later = replace(name_request(1), completed_at=datetime(2026, 11, 23, tzinfo=UTC))
    assert issue(later, signing_key, tmp_path) == chain[0]
    assert chain[0].read_bytes() == before
    assert len(verify_all(tmp_path)) == 3


@pytest.mark.usefixtures("chain")
def test_second_certificate_that_says_something_else_is_refused(tmp_path: Path, signing_key: bytes):
    with pytest.raises(CertificateInvalidError, match="already issued"):
        issue(replace(name_request(1), approved_by="dave"), signing_key, tmp_path)


def test_old_certificates_verify_after_the_signing_key_changed(tmp_path: Path, chain: list[Path]):
    issue(name_request(4), new_signing_key(), tmp_path)
    assert len({verified.key_id for verified in verify_all(tmp_path)}) == 2
    assert len(verify_all(tmp_path)) == len(chain) + 1


def test_certificate_with_a_pending_expiry_is_not_final(tmp_path: Path, signing_key: bytes):
    path = issue(replace(CERTIFICATE, datasets=(*CERTIFICATE.datasets, EXPIRES)), signing_key, tmp_path)
    [verified] = verify_all(tmp_path)
    assert not verified.certificate.final
    assert json.loads(decode_part(path.read_text().split(".")[1]))["final"] is False


def test_certificate_with_an_unreachable_dataset_is_never_final(tmp_path: Path, signing_key: bytes):
    path = issue(replace(CERTIFICATE, datasets=(*CERTIFICATE.datasets, UNREACHABLE)), signing_key, tmp_path)
    assert not verify_all(tmp_path)[0].certificate.final
    payload = decode_part(path.read_text().split(".")[1]).replace(b'"final":false', b'"final":true')
    path.write_bytes(sign(payload, read_signing_key(signing_key)))
    with pytest.raises(CertificateInvalidError, match="says final when it is not"):
        verify_all(tmp_path)


def test_certificate_from_before_versions_and_reports_were_stated_still_verifies(tmp_path: Path, signing_key: bytes):
    path = issue(CERTIFICATE, signing_key, tmp_path)
    statement = json.loads(decode_part(path.read_text().split(".")[1]))
    assert not {"version_before", "version_after", "until"} & statement["datasets"][0].keys()
    assert statement["scan"].keys() == {"identifier_count", "file_count", "byte_count", "residual_count"}


def test_scan_report_that_is_missing_or_altered_is_noticed(tmp_path: Path, signing_key: bytes):
    report = ScanReport(5, 900, 12_345_678, 0, (), (), 0, outlying_count=3, listing_digest="4e")
    kept = write_report(report, tmp_path)
    exempt = replace(CERTIFICATE.datasets[1], until=date(2029, 11, 22))
    datasets = (CERTIFICATE.datasets[0], exempt)
    issue(replace(CERTIFICATE, datasets=datasets, scan=summarise_scan(report)), signing_key, tmp_path)
    assert verify_all(tmp_path)[0].certificate.scan.outlying_count == 3
    content = kept.read_bytes()
    kept.write_bytes(content.replace(b"900", b"901"))
    with pytest.raises(CertificateInvalidError, match="scan report that is not what it was"):
        verify_all(tmp_path)
    kept.unlink()
    with pytest.raises(CertificateInvalidError, match="missing"):
        verify_all(tmp_path)


def test_reordered_certificates_are_noticed(tmp_path: Path, chain: list[Path]):
    first, second = chain[0].read_bytes(), chain[1].read_bytes()
    chain[0].write_bytes(second)
    chain[1].write_bytes(first)
    with pytest.raises(CertificateInvalidError, match="not named after its request"):
        verify_all(tmp_path)


def replace_dataset(**changes: object) -> Certificate:
    return replace(CERTIFICATE, datasets=(replace(CERTIFICATE.datasets[0], **changes),))


@pytest.mark.parametrize(
    ("certificate", "rule"),
    [
        (replace(CERTIFICATE, scan=replace(CERTIFICATE.scan, residual_count=1)), "still finds"),
        (replace_dataset(outcome="forgotten"), "outcome must be one of"),
        (replace_dataset(row_count=0, file_count=0), "absent"),
        (replace_dataset(outcome="absent"), "not absent"),
        (replace_dataset(outcome="exempt"), "needs its reason"),
        (replace_dataset(outcome="expires"), "expiry date"),
        (replace_dataset(expires_on=date(2027, 1, 1)), "expiry date"),
        (replace_dataset(survivors_hash_after="ff"), "rows of others"),
        (replace_dataset(survivors_hash_after=None), "rows of others"),
        (replace_dataset(row_count=-1), "fields"),
        (replace_dataset(outcome="unreachable"), "needs its reason"),
        (replace_dataset(until=date(2027, 1, 1)), "only an exemption"),
        (replace(CERTIFICATE, scan=replace(CERTIFICATE.scan, report_digest="3d")), "needs its last day"),
        (replace_dataset(version_before=7, version_after=6), "older than what was planned"),
        (replace_dataset(version_before=7), "older than what was planned"),
        (replace(CERTIFICATE, datasets=()), "at least one dataset"),
        (replace(CERTIFICATE, datasets=CERTIFICATE.datasets * 2), "each once"),
        (replace(CERTIFICATE, approved_by=" "), "approved_by"),
        (replace(CERTIFICATE, request_id="../r"), "request id"),
        (replace(CERTIFICATE, requested_at=CERTIFICATE.requested_at.replace(tzinfo=None)), "offset"),
        (replace(CERTIFICATE, completed_at=datetime(2026, 11, 21, tzinfo=UTC)), "before it was approved"),
    ],
)
def test_dishonest_certificate_is_neither_issued_nor_verified(
    tmp_path: Path, signing_key: bytes, certificate: Certificate, rule: str
):
    with pytest.raises(CertificateInvalidError, match=rule):
        issue(certificate, signing_key, tmp_path)
    assert not [*tmp_path.glob("*.jws")]
    if certificate.requested_at.tzinfo:
        issue(name_request(9), signing_key, tmp_path)
        forged = sign(write_statement(replace(certificate, sequence=1)), read_signing_key(signing_key))
        (tmp_path / "forged.jws").write_bytes(forged)
        with pytest.raises(CertificateInvalidError, match=rule):
            verify([tmp_path / "forged.jws"], tmp_path / "signing_keys.jwks")


@pytest.mark.parametrize("change", [{"final": False}, {"note": ""}, {"kind": 1}, {"sequence": True}, {"datasets": {}}])
def test_signed_payload_of_another_shape_is_refused(tmp_path: Path, signing_key: bytes, change: dict[str, object]):
    path = issue(CERTIFICATE, signing_key, tmp_path)
    statement = json.loads(decode_part(path.read_text().split(".")[1])) | change
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    path.write_bytes(sign(payload, read_signing_key(signing_key)))
    with pytest.raises(CertificateInvalidError, match=r"r-0001\.jws"):
        verify_all(tmp_path)


@pytest.mark.parametrize("key_set", [b"", b"[]", b'{"keys": [1]}', b'{"keys": [{"kty": "OKP", "x": 1}]}'])
def test_damaged_key_set_is_refused(tmp_path: Path, chain: list[Path], key_set: bytes):
    (tmp_path / "signing_keys.jwks").write_bytes(key_set)
    with pytest.raises(CertificateInvalidError, match=r"signing_keys\.jwks"):
        verify(chain, tmp_path / "signing_keys.jwks")


def test_missing_certificate_and_missing_key_set_are_named(tmp_path: Path, chain: list[Path]):
    with pytest.raises(CertificateInvalidError, match=r"gone\.jws is missing"):
        verify([tmp_path / "gone.jws"], tmp_path / "signing_keys.jwks")
    with pytest.raises(CertificateInvalidError, match=r"other\.jwks is missing"):
        verify(chain, tmp_path / "other.jwks")


@pytest.mark.parametrize("pem", [b"", b"not a key"])
def test_unusable_signing_key_is_refused(tmp_path: Path, pem: bytes):
    with pytest.raises(ConfigurationError, match="signing key"):
        issue(CERTIFICATE, pem, tmp_path)


def test_unwritable_directory_is_one_clear_error(tmp_path: Path, signing_key: bytes):
    (tmp_path / "certificates").write_bytes(b"a file")
    with pytest.raises(HomeUnwritableError, match="certificates cannot be written"):
        issue(CERTIFICATE, signing_key, tmp_path / "certificates")


ISSUE = """
import os, pathlib, sys
from dataclasses import replace
from test_certificate import CERTIFICATE
from pipelines.proof.certificate import issue
directory, key = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_bytes()
"""


def start_python(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", ISSUE + program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=Path(__file__).parent)


def test_crash_before_the_replacement_leaves_nothing_visible(tmp_path: Path, chain: list[Path], signing_key: bytes):
    key = tmp_path / "key.pem"
    key.write_bytes(signing_key)
    program = (
        "os.replace = lambda *paths: os._exit(9)\nissue(replace(CERTIFICATE, request_id='r-0004'), key, directory)"
    )
    assert start_python(program, tmp_path, key).wait() == 9
    assert len([*tmp_path.glob(".*.tmp")]) == 1
    assert [verified.path for verified in verify_all(tmp_path)] == chain
    issue(name_request(4), signing_key, tmp_path)
    assert len(verify_all(tmp_path)) == 4
    assert not [*tmp_path.glob(".*.tmp")]


def test_processes_that_issue_at_once_keep_one_chain(tmp_path: Path, signing_key: bytes):
    key = tmp_path / "key.pem"
    key.write_bytes(signing_key)
    program = "for n in range(20): issue(replace(CERTIFICATE, request_id=f'{sys.argv[3]}-{n}'), key, directory)"
    issuers = [start_python(program, tmp_path, key, name) for name in ("a", "b")]
    assert [issuer.wait() for issuer in issuers] == [0, 0]
    assert [verified.certificate.sequence for verified in verify_all(tmp_path)] == [*range(1, 41)]
