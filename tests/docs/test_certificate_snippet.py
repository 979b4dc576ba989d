"""The README's program, which uses another JOSE library than ours, verifies our certificates and misses none."""

import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.proof.certificate import Certificate, DatasetOutcome, ScanSummary, issue, new_signing_key
from pipelines.settings import REPOSITORY

[PROGRAM] = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CERTIFICATE = Certificate(
    request_id="r-1",
    policy_version="1",
    contract_digest="0a",
    requested_at=NOON,
    approved_at=NOON,
    completed_at=NOON,
    plan_digest="1b",
    approved_by="carol",
    datasets=(DatasetOutcome("lake.page_views", "absent"),),
    scan=ScanSummary(5, 900, 12_345, 0),
)


@pytest.fixture
def chain(tmp_path: Path) -> list[Path]:
    key = new_signing_key()
    return [issue(replace(CERTIFICATE, request_id=f"r-{number}"), key, tmp_path) for number in range(1, 4)]


def run_program(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, directory], capture_output=True, text=True, check=False)


def test_program_of_the_readme_verifies_every_certificate(tmp_path: Path, chain: list[Path]):
    assert run_program(tmp_path).stdout == "r-1 final\nr-2 final\nr-3 final\n"


def test_program_of_the_readme_notices_an_altered_certificate(tmp_path: Path, chain: list[Path]):
    header, payload, signature = chain[1].read_text().split(".")
    chain[1].write_text(".".join([header, payload, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")]))
    assert "BadSignatureError" in run_program(tmp_path).stderr


def test_program_of_the_readme_misses_a_certificate_that_was_taken_out(tmp_path: Path, chain: list[Path]):
    chain[1].unlink()
    assert "a certificate is missing" in run_program(tmp_path).stderr
