"""What the ledger notes of the runs adds up to what a certificate says of one request."""

import json

from pipelines.deletion.outcome import Erased, describe_forgotten, describe_rewrite, sum_erased, summarise_outcome
from pipelines.lake.rewrite import Rewrite


def rewrite(number: int, rows: dict[str, int], survivor_hash: str) -> Rewrite:
    return Rewrite("page_views", number, rows, dict.fromkeys(rows, 1), 10, survivor_hash)


OUTCOME = json.loads(
    json.dumps(
        {
            "page_views": {
                "1": describe_rewrite(rewrite(1, {"a": 5, "b": 7}, "f" * 16)),
                "2": describe_rewrite(rewrite(2, {"a": 1}, "0" * 15 + "2")),
            },
            "account_facts": {"a": describe_forgotten({"a": 1}), "b": describe_forgotten({"b": 1})},
        }
    )
)


def test_rewrites_add_up_for_each_request():
    assert sum_erased(OUTCOME, "page_views", "a") == Erased(6, 2, "0" * 15 + "1")
    assert sum_erased(OUTCOME, "page_views", "b") == Erased(7, 1, "f" * 16)


def test_forgotten_facts_count_for_their_own_request():
    assert sum_erased(OUTCOME, "account_facts", "a") == Erased(1, 0, None)
    assert sum_erased(OUTCOME, "account_facts", "b") == Erased(1, 0, None)


def test_what_was_never_noted_was_not_there():
    assert sum_erased(OUTCOME, "page_views", "c") == Erased(0, 0, None)
    assert sum_erased(OUTCOME, "searches", "a") == Erased(0, 0, None)


def test_rows_of_several_requests_count_once_in_the_summary():
    rows = {"a": 2, "b": 2, "everybody": 3}
    noted = {"page_views": {"1": describe_rewrite(rewrite(1, rows, "f" * 16))}}
    assert summarise_outcome(noted) == {"page_views": {"rows": 3, "files": 1}}


def test_summary_is_of_all_requests():
    assert summarise_outcome(OUTCOME) == {
        "page_views": {"rows": 13, "files": 3},
        "account_facts": {"rows": 2, "files": 0},
    }
