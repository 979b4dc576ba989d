"""A certificate says who was told, in words that hold; where nobody had anything, it says nothing of recipients."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import jwt
import orjson
import pytest

from pipelines.errors import CertificateInvalidError
from pipelines.proof.certificate import Certificate, DatasetOutcome, RecipientOutcome, ScanSummary, issue, verify_all
from pipelines.proof.notice import sign_notice
from pipelines.proof.signature import read_signing_key
from pipelines.proof.statement import check_statement, read_statement, write_statement

TOLD = datetime(2026, 11, 22, 1, 3, tzinfo=UTC)
LATER = TOLD + timedelta(minutes=1)
CERTIFICATE = Certificate(
    request_id="r-0001",
    policy_version="2026-11",
    contract_digest="0a",
    requested_at=datetime(2026, 11, 20, tzinfo=UTC),
    approved_at=datetime(2026, 11, 22, tzinfo=UTC),
    completed_at=datetime(2026, 11, 22, 1, 5, tzinfo=UTC),
    plan_digest="1b",
    approved_by="carol",
    datasets=(DatasetOutcome("lake.page_views", "erased", 12, 3),),
    scan=ScanSummary(identifier_count=5, file_count=900, byte_count=12_345_678, residual_count=0),
    sequence=1,
)
OUTCOMES = (
    RecipientOutcome("agency", "e-1", TOLD, LATER),
    RecipientOutcome("agency", "e-2", TOLD),
    RecipientOutcome("public", "e-3"),
)


def test_recipients_are_read_as_they_were_written():
    certificate = replace(CERTIFICATE, recipients=OUTCOMES)
    written = write_statement(certificate)
    assert read_statement(written, "c") == certificate
    check_statement(certificate, "c")
    assert orjson.loads(written)["recipients"][2] == {
        "recipient_id": "public",
        "export_id": "e-3",
        "told_at": None,
        "confirmed_at": None,
    }


def test_certificate_without_recipients_is_what_it_was_before_there_were_any():
    written = write_statement(CERTIFICATE)
    assert b"recipients" not in written
    assert read_statement(written, "c") == CERTIFICATE
    with pytest.raises(CertificateInvalidError):
        read_statement(orjson.dumps(orjson.loads(written) | {"recipients": []}, option=orjson.OPT_SORT_KEYS), "c")


def test_moments_are_written_in_utc():
    tokyo = replace(OUTCOMES[1], told_at=TOLD.astimezone(timezone(timedelta(hours=9))))
    written = [write_statement(replace(CERTIFICATE, recipients=(each,))) for each in (OUTCOMES[1], tokyo)]
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ((OUTCOMES[0], replace(OUTCOMES[1], export_id="e-1")), "each export once"),
        ((replace(OUTCOMES[0], told_at=None),), "confirmed by somebody who was not told"),
        ((replace(OUTCOMES[0], recipient_id="a b"),), "by ids of letters"),
        ((replace(OUTCOMES[0], export_id="../e"),), "by ids of letters"),
        ((replace(OUTCOMES[1], told_at=TOLD.replace(tzinfo=None)),), "offset from UTC"),
    ],
)
def test_what_cannot_be_is_not_certified(broken: tuple[RecipientOutcome, ...], rule: str):
    with pytest.raises(CertificateInvalidError, match=rule):
        check_statement(replace(CERTIFICATE, recipients=broken), "c")


@pytest.mark.parametrize("recipients", [[{}], [{"recipient_id": "a"}], "agency", [["agency"]], None, [None]])
def test_recipients_of_another_form_are_no_certificate(recipients: object):
    record = orjson.loads(write_statement(CERTIFICATE)) | {"recipients": recipients}
    with pytest.raises(CertificateInvalidError):
        read_statement(orjson.dumps(record, option=orjson.OPT_SORT_KEYS), "c")


def test_notice_is_signed_under_a_type_of_its_own_and_passes_for_no_certificate(tmp_path, signing_key: bytes):
    issue(replace(CERTIFICATE, sequence=0), signing_key, tmp_path)
    signed = sign_notice(write_statement(CERTIFICATE), signing_key, tmp_path)
    assert jwt.get_unverified_header(signed)["typ"] == "tokumei-notice"
    public = read_signing_key(signing_key).public_key()
    assert jwt.PyJWS().decode(signed, public, algorithms=["EdDSA"]) == write_statement(CERTIFICATE)
    (tmp_path / "r-0001.jws").write_bytes(signed)
    with pytest.raises(CertificateInvalidError, match="must have the header"):
        verify_all(tmp_path)
