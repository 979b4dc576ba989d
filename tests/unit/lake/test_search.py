"""A search serves any number of requests in one pass, and reads no more than may hold the subjects."""

import secrets
from collections import Counter
from datetime import date
from random import Random

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.lake import rewrite as rewrite_module
from pipelines.lake.append import add_action, commit_actions, commit_parts, write_file, write_parts
from pipelines.lake.layout import open_table, read_columns
from pipelines.lake.rewrite import locate_subjects, remove_subjects
from pipelines.proof.scan import scan

DAY = date(2026, 11, 20)
USERS, REQUESTS = 25_000, 10_000


@pytest.fixture
def files_read(monkeypatch):
    """Path and columns of every file that is read, the real reader behind it."""
    read_file, seen = rewrite_module.read_file, []

    def read_and_note(lake, contract, path, columns=None):
        seen.append((path, columns))
        return read_file(lake, contract, path, columns)

    monkeypatch.setattr(rewrite_module, "read_file", read_and_note)
    return seen


def store_in(table, bucket, pairs, batch):
    """Rows in a bucket of one's choice."""
    rows = table.build(pairs).drop(table.contract.partition_columns)
    file = write_file(table.lake, table.contract.name, {"event_date": str(DAY), "subject_bucket": str(bucket)}, rows)
    commit_actions(open_table(table.lake, table.contract), [add_action(file)], batch)
    return file


def test_member_is_looked_for_in_the_bucket_of_their_pseudonym_only(table, files_read):
    table.append([(1, 1), (2, 2), (4, 4)], "a")
    [touched] = locate_subjects(table.lake, table.contract, {"request": table.subject(1)})
    assert files_read == [(touched.file.path, ["user_pseudonym"])]
    assert touched.file.partition["subject_bucket"] == "1"


def test_device_is_looked_for_in_every_bucket_since_rows_lie_by_member(table, files_read):
    table.append([(1, 7), (2, 7)], "a")
    touched = locate_subjects(table.lake, table.contract, {"request": table.subject(1, 7)})
    assert [dict(hit.hits) for hit in touched] == [{"request": 1}, {"request": 1}]
    columns = {path.split("subject_bucket=")[1][0]: columns for path, columns in files_read}
    assert columns == {"0": ["device_pseudonym"], "1": ["device_pseudonym", "user_pseudonym"]}


def test_only_touched_files_are_read_whole(table, files_read):
    table.append([(1, 1), (3, 3)], "a")
    table.append([(5, 5)], "b")
    paths = table.paths()
    table.remove({"request": table.subject(1)})
    whole = [path for path, columns in files_read if columns is None]
    assert len([path for path in whole if path in paths]) == 1
    assert len(whole) == 2, "the touched one, and what was written in its place"


def test_row_in_the_wrong_bucket_is_caught_by_the_proof_and_found_by_a_search_that_trusts_no_bucket(table):
    astray = store_in(table, 0, [(1, 1), (3, 3)], "astray")
    request = {"request": table.subject(1)}
    assert table.remove(request) == []
    report = scan([table.root], [table.pseudonym(1)])
    assert {finding.path.endswith(astray.path) for finding in report.findings} == {True}
    remove_subjects(table.lake, table.contract, request, plan="plan", announce=lambda _: None, trusts_buckets=False)
    assert table.pairs() == [(3, 3)]


def test_identical_rows_of_two_people_are_counted_both_and_one_deleted_leaves_the_other(table):
    same = table.build([(1, 7), (1, 7), (3, 7)]).with_columns(file_id=pl.lit("0000000000000001"))
    commit_parts(table.lake, table.contract, write_parts(table.lake, table.contract, same), "a")
    [rewrite] = table.remove({"first": table.subject(1), "again": table.subject(1)})
    assert rewrite.row_counts == {"first": 2, "again": 2}
    left = read_columns(table.lake, table.contract, ["user_pseudonym", "device_pseudonym"])
    assert left.rows() == [(table.pseudonym(3), table.pseudonym(7))]
    [rewrite] = table.remove({"second": table.subject(3)})
    assert (rewrite.row_counts, table.pairs()) == ({"second": 1}, [])


def test_ten_thousand_requests_in_one_batch_each_lose_their_rows_and_nobody_else_does(table):
    random, people = Random(5), [secrets.token_bytes(16) for _ in range(USERS)]
    rows = [(random.choice(people), random.choice(people)) for _ in range(3 * USERS)]
    frame = pl.DataFrame(rows, schema={"user_pseudonym": pl.Binary, "device_pseudonym": pl.Binary}, orient="row")
    frame = frame.with_columns(
        event_date=pl.lit(DAY),
        subject_bucket=pl.Series([user[0] % 2 for user, _ in rows]),
        purpose=pl.lit("usage"),
        key_id=pl.lit("usage-1"),
        file_id=pl.lit("0" * 16),
    )
    parts = write_parts(table.lake, table.contract, frame.select(polars_schema(table.contract).names()))
    commit_parts(table.lake, table.contract, parts, "a")
    asking = people[: REQUESTS - 1]
    requests = {f"of {number}": {"user_pseudonym": [who]} for number, who in enumerate(asking)}
    requests["once more"] = {"user_pseudonym": [people[0]], "device_pseudonym": [people[-1]]}
    [rewrite] = table.remove(requests)
    leaving = set(asking)
    expected = Counter(user for user, _ in rows if user in leaving)
    counts = {f"of {number}": expected[who] for number, who in enumerate(asking) if expected[who]}
    counts["once more"] = sum(user == people[0] or device == people[-1] for user, device in rows)
    assert rewrite.row_counts == counts
    left = read_columns(table.lake, table.contract, ["user_pseudonym", "device_pseudonym"]).rows()
    assert Counter(left) == Counter(row for row in rows if row[0] not in leaving and row[1] != people[-1])
