"""Every line accounted for, and the limit on rejects."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from anonymization.keyring import Keyring
from anonymization.treatment import Vocabulary
from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.control.deliveries import LineCounts
from pipelines.errors import DataQualityError, ReconciliationError, RejectRateExceededError
from pipelines.ingestion.enrich import Batch
from pipelines.ingestion.readers import Chunk
from pipelines.ingestion.reconcile import check_counts, describe_rejected_lines
from pipelines.ingestion.reject import Reason, describe_rejects
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
ACCESS = CATALOGUE.get("sources", "access")


def test_counts_that_add_up_pass():
    check_counts(LineCounts(read=100, accepted=90, rejected=4, duplicate=5, suppressed=1), ACCESS)


@pytest.mark.parametrize("missing", ["accepted", "rejected", "duplicate", "suppressed"])
def test_line_that_is_nowhere_stops_everything(missing):
    counts = LineCounts(read=100, accepted=90, rejected=4, duplicate=5, suppressed=1)
    with pytest.raises(ReconciliationError, match="100 lines read, but accepted"):
        check_counts(replace(counts, **{missing: 0}), ACCESS)


def test_reject_limit_is_the_contracts_and_reaching_it_is_allowed():
    check_counts(LineCounts(read=100, accepted=95, rejected=5), ACCESS)
    with pytest.raises(RejectRateExceededError, match=r"6 of 100 lines rejected \(6.0 %, limit 5 %\)"):
        check_counts(LineCounts(read=100, accepted=94, rejected=6), ACCESS)


def test_person_who_looked_at_a_file_may_take_in_what_is_left_of_it():
    few = LineCounts(read=3, accepted=2, rejected=1)
    with pytest.raises(RejectRateExceededError, match="`tokumei ingest --accept-rejects FILE`"):
        check_counts(few, ACCESS)
    check_counts(few, ACCESS, accepts_rejects=True)


def test_line_at_which_a_file_is_cut_off_tells_nothing_against_the_others():
    check_counts(LineCounts(read=3, accepted=2, rejected=1), ACCESS, cut_off_count=1)
    with pytest.raises(RejectRateExceededError, match=r"1 of 3 lines rejected \(33.3 %, limit 5 %\)"):
        check_counts(LineCounts(read=4, accepted=2, rejected=2), ACCESS, cut_off_count=1)
    with pytest.raises(DataQualityError, match="cut off within its first line"):
        check_counts(LineCounts(read=1, rejected=1), ACCESS, cut_off_count=1, accepts_rejects=True)


def test_nothing_read_is_no_failure():
    check_counts(LineCounts(), ACCESS)


def test_rejected_line_keeps_position_but_not_address():
    chunk = Chunk(b"ok\n203.0.113.7 is not a line\n", first_line=11, byte_offset=1000)
    rejects = describe_rejects({1: Reason.MALFORMED_LINE}, chunk)
    batch = Batch("access", "0123456789abcdef", Keyring(()), Vocabulary())
    table = CATALOGUE.get("lake", "rejected_lines")
    rows = describe_rejected_lines(rejects, batch, date(2026, 11, 22))
    assert rows.schema == polars_schema(table)
    assert rows.to_dicts() == [
        {
            "received_date": date(2026, 11, 22),
            "source": "access",
            "file_id": "0123456789abcdef",
            "line_number": 12,
            "byte_offset": 1003,
            "reason": "malformed_line",
            "shape": "9.9.9.9 a a a a",
            "byte_count": 25,
        },
    ]
    assert "203.0.113.7" not in str(rows.to_dicts())
    assert describe_rejects({}, chunk).schema == pl.Schema(rejects.schema)
