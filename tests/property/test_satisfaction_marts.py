"""What marts say of answers, in SQL, against the published formulas told step by step in plain Python."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from tests.property.selected_marts import K, Row, select

SUNDAY = date(2026, 10, 25)
ENOUGH = 30
NINE_STRANGERS: list[Row] = [
    {"event_date": SUNDAY, "survey_id": "one", "segment": "a", "key_id": "k", "user_pseudonym": None}
    | {"csat": 5, "nps": None, "ces": None}
] * 9
Z = statistics.NormalDist().inv_cdf(0.975)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson (1927), as it is printed: both roots of (p - share) ** 2 = z ** 2 * p * (1 - p) / n."""
    rate = hits / n
    middle = rate + Z**2 / (2 * n)
    spread = Z * math.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    return (middle - spread) / (1 + Z**2 / n), (middle + spread) / (1 + Z**2 / n)


def adjusted_wald(grades: Sequence[int]) -> tuple[float, float]:
    """Rocks (2016): 3/4 promoter, 3/4 detractor and 3/2 passive answers more; mean and variance of 1, 0 and -1."""
    n = len(grades) + 3
    mean = sum(grades) / n
    variance = (sum(grade**2 for grade in grades) + 1.5) / n - mean**2
    margin = Z * math.sqrt(variance / n)
    return max(100 * (mean - margin), -100), min(100 * (mean + margin), 100)


def student_interval(values: Sequence[int]) -> tuple[float, float]:
    margin = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return max(statistics.mean(values) - margin, 1), min(statistics.mean(values) + margin, 7)


def tell_scores(answers: Sequence[Row], withheld: frozenset[str] = frozenset()) -> Row:
    given_scores = {
        name: [answer[name] for answer in answers if answer[name] is not None] for name in ("csat", "nps", "ces")
    }
    row: Row = {f"{name}_count": len(values) for name, values in given_scores.items()}
    names = "csat_rate csat_low csat_high csat_top_rate csat_top_low csat_top_high"
    row |= dict.fromkeys([*names.split(), "nps", "nps_low", "nps_high", "ces_mean", "ces_low", "ces_high"])
    shown = {name: values for name, values in given_scores.items() if len(values) >= ENOUGH and name not in withheld}
    if csat := shown.get("csat"):
        for name, least in (("csat", 4), ("csat_top", 5)):
            hits = sum(value >= least for value in csat)
            row[f"{name}_rate"] = hits / len(csat)
            row[f"{name}_low"], row[f"{name}_high"] = wilson(hits, len(csat))
    if nps := shown.get("nps"):
        grades = [(value >= 9) - (value <= 6) for value in nps]
        row["nps"] = 100 * sum(grades) / len(nps)
        row["nps_low"], row["nps_high"] = adjusted_wald(grades)
    if ces := shown.get("ces"):
        row["ces_mean"] = statistics.mean(ces)
        row["ces_low"], row["ces_high"] = student_interval(ces)
    return row


def name_people(answers: Sequence[Row]) -> list[object]:
    """Who gave each answer of one survey and week: a stranger, or the member if of the key that most answered under."""
    keys = defaultdict(set)
    for answer in answers:
        if answer["user_pseudonym"]:
            keys[answer["key_id"]].add(answer["user_pseudonym"])
    main = max(keys, key=lambda key: (len(keys[key]), key), default=None)
    strangers = iter(range(len(answers)))
    return [
        next(strangers)
        if answer["user_pseudonym"] is None
        else (answer["user_pseudonym"] if answer["key_id"] == main else None)
        for answer in answers
    ]


@st.composite
def answers(draw: st.DrawFn) -> list[Row]:
    """Answers to two surveys in two weeks, many of them alike."""
    found = []
    scores = st.tuples(st.integers(1, 5) | st.none(), st.integers(0, 10) | st.none(), st.integers(1, 7) | st.none())
    for _ in range(draw(st.integers(2, 8))):
        day = SUNDAY + timedelta(days=draw(st.sampled_from([0, 0, 0, -6, 0, 1])))
        survey, segment = draw(st.sampled_from(["one", "one", "two"])), draw(st.sampled_from(["a", "b", "c", "d"]))
        members, times = draw(st.booleans()), draw(st.sampled_from([1, 9, 10, 15, 28, 30, 31, 45]))
        key = draw(st.sampled_from(["satisfaction-1", "satisfaction-1", "satisfaction-2"]))
        drawn = [draw(scores) for _ in range(3)]
        for number in range(times):
            csat, nps, ces = drawn[number % 3]
            who = f"{key}-{number % 23}".encode() if members else None
            found.append(
                {"event_date": day, "survey_id": survey, "segment": segment, "key_id": key, "user_pseudonym": who}
                | {"csat": csat, "nps": nps, "ces": ces}
            )
    return found


def by_survey(found: Iterable[Row]) -> dict[tuple[date, str], list[Row]]:
    groups = defaultdict(list)
    for answer in found:
        day = answer["event_date"]
        groups[day - timedelta(days=day.weekday()), answer["survey_id"]].append(answer)
    return dict(sorted(groups.items()))


WEEKS = [SUNDAY + timedelta(days=offset) for offset in range(-6, 8)]


def approximately(rows: Sequence[Row]) -> list[Row]:
    """Equal but for the sixth digit, which the expansion of Student's t does not reach."""
    return [
        {
            name: pytest.approx(value, rel=1e-5, abs=1e-9) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in rows
    ]


visits_of_members = st.lists(
    st.tuples(
        st.sampled_from(WEEKS),
        st.integers(0, 30) | st.none(),
        st.sampled_from(["usage-1", "usage-1", "usage-1", "usage-1", "usage-2"]),
    ),
    max_size=60,
)


@pytest.mark.slow
@given(answers(), visits_of_members)
@settings(max_examples=30)
def test_satisfaction_weekly_is_what_the_published_formulas_give(found: list[Row], visits: list[tuple]):
    views = [
        {"event_date": day, "user_pseudonym": None if who is None else f"{key} {who}".encode(), "key_id": key}
        | {"is_page_view": True}
        for day, who, key in visits
    ]
    expected = []
    for (week, survey), mine in by_survey(found).items():
        people = set(name_people(mine)) - {None}
        if len(people) < K:
            continue
        visited = [each for each in visits if each[1] is not None and timedelta(0) <= each[0] - week < timedelta(7)]
        active = len({who for _, who, _ in visited})
        answering = {answer["user_pseudonym"] for answer in mine} - {None}
        keys = {answer["key_id"] for answer in mine if answer["user_pseudonym"]}
        is_told = len({key for *_, key in visited}) == 1 and len(keys) <= 1 and active >= K
        row = {"week_start": week, "survey_id": survey, "response_count": len(mine), "respondents": len(people)}
        row["response_rate"] = len(answering) / active if is_told else None
        expected.append(row | tell_scores(mine))
    assert select("satisfaction_weekly", WEEKS, survey_responses=found, page_views=views) == approximately(expected)


def merge_segments(mine: Sequence[Row]) -> list[tuple[str, list[Row], int]]:
    """Segments shown, answers and people of each: the smallest are taken until none is small and they have enough."""
    people, segments = defaultdict(set), defaultdict(list)
    for answer, person in zip(mine, name_people(mine), strict=True):
        people[answer["segment"]] |= {person} - {None}
        segments[answer["segment"]].append(answer)
    cells = sorted(segments, key=lambda name: (len(people[name]), name))
    taken: list[str] = []
    merged: set[object] = set()
    while cells and (len(people[cells[0]]) < K or (taken and len(merged) < K)):
        taken.append(cells.pop(0))
        merged |= people[taken[-1]]
    if taken and len(merged) < K:
        return []
    rows = [(name, segments[name], len(people[name])) for name in cells]
    if taken:
        rows.append(("(other)", [answer for name in taken for answer in segments[name]], len(merged)))
    return sorted(rows, key=lambda row: row[0])


def withhold(segments: Sequence[tuple[str, list[Row], int]], score: str) -> frozenset[str]:
    """The segments without this score: those under thirty, and the next smallest until those withheld have thirty."""
    sizes = sorted((sum(answer[score] is not None for answer in mine), name) for name, mine, _ in segments)
    withheld, together = [], 0
    for size, name in sizes:
        if size < ENOUGH or 0 < together < ENOUGH:
            withheld.append(name)
            together += size
    return frozenset(withheld)


@pytest.mark.slow
@given(answers())
@settings(max_examples=40)
@example(NINE_STRANGERS)
def test_satisfaction_by_segment_is_what_merging_and_withholding_by_hand_gives(found: list[Row]):
    expected = []
    for (week, survey), mine in by_survey(found).items():
        segments = merge_segments(mine)
        hidden = {score: withhold(segments, score) for score in ("csat", "nps", "ces")}
        for name, members, people in segments:
            row = {"week_start": week, "survey_id": survey, "segment": name}
            row |= {"response_count": len(members), "respondents": people}
            without = frozenset(score for score in hidden if name in hidden[score])
            expected.append(row | tell_scores(members, without))
    shown = select("satisfaction_by_segment_weekly", WEEKS, survey_responses=found)
    assert shown == approximately(expected)


@pytest.mark.slow
@given(answers())
@settings(max_examples=30)
def test_withheld_segments_of_a_score_have_none_or_thirty_answers_together(found: list[Row]):
    totals = {
        (row["week_start"], row["survey_id"]): row
        for row in select("satisfaction_weekly", WEEKS, survey_responses=found)
    }
    parts = defaultdict(list)
    for row in select("satisfaction_by_segment_weekly", WEEKS, survey_responses=found):
        parts[row["week_start"], row["survey_id"]].append(row)
    for score, shown in (("csat_count", "csat_rate"), ("nps_count", "nps"), ("ces_count", "ces_mean")):
        for key, rows in parts.items():
            hidden = sum(row[score] for row in rows if row[shown] is None)
            assert hidden == 0 or hidden >= ENOUGH or totals[key][shown] is None
    assert {key: sum(row["response_count"] for row in rows) for key, rows in parts.items()} == {
        key: row["response_count"] for key, row in totals.items()
    }


# By hand


def test_wilson_interval_is_that_of_the_textbook():
    """81 of 263: 0.2553 to 0.3662 (Newcombe 1998, table I, method 3)."""
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_student_interval_uses_the_quantile_of_the_tables():
    """2.0452 for 29 degrees of freedom, in any table of Student's t."""
    values = [7] * 10 + [4] * 20
    low, high = student_interval(values)
    assert (high - low) / 2 == pytest.approx(2.0452 * statistics.stdev(values) / math.sqrt(30), rel=1e-4)
