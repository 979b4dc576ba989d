"""Who may go, what is theirs, and what a rewrite leaves are what naive oracles say, whatever the data."""

import calendar
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.control.subjects import AccountFacts
from pipelines.deletion.closure import LINK_COLUMNS, close_identities, gather_links
from pipelines.deletion.eligibility import decide_eligibility
from pipelines.deletion.request import Subject
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.compact import Aim, compact_table
from pipelines.lake.layout import Lake, live_files, open_lake, open_table, read_columns
from pipelines.lake.purge import purge_table
from pipelines.lake.rewrite import Rewrite, Subjects, remove_subjects
from pipelines.proof.scan import scan
from pipelines.settings import REPOSITORY

CONTRACT = load_catalogue(REPOSITORY / "data_contracts").get("lake", "identity_links")
BUCKETS = int(CONTRACT.properties["buckets"])
FIRST_DAY = date(2026, 11, 20)
Row = tuple[int, int, int]  # user, device, day

days = st.dates(date(2020, 1, 1), date(2032, 12, 31))
people = st.integers(0, 5)
rows = st.tuples(people, people, st.integers(0, 1))
batches = st.lists(st.lists(rows, min_size=1, max_size=8), min_size=1, max_size=4)


def name_one(kind: str, number: int) -> bytes:
    return f"{kind}-{number}".encode().ljust(16, b"~")


def month_later(day: date) -> date:
    """The same day of the next month, or its last."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


@given(days, days)
@example(date(2026, 1, 31), date(2026, 2, 27))
@example(date(2026, 1, 31), date(2026, 2, 28))
@example(date(2028, 1, 31), date(2028, 2, 29))
def test_waiting_ends_a_calendar_month_after_the_last_transaction(last: date, today: date):
    decided = decide_eligibility(AccountFacts(0, 0, last), today)
    assert decided.eligible_on == month_later(last)
    assert decided.is_eligible is (today >= month_later(last))
    assert (decided.reason is None) is decided.is_eligible


@given(st.integers(0, 3), st.integers(0, 3), st.none() | days, days)
def test_nobody_goes_with_anything_open_and_nobody_waits_without_a_reason(
    listings: int, trades: int, last: date | None, today: date
):
    decided = decide_eligibility(AccountFacts(listings, trades, last), today)
    assert not (decided.is_eligible and (listings or trades))
    assert decided.is_eligible is (decided.reason is None)


PURPOSES = ("usage", "security", "membership")
Link = tuple[str, int, int]  # purpose, user, device
links = st.lists(st.tuples(st.sampled_from(PURPOSES), people, people), max_size=25)
known = st.tuples(st.sets(people, min_size=1, max_size=2), st.sets(people, max_size=2))  # users, devices
leavers = st.dictionaries(st.sampled_from("abcd"), known, min_size=1)


def frame_links(stored: Iterable[Link]) -> pl.DataFrame:
    rows = [(purpose, name_one(purpose, user), name_one("device", device)) for purpose, user, device in stored]
    schema = dict.fromkeys(LINK_COLUMNS, pl.Binary()) | {"purpose": pl.String()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def describe_people(users: Iterable[int], devices: Iterable[int] = ()) -> Subject:
    """A subject under every purpose, with devices that it came with."""
    known = tuple(name_one("device", device) for device in sorted(devices))
    return Subject(
        {purpose: tuple(name_one(purpose, user) for user in sorted(users)) for purpose in PURPOSES},
        dict.fromkeys(PURPOSES, known) if known else {},
    )


def close_naively(
    requests: dict[str, tuple[set[int], set[int]]], leaving: set[int], stored: list[Link]
) -> dict[str, tuple[set[int], set[tuple[str, int]], dict[str, int]]]:
    """Users, devices by purpose and counts by decision of each request: what follows is added until nothing does.

    A device that a request came with is as good as linked to its first member, until it is found to be shared.
    """
    asked = [users for users, _ in requests.values()]
    gone, persons = set().union(leaving, *asked), _unite([*asked, *({user} for user in leaving)])
    recalled = [
        (purpose, min(users), device) for users, known in requests.values() for device in known for purpose in PURPOSES
    ]
    closed = {}
    for name, (first_users, _) in requests.items():
        users = set(first_users)
        while met := {user for known in asked if users & known for user in known} - users:
            users |= met
        decided = {}
        for purpose, _, device in (link for link in [*stored, *recalled] if link[1] in users):
            of_device = {user for each, user, used in [*stored, *recalled] if (each, used) == (purpose, device)}
            alone = len({person for person in persons if person & of_device}) == 1
            decided[purpose, device] = "shared" if of_device - gone else "own" if alone else "joint"
        linked = {(purpose, device) for purpose, user, device in stored if user in users}
        decided = {device: decision for device, decision in decided.items() if decision != "shared" or device in linked}
        taken = {device for device, decision in decided.items() if decision != "shared"}
        counted = Counter(decision for (purpose, _), decision in decided.items() if purpose == "membership")
        closed[name] = (users, taken, dict(counted))
    return closed


def _unite(groups: Iterable[set[int]]) -> set[frozenset[int]]:
    """Groups that have a member in common as one."""
    united: list[set[int]] = []
    for group in groups:
        meeting = [each for each in united if each & group]
        united = [each for each in united if not each & group] + [group.union(*meeting)]
    return {frozenset(each) for each in united}


@given(leavers, st.sets(people, max_size=2), links)
def test_closure_is_what_following_every_link_by_hand_gives(
    requests: dict[str, tuple[set[int], set[int]]], leaving: set[int], stored: list[Link]
):
    frame = frame_links(stored)
    subjects = {name: describe_people(*known) for name, known in requests.items()}
    gone = [describe_people([user]) for user in sorted(leaving)]
    closures = close_identities(subjects, frame, gone)
    gathered = gather_links(lambda: [frame], [*subjects.values(), *gone])
    assert close_identities(subjects, gathered, gone) == closures
    for name, (users, taken, counted) in close_naively(requests, leaving, stored).items():
        closure = closures[name]
        assert set(closure.subject.pseudonyms("usage")) >= {name_one("usage", user) for user in users}
        assert {len(values) for values in closure.subject.users.values()} == {len(users)}
        found = {(purpose, device) for purpose, devices in closure.subject.devices.items() for device in devices}
        assert found == {(purpose, name_one("device", device)) for purpose, device in taken}
        assert closure.own_device_count == counted.get("own", 0)
        assert closure.joint_device_count == counted.get("joint", 0)
        assert closure.shared_device_count == counted.get("shared", 0)


@given(leavers, st.sets(people, max_size=2), links)
def test_closing_what_is_closed_changes_nothing(
    requests: dict[str, tuple[set[int], set[int]]], leaving: set[int], stored: list[Link]
):
    frame, gone = frame_links(stored), [describe_people([user]) for user in sorted(leaving)]
    once = close_identities({name: describe_people(*known) for name, known in requests.items()}, frame, gone)
    assert close_identities({name: closure.subject for name, closure in once.items()}, frame, gone) == once


def append(lake: Lake, batch: Iterable[Row], name: str) -> bool:
    columns = [column.name for column in CONTRACT.columns if column.name not in ("event_date", "subject_bucket")]
    frame = pl.DataFrame(
        [
            {
                **dict.fromkeys(columns, f"{user}-{device}"),
                "event_date": FIRST_DAY + timedelta(days=day),
                "subject_bucket": name_one("user", user)[0] % BUCKETS,
                "user_pseudonym": name_one("user", user),
                "device_pseudonym": name_one("device", device),
            }
            for user, device, day in batch
        ],
        schema=polars_schema(CONTRACT),
    )
    return commit_parts(lake, CONTRACT, write_parts(lake, CONTRACT, frame), name)


def read_rows(lake: Lake) -> Counter[str]:
    return Counter(read_columns(lake, CONTRACT, ["file_id"])["file_id"].to_list())


def count_pairs(kept: Iterable[Row]) -> Counter[str]:
    return Counter(f"{user}-{device}" for user, device, _ in kept)


def describe(user: int, devices: Iterable[int]) -> Subjects:
    return {
        "user_pseudonym": [name_one("user", user)],
        "device_pseudonym": [name_one("device", device) for device in devices],
    }


@settings(max_examples=25, deadline=None)
@given(batches, st.dictionaries(st.sampled_from("abc"), st.tuples(people, st.sets(people, max_size=2)), min_size=1))
def test_rewrite_removes_the_subjects_rows_and_rewrites_only_files_that_held_them(
    stored: list[list[Row]], requests: dict[str, tuple[int, set[int]]]
):
    def holds(row: Row, subject: tuple[int, set[int]]) -> bool:
        return row[0] == subject[0] or row[1] in subject[1]

    everything = [row for batch in stored for row in batch]
    kept = [row for row in everything if not any(holds(row, subject) for subject in requests.values())]
    hit_counts = {name: sum(holds(row, subject) for row in everything) for name, subject in requests.items()}
    with tempfile.TemporaryDirectory() as directory:
        lake = open_lake(directory)
        for number, batch in enumerate(stored):
            append(lake, batch, str(number))
        before = {file.path: file for file in live_files(open_table(lake, CONTRACT))}
        subjects = {name: describe(user, devices) for name, (user, devices) in requests.items()}
        done = remove_subjects(lake, CONTRACT, subjects, plan="plan", announce=lambda _: None)
        after = {file.path: file for file in live_files(open_table(lake, CONTRACT))}
        assert read_rows(lake) == count_pairs(kept)
    touched_rows = sum(file.row_count for path, file in before.items() if path not in after)
    written_rows = sum(file.row_count for path, file in after.items() if path not in before)
    assert touched_rows - written_rows == len(everything) - len(kept)
    assert (done is None) is (len(kept) == len(everything)) is (before == after)
    if done:
        assert done.row_counts == {name: count for name, count in hit_counts.items() if count}
        assert done.survivor_count == written_rows


operations = st.one_of(
    st.tuples(st.just("append"), st.lists(rows, min_size=1, max_size=5)),
    st.tuples(st.just("remove"), people),
    st.tuples(st.just("repeat"), st.integers(0, 9)),
    st.tuples(st.just("purge"), st.none()),
    st.tuples(st.just("merge"), st.none()),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(operations, min_size=2, max_size=10))
def test_any_order_of_appends_repeats_removals_merges_and_purges_is_what_a_list_would_hold(
    history: list[tuple[str, object]],
):
    model: list[Row] = []
    appended: list[list[Row]] = []
    removed: set[int] = set()
    with tempfile.TemporaryDirectory() as directory:
        lake = open_lake(directory)
        for operation, argument in history:
            match operation, argument:
                case "append", list(batch):
                    appended.append(batch)
                    assert append(lake, batch, str(len(appended)))
                    model += batch
                    removed -= {user for user, _, _ in batch}
                case "repeat", int(number) if number < len(appended):
                    assert not append(lake, appended[number], str(number + 1))
                case "remove", int(user):
                    remove_subjects(lake, CONTRACT, {"a": describe(user, [])}, plan="plan", announce=ignore)
                    model = [row for row in model if row[0] != user]
                    removed.add(user)
                case "merge", None:
                    compact_table(lake, CONTRACT, Aim(date.max, target_bytes=20_000, few_files=1))
                case "purge", None:
                    purge_table(lake, CONTRACT, orphan_age=0)
            assert read_rows(lake) == count_pairs(model)
        purge_table(lake, CONTRACT, orphan_age=0)
        gone = [name_one("user", user) for user in sorted(removed)]
        assert not gone or scan([Path(directory)], gone).clean


def ignore(_: Rewrite) -> None:
    pass
