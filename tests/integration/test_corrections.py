"""Survey answers corrected on request: exactly once whatever crashes, with a history that a deletion takes along."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import polars as pl
import pytest

from pipelines.control.deliveries import unbuilt_dates
from pipelines.errors import ConfigurationError
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.correct import correct_subject, describe_correction
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.restrict import restrict_member
from pipelines.journeys.retain import place_hold
from pipelines.lake.rewrite import multiset_hash
from pipelines.proof.scan import scan
from tests.integration.conftest import DAYS, LEAVER, NEIGHBOUR

ANSWERED = date.fromisoformat(DAYS[1])
WORST = {"attribute": "csat", "value": "1"}
HISTORY = ["user_pseudonym", "attribute", "old_value", "new_value", "request_id"]


def is_of(town, user: str) -> pl.Expr:
    return pl.col("user_pseudonym").is_in(list(town.subject(user).users["satisfaction"]))


def hash_others(town, user: str) -> int:
    return multiset_hash(town.rows("survey_responses").filter(~is_of(town, user)))


def correct(town, user: str = NEIGHBOUR, request_id: str | None = None, **detail: str):
    return correct_subject(town.house, request_id or str(uuid4()), town.subject(user), detail or WORST)


def test_correction_changes_one_attribute_of_one_member_and_its_history_says_what_it_was(town):
    before, request_id = town.rows("survey_responses"), str(uuid4())
    planned = describe_correction(town.house, town.subject(NEIGHBOUR), WORST)
    facts = correct(town, request_id=request_id)
    after = town.rows("survey_responses")
    expected = before.with_columns(csat=pl.when(is_of(town, NEIGHBOUR)).then(1).otherwise("csat").cast(pl.Int32))
    assert multiset_hash(after) == multiset_hash(expected)
    assert [(each["table"], each["rows"]) for each in planned] == [("survey_responses", 1), ("survey_corrections", 1)]
    assert (facts.row_count, facts.hash_after) == (1, facts.hash_before)
    [own] = town.subject(NEIGHBOUR).users["satisfaction"]
    history = town.rows("survey_corrections")
    assert history.select(HISTORY).rows() == [(own, "csat", "4", "1", request_id)]
    [answer] = after.filter(is_of(town, NEIGHBOUR)).rows(named=True)
    [noted] = history.rows(named=True)
    assert (noted["file_id"], noted["line_number"]) == (answer["file_id"], answer["line_number"])


def test_marts_of_the_corrected_day_are_built_anew(town):
    correct(town)
    assert unbuilt_dates(town.house.ledger) == (ANSWERED,)
    assert ANSWERED in build_marts(town.house).event_dates
    assert unbuilt_dates(town.house.ledger) == ()


def test_correction_repeated_changes_nothing_more_even_when_later_answers_came(town):
    request_id = str(uuid4())
    first = correct(town, request_id=request_id)
    answer = {"survey_id": "winter", "channel": "app", "segment": "buyer", "csat": 4, "nps": 9, "ces": 2}
    late = {"time": f"{DAYS[1]}T23:00:00+09:00", "user_id": NEIGHBOUR, "comment": None, "language": "ja"}
    town.land("surveys", "late.jsonl", [answer | late])
    town.take_in()
    again = correct(town, request_id=request_id)
    assert (again.row_count, town.rows("survey_corrections").height) == (first.row_count, 1)
    assert sorted(town.rows("survey_responses").filter(is_of(town, NEIGHBOUR))["csat"]) == [1, 4]


@pytest.mark.parametrize(("event_date", "row_count"), [(DAYS[1], 1), (DAYS[0], 0), ("", 1)])
def test_only_the_answers_of_the_day_that_is_named_are_corrected(town, event_date: str, row_count: int):
    facts = correct(town, attribute="language", value="en-GB", event_date=event_date)
    said = town.rows("survey_responses").filter(is_of(town, NEIGHBOUR))["language"].to_list()
    assert (facts.row_count, said) == (row_count, ["en" if row_count else "ja"])


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"attribute": "comment", "value": "u100000003"}, "cannot be corrected; name one of segment, csat, nps, ces"),
        ({"attribute": "user_pseudonym", "value": "00"}, "cannot be corrected"),
        ({"attribute": "csat", "value": "6"}, "none that survey_responses.csat may hold"),
        ({"attribute": "csat", "value": "-1"}, "none that"),
        ({"attribute": "csat", "value": "４"}, "none that"),
        ({"attribute": "csat", "value": ""}, "none that"),
        ({"attribute": "nps", "value": "11"}, "none that"),
        ({"attribute": "segment", "value": "u100000003"}, "none that"),
        ({"attribute": "language", "value": "*"}, "none that"),
        ({"attribute": "language", "value": "x" * 65}, "none that"),
        ({"attribute": "csat", "value": "1", "event_date": "2026-13-01"}, "is no date"),
        ({"attribute": "csat", "value": "1", "event_date": "20261101"}, "is no date"),
        ({"attribute": "csat"}, "needs attribute and value"),
        ({"attribute": "csat", "value": "1", "user_id": "u100000003"}, "needs attribute and value"),
    ],
)
def test_what_the_contract_does_not_allow_is_refused_without_being_quoted(shared_town, detail, words: str):
    with pytest.raises(ConfigurationError, match=words) as refused:
        correct_subject(shared_town.house, str(uuid4()), shared_town.subject(NEIGHBOUR), detail)
    assert "u100000003" not in str(refused.value)
    assert shared_town.rows("survey_corrections").is_empty()


@pytest.fixture(scope="module")
def shared_town(open_town):
    """A town that no test of this file changes."""
    return open_town()


def test_nothing_under_a_hold_is_corrected(town):
    today = datetime.now(UTC).date() + timedelta(days=2)
    place_hold(town.house, "survey_responses", legal_basis="court order", ends_on=today, placed_by="officer")
    before = multiset_hash(town.rows("survey_responses"))
    assert describe_correction(town.house, town.subject(NEIGHBOUR), WORST)[0]["held_until"] == today.isoformat()
    with pytest.raises(ConfigurationError, match="survey_responses is held until"):
        correct(town)
    assert multiset_hash(town.rows("survey_responses")) == before
    assert town.rows("survey_corrections").is_empty()


def test_restricted_member_may_still_have_their_answers_corrected(town):
    restrict_member(town.house, NEIGHBOUR, restricted_by="officer")
    assert correct(town).row_count == 1


POINTS = [
    ("write_parts", 1),
    ("commit_parts", 1),
    ("note_history", 1),
    ("write_file", 1),
    ("commit_actions", 1),
    ("touch_dates", 1),
    ("purge_table", 1),
]


@pytest.mark.parametrize(("step", "count"), POINTS)
def test_correction_ends_the_same_after_a_crash(open_town, crash_in, step: str, count: int):
    town, request_id = open_town(), str(uuid4())
    others = hash_others(town, NEIGHBOUR)
    crash_in("correct_until.py", town.home, step, count, request_id=request_id, user_id=NEIGHBOUR)
    facts = correct(town, request_id=request_id)
    assert (facts.row_count, facts.hash_after) == (1, facts.hash_before)
    assert town.rows("survey_responses").filter(is_of(town, NEIGHBOUR))["csat"].to_list() == [1]
    assert hash_others(town, NEIGHBOUR) == others
    assert town.rows("survey_corrections")["old_value"].to_list() == ["4"]
    assert unbuilt_dates(town.house.ledger) == (ANSWERED,)


def test_history_of_a_correction_goes_with_its_member(town):
    for user in (LEAVER, NEIGHBOUR):
        correct(town, user)
    accept_landed(town.house)
    gone = [value for purpose in ("usage", "satisfaction") for value in town.subject(LEAVER).users[purpose]]
    town.finish(town.approve())
    assert scan([town.home], gone, excluded=[town.home / "keys"]).clean
    history = town.rows("survey_corrections")
    assert history.filter(is_of(town, LEAVER)).is_empty()
    assert history.filter(is_of(town, NEIGHBOUR)).height == 1
