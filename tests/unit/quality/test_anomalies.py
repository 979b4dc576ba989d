"""A day is compared with the same weekday of the weeks before, by median and spread, once there are four of them."""

from datetime import date, timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.quality.anomalies import Series, compare_day, compare_days, fill_days

MONDAY = date(2026, 11, 16)
USUAL = [1000.0, 1040, 960, 1010, 990, 1030, 970, 1000]
WEEKS_BEFORE = [MONDAY - timedelta(weeks=number) for number in range(1, 9)]


def series(observed: float, history: list[float], *, only_high: bool = False, floor: float = 1) -> Series:
    by_day = {MONDAY: observed, **dict(zip(WEEKS_BEFORE, history, strict=False))}
    return Series("access", "accepted", "lines", by_day, floor=floor, only_high=only_high)


@pytest.mark.parametrize("observed", [0, 500, 3000])
def test_day_far_from_its_weekday_is_an_anomaly(observed: float):
    compared = compare_day(series(observed, USUAL), MONDAY)
    assert (compared.usual, compared.is_anomaly) == (1000, True)


@pytest.mark.parametrize("observed", [880, 1000, 1120])
def test_day_near_its_weekday_is_none(observed: float):
    assert not compare_day(series(observed, USUAL), MONDAY).is_anomaly


def test_one_wild_week_hides_nothing_and_accuses_nobody():
    history = [1000, 1040, 960, 1_000_000, 990, 1030, 970, 1000]
    assert not compare_day(series(1010, history), MONDAY).is_anomaly
    assert compare_day(series(0, history), MONDAY).is_anomaly


def test_other_weekdays_do_not_count():
    quiet = {MONDAY - timedelta(days=number): 5.0 for number in range(1, 57)}
    busy = dict.fromkeys(WEEKS_BEFORE, 1000.0)
    compared = compare_day(Series("access", "accepted", "lines", {**quiet, **busy, MONDAY: 1000}), MONDAY)
    assert (compared.usual, compared.z_score) == (1000, 0)


def test_three_weeks_are_too_few_to_know():
    assert compare_day(series(0, [1000.0] * 3), MONDAY) is None
    assert compare_day(series(0, [1000.0] * 4), MONDAY).is_anomaly


def test_ninth_week_before_is_not_looked_at():
    by_day = {MONDAY - timedelta(weeks=number): 1000.0 for number in range(9, 20)}
    assert compare_day(Series("access", "accepted", "lines", {**by_day, MONDAY: 0}), MONDAY) is None


def test_what_never_varied_may_vary_a_little():
    assert not compare_day(series(1100, [1000.0] * 8), MONDAY).is_anomaly
    assert compare_day(series(1200, [1000.0] * 8), MONDAY).is_anomaly
    assert not compare_day(series(3, [0.0] * 8), MONDAY).is_anomaly


def test_short_delay_is_good_news_and_a_long_one_is_not():
    history = [26.0, 25.5, 26.5, 26.0, 25.0, 27.0]
    assert not compare_day(series(1, history, only_high=True), MONDAY).is_anomaly
    assert compare_day(series(40, history, only_high=True), MONDAY).is_anomaly


def test_day_without_a_figure_is_not_compared():
    assert compare_days([Series("access", "accepted", "lines", dict.fromkeys(WEEKS_BEFORE, 1.0))], MONDAY) == ()


def test_days_on_which_nothing_came_count_as_nothing_from_the_first_day_on():
    first, last = date(2026, 11, 1), date(2026, 11, 4)
    assert fill_days({first: 5}, last) == {first: 5, date(2026, 11, 2): 0, date(2026, 11, 3): 0, last: 0}
    assert fill_days({}, last) == {}


def test_anomaly_says_figure_usual_and_score():
    compared = compare_day(series(0, [1000.0] * 8), MONDAY)
    assert str(compared) == ("access: accepted of 2026-11-16 is 0 lines, usually 1000 on that weekday (z -20.0)")


FIGURES = st.floats(0, 1e9)


@given(FIGURES, st.lists(FIGURES, min_size=4, max_size=8), st.floats(0.5, 100))
def test_score_is_what_a_plain_computation_gives(observed: float, history: list[float], floor: float):
    usual = median(history)
    deviation = 1.4826 * median([abs(value - usual) for value in history])
    expected = (observed - usual) / max(deviation, usual / 20, floor)
    compared = compare_day(series(observed, history, floor=floor), MONDAY)
    assert compared.z_score == pytest.approx(expected)
    assert compared.is_anomaly is (abs(compared.z_score) > 3.5)
